"""How fast this machine multiplies large float32 matrices: the rate that no training can exceed."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import torch

SIZE, SECONDS = 1024, 2.0
_ready: Any  # of this process: the barrier that all wait at


def rate(processes: int) -> dict[str, float]:
    """FLOP/s of ``processes`` of one thread each, all at once and together, by library: MKL, and oneDNN if there."""
    context = multiprocessing.get_context("spawn")  # torch stays unused in this process, where others will fork
    with context.Pool(processes, _prepare, (context.Barrier(processes),)) as pool:
        each = pool.map(_rates, range(processes), chunksize=1)
    return {library: sum(rates[library] for rates in each) for library in each[0]}


def _prepare(ready: Any) -> None:
    global _ready
    _ready = ready
    torch.set_num_threads(1)


def _rates(_: int) -> dict[str, float]:
    x, y = torch.rand(SIZE, SIZE), torch.rand(SIZE, SIZE)
    products: dict[str, Callable[[], Any]] = {"mkl": lambda: torch.mm(x, y)}
    if torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        products["onednn"] = lambda: torch.ops.mkldnn._linear_pointwise(x, y, None, "none", [], "")
    return {library: _rate(product) for library, product in products.items()}


def _rate(product: Callable[[], Any]) -> float:
    for _ in range(3):
        product()
    _ready.wait()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        product()
        count += 1
    return count * 2 * SIZE**3 / (time.perf_counter() - start)
