"""The mixtures that keep all constraints: weights between bounds, bounds on sums and ratios, a distance to the prior.

The set is convex, so a mean of such mixtures is one of them. K domains, R rows of further linear bounds, M mixtures.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg, optimize

from regmix.core.schedule import Schedule

TOLERANCE = 1e-9  # of a bound, for rounding


@dataclass(frozen=True)
class Region:
    """``low <= w <= min(ceilings, epochs)``, ``lower <= rows @ w <= upper``, ``KL(w, prior) <= max_kl``.

    ``epochs`` (K,) are the largest weights by the available tokens. A schedule keeps them on average over training,
    and the other constraints at any time. ``rows`` (R, K) have ``names``, ``centre`` (K,) is a mixture of the region,
    near the ``prior``. regmix.constraints.build makes one and knows that it holds a mixture.
    """

    domains: tuple[str, ...]
    low: np.ndarray
    ceilings: np.ndarray
    epochs: np.ndarray
    names: tuple[str, ...]
    rows: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    prior: np.ndarray
    max_kl: float
    centre: np.ndarray

    @classmethod
    def below(cls, domains: tuple[str, ...], highest: np.ndarray, prior: np.ndarray) -> Region:
        """The mixtures with no weight above ``highest`` (K,), whose sum must be 1 or more, by available tokens."""
        none, no_rows = np.zeros(0), np.zeros((0, len(domains)))
        low, most = np.zeros(len(domains)), np.ones(len(domains))
        return cls(
            domains, low, most, highest, (), no_rows, none, none, prior, np.inf, project(prior, low, highest)
        )  # fmt: skip

    @cached_property
    def high(self) -> np.ndarray:
        """The largest weights (K,) of one mixture for the whole of training."""
        return np.minimum(self.ceilings, self.epochs)

    @property
    def bounded_above(self) -> bool:
        """Whether nothing but the largest weights by tokens constrains, as in RegMix's published code."""
        return not self.low.any() and not len(self.rows) and self.max_kl == np.inf and bool(np.all(self.ceilings >= 1))

    def holds(self, mixtures: np.ndarray) -> np.ndarray:
        """Which of ``mixtures`` (M, K) keep all constraints (M,)."""
        linear = self._linear(mixtures)
        return linear if self.max_kl == np.inf else linear & (self.distance(mixtures) <= self.max_kl + TOLERANCE)

    def distance(self, mixtures: np.ndarray) -> np.ndarray:
        """KL (M,) of ``mixtures`` (M, K) from the prior, in nats."""
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(mixtures > 0, mixtures * np.log(mixtures / self.prior), 0)
        return np.asarray(terms.sum(axis=-1))

    def nearest(self, mixtures: np.ndarray) -> np.ndarray:
        """The nearest mixtures (..., K) of the region (Euclidean); one that is in it stays as it is, to the bit.

        One that keeps all but the distance to the prior moves towards ``centre`` instead, as little as it must.
        """
        moved = project(mixtures, self.low, self.high)
        if self.bounded_above:
            return moved
        rows, flat = moved.reshape(-1, len(self.domains)), np.reshape(mixtures, (-1, len(self.domains)))
        for i in np.flatnonzero(~self._linear(rows)):
            rows[i] = self._least_distance(flat[i])
        if self.max_kl < np.inf:
            far = self.distance(rows) > self.max_kl
            rows[far] = self._towards_centre(rows[far])
        return rows.reshape(moved.shape)

    def during(self, used: np.ndarray, length: float, rest: float) -> Region:
        """The region of one part of a schedule, of ``length``, as a share of training, before a ``rest``.

        ``used`` (K,) is the weight so far, summed over shares of training. The rest can always train on ``centre``.
        """
        remaining = (self.epochs - used - rest * self.centre) / length
        return dataclasses.replace(self, epochs=np.maximum(remaining, self.centre))

    def broken_by(self, schedule: Schedule) -> str | None:
        """The constraint that a schedule breaks, and how; None if it breaks none. Tokens count over the whole of it."""
        always = dataclasses.replace(self, epochs=np.ones(len(self.domains)))
        faults = [self.broken(schedule.used()), *(always.broken(mixture) for mixture in schedule.mixtures)]
        return next((fault for fault in faults if fault), None)

    def broken(self, mixture: np.ndarray, slack: float = 1e-6) -> str | None:
        """The constraint that ``mixture`` (K,) breaks most, by more than ``slack``, and how; None if it breaks none."""
        sums = self.rows @ mixture
        above = [*(self.low - mixture), *(mixture - self.high), *(self.lower - sums), *(sums - self.upper)]
        faults = [
            *(f"{name} has weight {w:.4g}, below its floor of {b:.4g}" for name, w, b in self._by(mixture, self.low)),
            *(
                f"{name} has weight {w:.4g}, above its largest of {b:.4g}"
                for name, w, b in self._by(mixture, self.high)
            ),
            *(f"{name}: {s:.4g} is below {b:.4g}" for name, s, b in zip(self.names, sums, self.lower, strict=True)),
            *(f"{name}: {s:.4g} is above {b:.4g}" for name, s, b in zip(self.names, sums, self.upper, strict=True)),
        ]
        worst = int(np.argmax(above))
        if above[worst] > slack:
            return faults[worst]
        far = float(self.distance(mixture))
        return (
            f"max_kl: {far:.4g} nats from the prior is above {self.max_kl:.4g}" if far > self.max_kl + slack else None
        )

    def to_json(self) -> dict[str, Any]:
        """JSON values, exact to the last bit; no bound is null."""
        out: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            out[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
        return out | {"max_kl": None if self.max_kl == np.inf else self.max_kl}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Region:
        """The inverse of ``to_json``."""
        fields: dict[str, Any] = {name: tuple(value[name]) for name in ("domains", "names")}
        fields["max_kl"] = np.inf if value["max_kl"] is None else value["max_kl"]
        fields |= {name: np.array(v, dtype=np.float64) for name, v in value.items() if name not in fields}
        return cls(**fields | {"rows": fields["rows"].reshape(-1, len(fields["domains"]))})

    def _by(self, mixture: np.ndarray, bound: np.ndarray) -> Any:
        return zip(self.domains, mixture, bound, strict=True)

    def _linear(self, mixtures: np.ndarray) -> np.ndarray:
        sums = mixtures @ self.rows.T
        within = np.all((mixtures >= self.low - TOLERANCE) & (mixtures <= self.high + TOLERANCE), axis=-1)
        keeps = np.all((sums >= self.lower - TOLERANCE) & (sums <= self.upper + TOLERANCE), axis=-1)
        return np.asarray(within & keeps)

    @cached_property
    def _free(self) -> np.ndarray:
        """An orthonormal basis (K, n) of the directions that keep a sum of 1 and all equalities."""
        unit = np.eye(len(self.domains))
        equal = [np.ones((1, len(self.domains))), unit[self.low >= self.high], self.rows[self.lower >= self.upper]]
        return np.asarray(linalg.null_space(np.vstack(equal)))

    @cached_property
    def _halfspaces(self) -> tuple[np.ndarray, np.ndarray]:
        """G (m, n) and h (m,), with G z >= h where ``centre + _free @ z`` keeps the inequalities."""
        unit, loose, sums = np.eye(len(self.domains)), self.low < self.high, self.lower < self.upper
        sides = np.vstack([unit[loose], -unit[loose], self.rows[sums], -self.rows[sums]])
        least = np.concatenate([self.low[loose], -self.high[loose], self.lower[sums], -self.upper[sums]])
        return sides @ self._free, least - sides @ self.centre

    def _least_distance(self, mixture: np.ndarray) -> np.ndarray:
        """The nearest point (K,) of the polytope, by non-negative least squares (Lawson, Hanson 1974)."""
        sides, least = self._halfspaces
        point = self._free.T @ (mixture - self.centre)
        system, target = np.vstack([sides.T, least - sides @ point]), np.append(np.zeros(len(point)), 1.0)
        solution, _ = optimize.nnls(system, target, maxiter=100 * len(sides))
        residual = system @ solution - target
        moved = self._free @ (point - residual[:-1] / residual[-1])
        # What rounding leaves outside ends where the way from the centre leaves the polytope.
        sums = sides @ (self._free.T @ moved)
        outside = sums < least - TOLERANCE / 2
        share = np.min(least[outside] / sums[outside], initial=1.0)
        nearest = self.centre + share * moved
        return np.clip(np.where(nearest < TOLERANCE / 1000, 0, nearest), self.low, self.high)

    def _towards_centre(self, mixtures: np.ndarray) -> np.ndarray:
        """The farthest points from ``centre`` on the way to ``mixtures`` (M, K) that are near enough to the prior."""
        near, far = np.zeros((len(mixtures), 1)), np.ones((len(mixtures), 1))
        for _ in range(50):
            share = (near + far) / 2
            within = self.distance(self.centre + share * (mixtures - self.centre))[:, None] <= self.max_kl
            near, far = np.where(within, share, near), np.where(within, far, share)
        return np.asarray(self.centre + near * (mixtures - self.centre))


def project(mixtures: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The points (..., K) of the simplex, between ``low`` and ``high`` (K,), nearest to ``mixtures`` (..., K).

    They are ``clip(mixture - shift, low, high)``, with the shift that makes them sum to 1 found by bisection. A mixture
    between the bounds, whose sum is 1, stays as it is to the bit. The bounds must allow a sum of 1.
    """
    within = np.all((mixtures >= low) & (mixtures <= high), axis=-1, keepdims=True)
    if within.all():
        return mixtures.copy()
    least = np.min(mixtures - high, axis=-1, keepdims=True)
    most = np.max(mixtures - low, axis=-1, keepdims=True)
    for _ in range(100):
        shift = (least + most) / 2
        above = np.clip(mixtures - shift, low, high).sum(axis=-1, keepdims=True) > 1
        least, most = np.where(above, shift, least), np.where(above, most, shift)
    return np.where(within, mixtures, np.clip(mixtures - least, low, high))
