"""The interface between the training loop and the backend that computes a stack of runs."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Compute(Protocol):
    """What the loop needs from a backend for P runs: see Stack."""

    def step(self, tokens: np.ndarray, counts: np.ndarray | None, lr: float) -> tuple[np.ndarray, np.ndarray]: ...

    def evaluate(self, logged: bool = False) -> dict[str, np.ndarray]: ...

    def gather(self) -> None: ...
