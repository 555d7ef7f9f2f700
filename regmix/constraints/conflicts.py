"""Which constraints no mixture satisfies together, and by how much: linear programmes. K domains, n inequalities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

SMALL = 1e-9  # slack below which only one mixture is feasible, up to rounding


@dataclass(frozen=True)
class Inequality:
    """``side @ w <= most``, written by the user as ``text``."""

    text: str
    side: np.ndarray
    most: float


def shortfall(inequalities: Sequence[Inequality], domains: int) -> tuple[float, np.ndarray]:
    """By how much all must be relaxed, at least, for a mixture to keep them, and that mixture (K,).

    Below 0 it is how much tighter all could be. Weights are not negative, whatever is relaxed.
    """
    sides = np.array([[*entry.side, -1.0] for entry in inequalities]).reshape(-1, domains + 1)
    most = np.array([entry.most for entry in inequalities])
    solution = optimize.linprog(
        np.append(np.zeros(domains), 1.0), A_ub=sides, b_ub=most, A_eq=[[1.0] * domains + [0.0]], b_eq=[1.0],
        bounds=[(0, None)] * domains + [(-1, None)],
    )  # fmt: skip
    return float(solution.x[-1]), solution.x[:-1]


def conflict(inequalities: Sequence[Inequality], domains: int) -> list[Inequality]:
    """A smallest part of ``inequalities`` that no mixture satisfies: removing any one makes the rest feasible."""
    needed = list(inequalities)
    for entry in inequalities:
        fewer = [other for other in needed if other is not entry]
        if shortfall(fewer, domains)[0] > SMALL:
            needed = fewer
    return needed


def room(inequalities: Sequence[Inequality], domains: int) -> float:
    """The largest range of a weight over the mixtures that keep all ``inequalities``; one mixture does at least."""
    sides = np.array([entry.side for entry in inequalities]).reshape(-1, domains)
    most = np.array([entry.most for entry in inequalities])
    ends = [
        optimize.linprog(sign * unit, A_ub=sides, b_ub=most + SMALL, A_eq=np.ones((1, domains)), b_eq=[1.0]).fun * sign
        for unit in np.eye(domains)
        for sign in (1, -1)
    ]
    return float(np.max(np.subtract(ends[1::2], ends[::2])))
