"""What computes the steps of a stack of runs, as the training loop sees it."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Compute(Protocol):
    """What the loop asks of the weights of P runs: see Stack."""

    def step(self, tokens: np.ndarray, counts: np.ndarray | None, lr: float) -> tuple[np.ndarray, np.ndarray]: ...

    def evaluate(self, logged: bool = False) -> dict[str, np.ndarray]: ...

    def gather(self) -> None: ...
