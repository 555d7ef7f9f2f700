"""What the explorer's page holds: the ensemble, objectives, mixtures to start from, runs, constraints, fronts.

N runs, K domains, D losses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from regmix.constraints.region import Region
from regmix.core.objective import NATS, Objective
from regmix.core.runs import Runs
from regmix.explorer.templates import templates
from regmix.sampling.rules import Rules

DIGITS = 6  # of weights and losses that are shown alone; those that models predict from are exact


@dataclass(frozen=True)
class Question:
    """What the ``ensemble`` (regmix.mixture.portable) was asked: ``objectives`` by name, over mixtures by ``rules``.

    ``chosen`` are the mixtures (K,) chosen, by title; ``level`` is the coverage of intervals, ``typical`` the distance
    (L1) of a run to the nearest other mixture, ``risk`` the standard deviations that a search adds to a prediction, and
    ``paths`` where a domain's data lie, with ``{domain}``. ``unit`` is that of the losses of domains.
    """

    ensemble: Mapping[str, Any]
    objectives: Mapping[str, Objective]
    rules: Rules
    chosen: Mapping[str, np.ndarray]
    level: float
    typical: float
    risk: float
    paths: str = "data/{domain}"
    unit: str = NATS

    @property
    def usable(self) -> bool:
        """Whether a model of the ensemble can be evaluated in a page."""
        return any(self.ensemble["weights"][name] > 0 for name in self.ensemble["models"])


def contents(question: Question, runs: Runs, fronts: pd.DataFrame | None = None) -> dict[str, Any]:
    """All data of the page; ``runs`` are those to compare with, ``fronts`` the frame of regmix.mixture.front."""
    names, rules = list(next(iter(question.ensemble["models"].values()))["losses"]), question.rules
    presets = {"natural": rules.prior, "uniform": rules.uniform, **question.chosen}
    return {
        "ensemble": dict(question.ensemble),
        "losses": names,
        "unit": question.unit,
        "objectives": {name: _objective(objective) for name, objective in question.objectives.items()},
        "presets": {title: mixture.tolist() for title, mixture in presets.items()},
        "start": next(iter(question.chosen)),
        "runs": list(_runs(runs, names)),
        "constraints": _constraints(rules.region),
        "fronts": [] if fronts is None else list(_fronts(fronts, rules.domains)),
        "templates": templates(rules.domains, question.paths),
        "level": question.level,
        "half": NormalDist().inv_cdf((1 + question.level) / 2),
        "typical": question.typical,
        "risk": question.risk,
        "kl_reg": rules.kl_reg,
    }


def _objective(objective: Objective) -> dict[str, Any]:
    limits = objective.limits
    return objective.to_json() | {
        "unit": objective.unit,
        "limits": None if limits is None else [_finite(limit) for limit in limits.tolist()],
    }


def _runs(runs: Runs, names: list[str]) -> Iterator[dict[str, Any]]:
    """A row per mixture: its first run and kind, how many runs, and their mean losses."""
    groups = pd.Series(range(len(runs.names))).groupby(runs.mixture_ids(), sort=False)
    for _, rows in groups:
        first = rows.iloc[0]
        losses = runs.losses.iloc[rows].mean().reindex(names)
        yield {
            "run": _name(runs.names[rows]),
            "kind": str(runs.kinds[first]),
            "count": len(rows),
            "weights": _rounded(runs.mixtures[first]),
            "losses": [_finite(loss) for loss in _rounded(losses.to_numpy(np.float64))],
        }


def _name(names: Sequence[str]) -> str:
    """The name of the runs of one mixture: theirs without a last number if these are alike, or the first."""
    stems = {name.rpartition("-")[0] for name in map(str, names)}
    return stems.pop() if len(names) > 1 and len(stems) == 1 and "" not in stems else str(names[0])


def _constraints(region: Region) -> dict[str, Any]:
    """Bounds of 0 and 1, which every mixture keeps, are null."""
    return {
        "low": [low or None for low in region.low.tolist()],
        "high": [high if high < 1 else None for high in region.high.tolist()],
        "sums": [
            {"name": name, "row": row, "lower": lower, "upper": upper}
            for name, row, lower, upper in zip(
                region.names, region.rows.tolist(), region.lower.tolist(), region.upper.tolist(), strict=True
            )
        ],
        "prior": region.prior.tolist(),
        "max_kl": _finite(region.max_kl),
    }


def _fronts(table: pd.DataFrame, domains: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for (first, second), part in table.groupby(["first", "second"], sort=False):
        ends = {
            end: part[[f"{end}_loss", f"{end}_loss_low", f"{end}_loss_high"]].round(DIGITS).to_numpy().tolist()
            for end in ("first", "second")
        }
        yield {
            "names": [first, second],
            "points": ends,
            "weights": part[list(domains)].round(DIGITS).to_numpy().tolist(),
        }


def _rounded(values: np.ndarray) -> list[float]:
    return [float(value) for value in np.round(values, DIGITS)]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
