"""How many threads BLAS uses while a process trains. This affects the bits of a run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

import scipy.linalg  # noqa: F401  (numba's products use the BLAS it loads)
from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """BLAS on one thread: more would split sums differently and wait for cores that other processes use.

    Enter it once for many calls: BLAS is slow to stop and restart threads.
    """
    return _blas().limit(limits=1, user_api="blas")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # covers the libraries loaded so far, including scipy's
