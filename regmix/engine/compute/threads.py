"""How many threads BLAS uses while a process trains. It decides bits."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

import scipy.linalg  # noqa: F401  (numba's products go to the BLAS that it brings)
from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """BLAS on one thread: more would split a sum elsewhere, and wait for the cores that other processes use.

    To be entered once for many calls: BLAS is slow to let threads go and to take them again.
    """
    return _blas().limit(limits=1, user_api="blas")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # of the libraries loaded by now, scipy's among them
