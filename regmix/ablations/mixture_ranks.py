"""How mixtures rank across sizes and budgets (RegMix's Figure 15), and by losses against task scores (its Figure 5)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from regmix.core.objective import Objective
from regmix.core.runs import objective_losses
from regmix.evaluation import summary
from regmix.statistics import correlations as statistics
from regmix.statistics import metrics

RESAMPLES = 2000


def by_setting(losses: pd.DataFrame, objective: Objective) -> pd.DataFrame:
    """The objective's loss, mean over seeds: one row per mixture, one column per size and budget."""
    named = losses.rename(columns={"run": "mixture"})
    named = named.assign(run=named["mixture"] + "/" + named["size"])
    values = named.assign(loss=objective_losses(named, objective), setting=labels(losses))
    order = list(dict.fromkeys(values["setting"]))
    return values.groupby(["mixture", "setting"], sort=False)["loss"].mean().unstack()[order]


def labels(losses: pd.DataFrame) -> list[str]:
    """The size and budget of every row."""
    return [f"{size} × {budget:g}" for size, budget in losses[["size", "budget"]].itertuples(index=False)]


def correlations(losses: pd.DataFrame, objectives: Mapping[str, Objective], level: float) -> pd.DataFrame:
    """objective, first, second, n, value, low, high: Spearman of each pair of settings over the mixtures."""
    rows = []
    for name, objective in objectives.items():
        table = by_setting(losses, objective)
        for first, second in itertools.combinations(table, 2):
            pair = table[first].to_numpy(), table[second].to_numpy()
            correlation = metrics.correlation(*pair, resamples=RESAMPLES, level=level, seed=0)
            rows.append([name, first, second, len(table), *correlation])
    return pd.DataFrame(rows, columns=["objective", "first", "second", "n", "value", "low", "high"])


def heldout(final: pd.DataFrame, level: float) -> pd.DataFrame:
    """regressor, n, value, low, high: Spearman of predicted and true losses of the held-out runs."""
    rows = []
    for name, group in final.groupby("regressor", sort=False):
        pair = group["true"].to_numpy(), group["predicted"].to_numpy()
        rows.append([name, len(group), *metrics.correlation(*pair, resamples=RESAMPLES, level=level, seed=0)])
    return pd.DataFrame(rows, columns=["regressor", "n", "value", "low", "high"])


def task_scores(lm_eval: pd.DataFrame) -> pd.DataFrame:
    """method (the mixture), seed, measure (task or average), value in percent."""
    named = lm_eval.rename(columns={"run": "method"})
    blank = named[["method", "seed"]].drop_duplicates().assign(none=0.0)
    measured = summary.measures(blank, named, {})
    return measured[["method", "seed", "measure", "value"]]


def spread(tasks: pd.DataFrame) -> pd.DataFrame:
    """task, worst, best, delta, p: means over seeds by mixture; p tests whether mixtures differ, by the seeds' spread.

    Of a measure that ends in _bits the lowest is the best. p is NaN with one seed, and where all runs score the same.
    """
    rows = []
    for task, scores in tasks.groupby("measure", sort=False):
        means = scores.groupby("method")["value"].mean()
        groups = [group["value"].to_numpy() for _, group in scores.groupby("method")]
        testable = min(map(len, groups)) > 1 and any(np.ptp(group) > 0 for group in groups)
        p = float(stats.f_oneway(*groups).pvalue) if testable else float("nan")
        ends = sorted((means.min(), means.max()), reverse=str(task).endswith("_bits"))
        rows.append([task, *ends, means.max() - means.min(), p])
    return pd.DataFrame(rows, columns=["task", "worst", "best", "delta", "p"])


def losses_and_scores(losses: pd.DataFrame, tasks: pd.DataFrame, domains: list[str], level: float) -> pd.DataFrame:
    """``statistics.correlations`` of the negated losses of a setting's mixtures with their scores."""
    x = -losses.groupby("run", sort=False)[domains].mean()
    y = tasks.pivot_table(index="method", columns="measure", values="value", sort=False).loc[x.index]
    y = y.loc[:, y.nunique() > 1]  # a constant score correlates with nothing
    with np.errstate(invalid="ignore", divide="ignore"):  # a score may be constant on a resample; it is left out
        return statistics.correlations(x, y, resamples=RESAMPLES, level=level, seed=0)
