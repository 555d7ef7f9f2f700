"""Forked processes on this machine, so that token files stay mapped: ``machine.processes`` with one thread each.

With ``machine.device: cuda`` they take the GPUs in turn; if there are more processes than GPUs, several share a GPU.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from regmix.core.errors import InputError
from regmix.core.forked import follow_parent
from regmix.core.settings import Strict
from regmix.engine.compute.pytorch.gpus import gpus
from regmix.engine.compute.select import compute_of
from regmix.engine.packs import packs
from regmix.engine.run import Run
from regmix.engine.store.keys import hardware, run_key
from regmix.engine.store.runs import RunStore
from regmix.engine.train_pack import Assignment, train_pack
from regmix.launchers._progress import Progress


class Options(Strict):
    """No options."""


def places(store: RunStore, compute: str) -> list[dict[str, str]]:
    """This machine. Raises InputError if the runs need a GPU and it has none."""
    return [hardware(compute)]


def launch(assignment: Assignment, options: Options) -> None:
    """Train the runs of ``assignment`` on this machine. Raises InputError."""
    items = [(run_key(assignment.setup, run, assignment.data), run) for run in assignment.runs]
    context = multiprocessing.get_context("fork")
    compute_of(assignment.setup)
    progress, numbers, machine = context.SimpleQueue(), context.SimpleQueue(), assignment.machine
    chunks = [items[pack.start : pack.stop] for pack in packs(len(items), machine.processes, machine.stack)]
    workers = min(machine.processes, len(chunks))
    for number in range(workers):
        numbers.put(number)
    with (
        ProcessPoolExecutor(workers, context, _prepare, (assignment, progress, numbers)) as pool,
        Progress(assignment.setup.run_tokens * len(items), assignment.label) as bar,
    ):
        futures: set[Future[None]] = {pool.submit(_train, chunk) for chunk in chunks}
        failure: BaseException | None = None
        try:
            while futures:
                completed, futures = wait(futures, timeout=0.2, return_when=FIRST_COMPLETED)
                while not progress.empty():  # after a failure too: a process that writes to a full pipe blocks
                    bar.update(progress.get())
                for future in completed:
                    if not future.cancelled() and failure is None and (failure := future.exception()):
                        for pending in futures:
                            pending.cancel()
        finally:
            for future in futures:
                future.cancel()
    if isinstance(failure, BrokenProcessPool):
        raise InputError(
            f"{assignment.label}: a training process was killed, perhaps because memory ran out; lower machine.stack "
            "and run again, finished runs and checkpoints are kept"
        )
    if failure is not None:
        raise failure


_assignment: Assignment  # of this worker process
_progress: Any  # its queue of token counts
_number: int  # this worker's number, from 0


def _prepare(assignment: Assignment, progress: Any, numbers: Any) -> None:
    """Set up this forked worker process; ``numbers`` holds one number per worker."""
    global _assignment, _progress, _number
    _assignment, _progress = assignment, progress
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        # Keep freed buffers: by default glibc returns large ones to the system at every step and faults them in again.
        libc.mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
    follow_parent()
    _number = numbers.get()
    gc.freeze()


def _train(items: list[tuple[str, Run]]) -> None:
    if _assignment.setup.compute == "cuda":
        import torch

        torch.cuda.set_device(_number % gpus()[0])
    try:
        train_pack(_assignment, items, _progress.put)
    except RuntimeError as error:
        if not _out_of_memory(error):
            raise
        raise InputError(
            f"{_assignment.label}: the memory of a GPU is full; lower machine.stack, or machine.processes if several "
            "share one, and run again, finished runs and checkpoints are kept"
        ) from None


def _out_of_memory(error: BaseException | None) -> bool:
    """Whether torch ran out of GPU memory, or failed in a graph capture because of it; works without torch."""
    return error is not None and (type(error).__name__ == "OutOfMemoryError" or _out_of_memory(error.__context__))
