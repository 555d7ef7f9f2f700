"""Which GPUs this process can use. A child process asks CUDA: a process that has initialised CUDA must not fork."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache

from regmix.core.errors import InputError


@cache
def gpus() -> tuple[int, dict[str, str]]:
    """The number of GPUs, and what decides the bits of results: their model and torch's CUDA version.

    Raises InputError if there are none, or several models, which would give different bits.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        try:
            models, cuda = pool.submit(_query).result()
        except (RuntimeError, BrokenProcessPool) as error:
            raise InputError(
                f"machine.device: cuda, but torch cannot use the GPUs here ({str(error).splitlines()[0]}); fix that "
                "(`python -c 'import torch; torch.cuda.init()'` shows it), or set it to cpu in params.yaml"
            ) from None
    if not models:
        raise InputError(
            "machine.device: cuda, but torch finds no GPU here; set it to cpu in params.yaml, or run on a machine "
            "with a GPU and a torch built for CUDA"
        )
    if len(set(models)) > 1:
        raise InputError(
            f"machine.device: cuda, but the GPUs here are of different models ({', '.join(sorted(set(models)))}), "
            "which round differently; list only GPUs of one model in CUDA_VISIBLE_DEVICES"
        )
    return len(models), {"kernels": f"CUDA {cuda}", "processor": models[0]}


def _query() -> tuple[list[str], str | None]:
    import torch

    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())], torch.version.cuda
