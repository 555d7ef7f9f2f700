"""Whether mixtures keep their order from proxy to target (the hypothesis of RegMix's Figure 15).

N mixtures trained at both scales, R resamples.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs, objective_losses
from regmix.core.schedule import Schedule
from regmix.statistics import metrics
from regmix.statistics.intervals import bootstrap, percentiles

RESAMPLES = 2000
EXACT = 8  # up to this many mixtures all orders are enumerated; above, RESAMPLES random ones are drawn


def pairs(confirming: Runs, schedules: Mapping[str, Schedule]) -> dict[str, str]:
    """Method -> kind of confirming run, where both trained on the same constant mixture."""
    kinds = dict(zip(confirming.kinds, confirming.mixtures, strict=True))
    matches: dict[str, str] = {}
    for method, schedule in schedules.items():
        if len(schedule.knots) == 1 and schedule.domains == confirming.domains:
            for kind, mixture in kinds.items():
                if kind not in matches.values() and np.allclose(mixture, schedule.mixtures[0], rtol=0, atol=1e-9):
                    matches[method] = kind
                    break
    return matches


def correlations(
    proxies: Runs,
    targets: pd.DataFrame,
    same: Mapping[str, str],
    measures: Mapping[str, Objective],
    level: float,
) -> pd.DataFrame:
    """measure, n, value, low, high, p: Spearman of mean proxy and mean target losses over the mixtures in ``same``.

    ``targets`` has method, seed and a column per domain; ``same`` comes from ``pairs``. The interval resamples seeds at
    both scales with these mixtures fixed, NaN if no mixture has two seeds; p is the share of orders of the mixtures
    with at least as large an absolute correlation. No rows for fewer than three mixtures.
    """
    rng = np.random.default_rng(0)
    named = targets.assign(run=[f"{m}/seed-{s}" for m, s in targets[["method", "seed"]].itertuples(index=False)])
    rows = []
    for measure, objective in measures.items() if len(same) > 2 else ():
        losses = pd.Series(objective_losses(named, objective))
        small = [proxies.of(kind).objective(objective) for kind in same.values()]
        large = [losses[(targets["method"] == method).to_numpy()].to_numpy() for method in same]
        x, y = (np.array([values.mean() for values in side]) for side in (small, large))
        value = float(metrics.spearman(x, y))
        low, high = _seeds(small, large, level, rng)
        rows.append([measure, len(x), value, low, high, _p(x, y, value, rng)])
    return pd.DataFrame(rows, columns=["measure", "n", "value", "low", "high", "p"])


def _seeds(
    small: Sequence[np.ndarray], large: Sequence[np.ndarray], level: float, rng: np.random.Generator
) -> tuple[float, float]:
    """The percentile interval of Spearman over resamples of each mixture's seeds."""
    if max(map(len, (*small, *large))) < 2:
        return math.nan, math.nan
    return percentiles(metrics.spearman(_resampled(small, rng), _resampled(large, rng)), level)


def _resampled(groups: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Means (R, N) of resamples of each mixture's seeds."""
    means = [bootstrap(lambda sample: sample.mean(axis=1), group, resamples=RESAMPLES, seed=rng) for group in groups]
    return np.stack(means, axis=1)


def _p(x: np.ndarray, y: np.ndarray, value: float, rng: np.random.Generator) -> float:
    if not math.isfinite(value):
        return math.nan
    n = len(x)
    if n <= EXACT:
        orders = np.array(list(itertools.permutations(range(n))))
    else:
        orders = np.stack([np.arange(n), *(rng.permutation(n) for _ in range(RESAMPLES))])
    return float((np.abs(metrics.spearman(x, y[orders])) >= abs(value) - 1e-12).mean())
