"""Which GPUs this process may use, asked in another one: who has touched CUDA can fork no process that uses it."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache

from regmix.core.errors import InputError


@cache
def gpus() -> tuple[int, dict[str, str]]:
    """How many there are, and what of them decides bits: their model and torch's CUDA.

    Raises InputError if there are none, or of several models, which would give a run other bits.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        try:
            models, cuda = pool.submit(_ask).result()
        except (RuntimeError, BrokenProcessPool) as error:
            raise InputError(
                f"machine.device: cuda, but torch cannot use the GPUs here ({str(error).splitlines()[0]}); fix that "
                "(`python -c 'import torch; torch.cuda.init()'` shows it), or set it to cpu in params.yaml"
            ) from None
    if not models:
        raise InputError(
            "machine.device: cuda, but torch finds no GPU here; set it to cpu in params.yaml, or run where there is "
            "one, with a torch that was built for CUDA"
        )
    if len(set(models)) > 1:
        raise InputError(
            f"machine.device: cuda, but the GPUs here are of several models ({', '.join(sorted(set(models)))}), which "
            "round differently; name those of one in CUDA_VISIBLE_DEVICES"
        )
    return len(models), {"kernels": f"CUDA {cuda}", "processor": models[0]}


def _ask() -> tuple[list[str], str | None]:
    import torch

    return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())], torch.version.cuda
