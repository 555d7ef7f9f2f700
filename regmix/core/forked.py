"""Forked processes: ``map`` over some, for work in many small steps of Python, which threads only slow down."""

from __future__ import annotations

import ctypes
import multiprocessing
import pickle
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Out = TypeVar("Out")

_work: tuple[Callable[[Any], Any], Sequence[Any]]  # of this worker process


def mapped(function: Callable[[Item], Out], items: Sequence[Item], workers: int) -> list[Out]:
    """``function`` of each of the ``items``, in their order, by up to ``workers`` forked processes.

    They have the function and the items by the fork, so these can be anything. What cannot be pickled is computed here,
    and so is everything where a fork after a product by BLAS is not safe: anywhere but on Linux. Re-raises the
    function's errors.
    """
    if min(workers, len(items)) < 2 or sys.platform != "linux":
        return [function(item) for item in items]
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(workers, len(items)), context, _keep, (function, items)) as pool:
        results = list(pool.map(_call, range(len(items))))
    return [
        function(item) if result is None else pickle.loads(result) for item, result in zip(items, results, strict=True)
    ]


def follow_parent() -> None:
    """Make this forked process end with its parent, which alone runs its signal handlers."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        # Otherwise a worker whose parent was killed would go on in vain and then wait for work forever.
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    # A scheduler signals all processes of a job, but only the parent must run its signal handlers.
    for number in signal.valid_signals() - {signal.SIGINT}:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_IGN)


def _keep(function: Callable[[Any], Any], items: Sequence[Any]) -> None:
    global _work
    _work = function, items
    follow_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(limits=1)


def _call(number: int) -> bytes | None:
    function, items = _work
    result = function(items[number])
    try:
        return pickle.dumps(result)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
