"""A mixture over training: the one type for static mixtures, schedules and the mixtures that a policy realised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from regmix.core.errors import InputError

TOLERANCE = 1e-6  # how far a mixture's sum can be from 1


@dataclass(frozen=True)
class Schedule:
    """Piecewise constant: ``mixtures[s]`` applies from ``knots[s]`` on, a fraction of training; the first is 0.

    ``domains`` (K) names the columns of ``mixtures`` (S, K), each row on the simplex.
    Raises InputError if a knot is out of order or a mixture off the simplex.
    """

    domains: tuple[str, ...]
    knots: np.ndarray
    mixtures: np.ndarray

    def __post_init__(self) -> None:
        if self.mixtures.shape != (len(self.knots), len(self.domains)):
            raise InputError(
                f"schedule: mixtures of shape {self.mixtures.shape} do not fit {len(self.knots)} knots "
                f"and {len(self.domains)} domains; give one mixture per knot"
            )
        if len(self.knots) == 0 or self.knots[0] != 0 or np.any(np.diff(self.knots) <= 0) or self.knots[-1] >= 1:
            raise InputError(f"schedule: knots {self.knots.tolist()} must rise from 0 and stay below 1")
        # All rows at once, since an online method can add a knot at every step.
        valid = np.all(self.mixtures >= 0, axis=1) & (np.abs(self.mixtures.sum(axis=1) - 1) <= TOLERANCE)
        for row in np.flatnonzero(~valid)[:1]:
            check_mixture(self.mixtures[row], self.domains, f"schedule at {self.knots[row]:g} of training")

    @classmethod
    def static(cls, domains: tuple[str, ...], mixture: np.ndarray) -> Schedule:
        """One mixture (K,) for the whole of training."""
        return cls(domains, np.zeros(1), np.asarray(mixture, dtype=np.float64)[None])

    def at(self, fraction: float) -> np.ndarray:
        """The mixture (K,) at a fraction of training."""
        return self.mixtures[np.searchsorted(self.knots, fraction, side="right") - 1]

    def used(self, until: float = 1.0) -> np.ndarray:
        """The weights (K,), summed over the shares of training that they apply to, up to a fraction of training."""
        ends = np.minimum(np.append(self.knots[1:], 1.0), until)
        return np.asarray(np.maximum(ends - self.knots, 0) @ self.mixtures)

    def switched(self, fraction: float, mixture: np.ndarray) -> Schedule:
        """This schedule up to ``fraction``, then ``mixture``."""
        before = self.knots < fraction
        return Schedule(
            self.domains, np.append(self.knots[before], fraction), np.vstack([self.mixtures[before], mixture[None]])
        )

    def to_json(self) -> dict[str, Any]:
        rows = [dict(zip(self.domains, row.tolist(), strict=True)) for row in self.mixtures]
        return {"knots": self.knots.tolist(), "mixtures": rows}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Schedule:
        domains = tuple(value["mixtures"][0])
        rows = [[row[name] for name in domains] for row in value["mixtures"]]
        return cls(domains, np.array(value["knots"], dtype=np.float64), np.array(rows, dtype=np.float64))


def check_epochs(used: np.ndarray, most: np.ndarray, domains: tuple[str, ...], what: str) -> None:
    """Raise InputError if a domain's share of training (K,) so far is above the largest that it can have (K,)."""
    worst = int(np.argmax(used - most))
    if used[worst] > most[worst] + TOLERANCE:
        raise InputError(
            f"{what}: {domains[worst]} has {used[worst]:.4g} of training, above {most[worst]:.4g}, beyond which its "
            "text is repeated more than constraints.max_epochs times; lower its weights or raise constraints.max_epochs"
        )


def check_mixture(mixture: np.ndarray, domains: tuple[str, ...], what: str) -> None:
    """Raise InputError unless ``mixture`` (K,) lies on the simplex."""
    total = float(np.sum(mixture))
    if not np.all(np.isfinite(mixture)) or np.any(mixture < 0) or abs(total - 1) > TOLERANCE:
        worst = domains[int(np.argmin(np.nan_to_num(mixture, nan=-np.inf)))]
        raise InputError(
            f"{what}: mixture is off the simplex (sum {total:.6g}, lowest weight {np.min(mixture):.6g} "
            f"of {worst}); give non-negative weights that sum to 1"
        )
