"""What a mixture is to minimise: a function of the losses of some domains, or of some tasks.

D domains or tasks whose losses count, K trained domains, N runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NATS, BITS = "nats per token", "bits per byte"  # of domains' validation losses; of tasks' right answers


@dataclass(frozen=True, eq=False)
class Objective:
    """The weighted mean of the losses of ``names``, or with ``references`` the largest excess of one over its own.

    ``weights``, ``references`` and ``limits`` are (D,); losses, and so the value, are in ``unit``. The search counts a
    loss above its limit against a mixture; what is reported is the value alone.
    """

    names: tuple[str, ...]
    weights: np.ndarray  # sum 1
    references: np.ndarray | None = None
    limits: np.ndarray | None = None
    unit: str = NATS

    @classmethod
    def mean(cls, weights: Mapping[str, float], unit: str = NATS) -> Objective:
        """The mean with these weights, normalised."""
        return cls(tuple(weights), np.array(list(weights.values())) / sum(weights.values()), unit=unit)

    @classmethod
    def loss(cls, domain: str) -> Objective:
        """One domain's loss."""
        return cls.mean({domain: 1.0})

    def to_json(self) -> dict[str, Any]:
        """For a file, without limits and unit, on which no value depends."""
        parts = {"names": list(self.names), "weights": self.weights.tolist()}
        return parts if self.references is None else parts | {"references": self.references.tolist()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Objective:
        """The inverse of ``to_json``."""
        references = np.array(value["references"]) if "references" in value else None
        return cls(tuple(value["names"]), np.array(value["weights"]), references)

    def at(self, losses: Mapping[str, float]) -> float:
        """The value at losses by domain."""
        return float(self.of(np.array([[losses[name] for name in self.names]]))[0])

    def of(self, losses: np.ndarray) -> np.ndarray:
        """The value (N,) at losses (N, D)."""
        if self.references is not None:
            return np.asarray((losses - self.references).max(axis=1))
        total = np.zeros(len(losses))
        for weight, part in zip(self.weights, losses.T, strict=True):
            total += weight * part
        return total

    def slopes(self, losses: np.ndarray) -> np.ndarray:
        """The derivatives (N, D) of the value by each loss at losses (N, D)."""
        if self.references is None:
            return np.broadcast_to(self.weights, losses.shape)
        return np.eye(len(self.names))[(losses - self.references).argmax(axis=1)]

    def excess(self, losses: np.ndarray) -> np.ndarray:
        """By how much each loss (N, D) is above its limit; 0 where it has none or keeps it."""
        return np.zeros(losses.shape) if self.limits is None else np.maximum(0, losses - self.limits)

    def own(self, domains: Sequence[str]) -> np.ndarray:
        """The weights (K,) by trained ``domains``: 0 for one whose loss does not count."""
        weights = dict(zip(self.names, self.weights.tolist(), strict=True))
        return np.array([weights.get(domain, 0.0) for domain in domains])
