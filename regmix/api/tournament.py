"""Regressors against each other on any swarm, by how many of its runs they learn from. N runs, K domains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.api.arguments import regressors_of
from regmix.core.forked import mapped
from regmix.core.inputs import FEWEST, Aim, Losses, Mixtures, need, objective_weights, run_table
from regmix.regression.interface import Regressor, TooFewRuns
from regmix.statistics import metrics

LISTED = ("effective_tokens", "gp_log", "gp_on_law", "log_linear", "bimix", "lightgbm", "ridge")
NO_PROXY = "no_proxy"  # sorts runs by their weight of the metric's own domain, where it has one
LEAST_TESTED = 8


def tournament(
    mixtures: Mixtures,
    losses: Losses,
    counts: Sequence[int],
    regressors: Iterable[str | Regressor] = LISTED,
    *,
    objective: Aim | None = None,
    domains: Sequence[str] | None = None,
    tested: tuple[Mixtures, Losses] | None = None,
    subsets: int = 3,
    seed: int = 0,
    workers: int = 1,
) -> pd.DataFrame:
    """How well each regressor ranks the runs that it has not seen: regressor, proxies, spearman, regret, tested.

    For each of ``counts`` it learns from that many random runs, ``subsets`` times, each metric of ``objective`` (None:
    all columns) by itself; ``tested`` are other runs to rank, such as those of larger models. ``spearman`` and
    ``regret`` are means over subsets and metrics; regret is the loss of the run predicted best minus the lowest, in
    standard deviations of the tested runs' losses. Regressors that need more runs are NaN. Raises InputError.
    """
    need(subsets >= 1, f"subsets = {subsets}: must be at least 1")
    frame = losses if isinstance(losses, pd.DataFrame) else pd.Series(losses, name="loss").to_frame()
    names = list(frame.columns) if objective is None else list(objective_weights(objective, frame.columns))
    table, parts = run_table(mixtures, frame, dict.fromkeys(names, 1.0), domains)
    own, apart = (table.to_numpy(), parts.losses), None
    if tested is not None:
        other, others = run_table(*tested, dict.fromkeys(names, 1.0), list(table.columns))
        apart = (other.to_numpy(), others.losses)
    most = len(own[0]) - (LEAST_TESTED if apart is None else 0)
    for count in counts:
        need(FEWEST <= count <= most, f"proxies = {count}: must lie between {FEWEST} and {most}, by the runs there are")
    splits = [(count, _split(own, apart, count, subset, seed)) for count in counts for subset in range(subsets)]
    jobs = [(regressor, *split) for regressor in regressors_of(regressors, max(counts)) for split in splits]
    with threadpool_limits(limits=1):
        scores = mapped(lambda job: _scored(job[0], job[2], seed), jobs, workers)
    rows = [[job[0].name, job[1], *score, len(job[2].tested[0])] for job, score in zip(jobs, scores, strict=True)]
    rows += [[NO_PROXY, count, *_sorted(list(table.columns), names, split), len(split.tested[0])]
             for count, split in splits]  # fmt: skip
    out = pd.DataFrame(rows, columns=["regressor", "proxies", "spearman", "regret", "tested"])
    return out.groupby(["regressor", "proxies"], sort=False).mean().reset_index()


Part = tuple[np.ndarray, np.ndarray]  # mixtures (N, K), losses (N, D)


@dataclass(frozen=True)
class _Split:
    """The runs to learn from, and those to rank."""

    learnt: Part
    tested: Part


def _split(own: Part, apart: Part | None, count: int, number: int, seed: int) -> _Split:
    """Random runs to learn from; a larger count has those of a smaller one. The others are ranked, or those apart."""
    order = np.random.default_rng([seed, number]).permutation(len(own[0]))
    first, rest = (tuple(part[np.sort(rows)] for part in own) for rows in (order[:count], order[count:]))
    return _Split((first[0], first[1]), apart or (rest[0], rest[1]))


def _scored(regressor: Regressor, split: _Split, seed: int) -> tuple[float, float]:
    """Spearman and regret on the runs tested, means over the metrics."""
    out = []
    for seen, true in zip(split.learnt[1].T, split.tested[1].T, strict=True):
        try:
            predicted = regressor.fit(split.learnt[0], seen, seed).mean(split.tested[0])
        except TooFewRuns:
            return np.nan, np.nan
        out.append(_judged(true, predicted))
    return _means(out)


def _sorted(domains: list[str], names: Sequence[str], split: _Split) -> tuple[float, float]:
    """As ``_scored``, of the order by each metric's own domain; NaN unless all metrics have one."""
    if not set(names) <= set(domains):
        return np.nan, np.nan
    weights, values = split.tested
    return _means([_judged(true, -weights[:, domains.index(name)]) for name, true in zip(names, values.T, strict=True)])


def _judged(true: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    return float(metrics.spearman(true, predicted)), float(metrics.regret(true, predicted) / true.std())


def _means(scores: Sequence[tuple[float, float]]) -> tuple[float, float]:
    rank, regret = np.array(scores).T
    return float(rank.mean()), float(regret.mean())
