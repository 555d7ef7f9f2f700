"""``map`` over processes: for work in many small steps of Python, which threads only slow down."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Out = TypeVar("Out")

_work: tuple[Callable[[Any], Any], Sequence[Any]]  # of this worker process


def mapped(function: Callable[[Item], Out], items: Sequence[Item], workers: int) -> list[Out]:
    """``function`` of each of the ``items``, in their order, by up to ``workers`` forked processes.

    They have the function and the items by the fork, so these can be anything; results are pickled. Re-raises the
    function's errors.
    """
    if min(workers, len(items)) < 2:
        return [function(item) for item in items]
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(workers, len(items)), context, _keep, (function, items)) as pool:
        return list(pool.map(_call, range(len(items))))


def _keep(function: Callable[[Any], Any], items: Sequence[Any]) -> None:
    global _work
    _work = function, items
    threadpool_limits(limits=1)


def _call(number: int) -> Any:
    function, items = _work
    return function(items[number])
