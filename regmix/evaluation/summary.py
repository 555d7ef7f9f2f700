"""The targets' results over seeds: means with t intervals, and paired differences from a baseline.

All use one long frame of measures: method, seed, group (``loss``, ``lm_eval`` or ``answers``), measure, value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import objective_losses

LOSS, LM_EVAL, ANSWERS = "loss", "lm_eval", "answers"
AVERAGE = "average"
AVERAGE_BITS = f"{AVERAGE}_bits"
TRAINED = "mean of trained domains"  # a measure in addition to the objectives
BASELINE = "natural"  # the method that others are compared with
# A task's score is the first of these that it has. The paper's tasks have acc_norm or acc; our continuation tasks also
# have acc_mutual_info, which subtracts a continuation's log-likelihood without its context: small models make little
# use of the context and score at chance by the other metrics.
ACCURACIES = ("acc_mutual_info", "acc_norm", "acc")


class Spread(NamedTuple):
    """Mean, standard deviation and t interval of ``n`` values; NaN where ``n`` is too small."""

    mean: float
    sd: float
    n: int
    low: float
    high: float


def spread(values: np.ndarray, level: float) -> Spread:
    """The Spread of independent ``values`` (n,); ``level`` is the coverage of the interval of their mean."""
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Spread(mean, math.nan, n, math.nan, math.nan)
    sd = float(np.std(values, ddof=1))
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * sd / math.sqrt(n)
    return Spread(mean, sd, n, mean - half, mean + half)


def of_seeds(losses: pd.DataFrame, method: str, seeds: int) -> pd.DataFrame:
    """The frame of a method's losses.csv (run, domains), with ``method`` and ``seed`` instead of ``run``.

    Raises InputError unless its runs are seed-0 to seed-(``seeds`` - 1).
    """
    expected = [f"seed-{i}" for i in range(seeds)]
    if "run" not in losses or sorted(losses["run"]) != sorted(expected):
        runs = ", ".join(map(str, losses.get("run", [])))
        raise InputError(
            f"losses.csv of method {method}: runs {runs or 'none'} are not {', '.join(expected)}; train it again"
        )
    rows = losses.set_index("run").loc[expected].reset_index(drop=True)
    return pd.concat([pd.DataFrame({"method": method, "seed": range(seeds)}), rows], axis=1)


def measures(losses: pd.DataFrame, lm_eval: pd.DataFrame, objectives: Mapping[str, Objective]) -> pd.DataFrame:
    """The long frame from losses (method, seed, domains) and lm_eval (method, seed, task, shots, metric, value).

    A measure is ``<objective>_loss`` in the objective's unit; a task's score, the first of ``ACCURACIES`` that it has,
    in percent, averaged over shots; or the tasks' ``average``.
    Raises InputError for a task without an accuracy, or if the frames' runs differ.
    """
    runs = losses[["method", "seed"]]
    scored = set(lm_eval[["method", "seed"]].itertuples(index=False, name=None))
    if unmatched := sorted(set(runs.itertuples(index=False, name=None)) ^ scored):
        method, seed = unmatched[0]
        raise InputError(f"method {method}, seed {seed}: only one of losses.csv and lm_eval.csv has it; evaluate again")
    named = losses.assign(run=[f"{method}/seed-{seed}" for method, seed in runs.itertuples(index=False)])
    parts = [
        runs.assign(group=LOSS, measure=f"{name}_loss", value=objective_losses(named, objective))
        for name, objective in objectives.items()
    ]
    scores = _scores(lm_eval)
    average = scores.groupby(["method", "seed"], sort=False, as_index=False)["value"].mean().assign(task=AVERAGE)
    for frame in (average, scores):
        parts.append(frame.rename(columns={"task": "measure"}).assign(group=LM_EVAL))
    return pd.concat(parts, ignore_index=True)[["method", "seed", "group", "measure", "value"]]


def bits(losses: pd.DataFrame, tasks: Sequence[str]) -> pd.DataFrame:
    """The long frame of ``<task>_bits``, the bits per byte of right answers, and of their mean over tasks.

    They vary even where a model guesses, or guesses no item right. ``losses`` has method, seed and ``tasks``. No rows
    without tasks.
    """
    if not tasks:
        return pd.DataFrame(columns=["method", "seed", "group", "measure", "value"])
    values = losses.assign(**{AVERAGE: losses[list(tasks)].mean(axis=1)})
    table = values.melt(["method", "seed"], [AVERAGE, *tasks], "measure", "value")
    return table.assign(group=ANSWERS, measure=table["measure"] + "_bits")


def summarise(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """method, group, measure, mean, sd, n, low, high over the seeds of ``measures``."""
    keys = ["method", "group", "measure"]
    groups = table.groupby(keys, sort=False, dropna=False)
    rows = [(*key, *spread(part["value"].to_numpy(), level)) for key, part in groups]
    return pd.DataFrame(rows, columns=[*keys, *Spread._fields])


def differences(table: pd.DataFrame, baseline: str, level: float) -> pd.DataFrame:
    """As ``summarise``, for each method minus ``baseline``, seed by seed: runs with one seed share init and draws.

    Raises InputError if there is no such method, or another method's seeds differ from its seeds.
    """
    if baseline not in set(table["method"]):
        raise InputError(f"params.yaml: target.methods: no {baseline!r} to compare with; add it")
    keys = ["seed", "group", "measure"]
    by_method = dict(list(table.groupby("method", sort=False)))
    rest = []
    for method, frame in by_method.items():
        if method == baseline:
            continue
        own, base = (part.set_index(keys)["value"] for part in (frame, by_method[baseline]))
        minus = own - base.reindex(own.index)
        unpaired = [*own.index.symmetric_difference(base.index), *minus.index[minus.isna()]]
        if unpaired:
            raise InputError(
                f"method {method}: cannot be paired with {baseline} on seed {unpaired[0][0]}; evaluate both again"
            )
        rest.append(frame.assign(value=minus.to_numpy()))
    if not rest:
        return pd.DataFrame(columns=["method", "group", "measure", *Spread._fields])
    return summarise(pd.concat(rest, ignore_index=True), level)


def difference(table: pd.DataFrame, method: str, other: str, measure: str, level: float) -> Spread:
    """``method`` minus ``other`` on one measure, seed by seed. Raises InputError if ``differences`` does."""
    part = table[(table["measure"] == measure) & table["method"].isin([method, other])]
    if method not in set(part["method"]):
        raise InputError(f"method {method}: no values of {measure}; evaluate again")
    row = differences(part, other, level).iloc[0]
    return Spread(float(row["mean"]), float(row["sd"]), int(row["n"]), float(row["low"]), float(row["high"]))


def seed_noise(table: pd.DataFrame, measure: str) -> tuple[float, int]:
    """The standard deviation of a measure over seeds, pooled over methods, and its degrees of freedom.

    NaN and 0 if no method has two seeds. Runs with one seed share init and draws, so methods are correlated across
    seeds and the effective degrees of freedom are fewer than this number.
    """
    part = table[table["measure"] == measure]
    free = len(part) - part["method"].nunique()
    if free == 0:
        return math.nan, 0
    deviations = part["value"] - part.groupby("method")["value"].transform("mean")
    return math.sqrt(float((deviations**2).sum()) / free), free


def _scores(lm_eval: pd.DataFrame) -> pd.DataFrame:
    """method, seed, task, value: in percent, averaged over shots."""
    parts = []
    for task, rows in lm_eval.groupby("task", sort=False):
        metric = next((name for name in ACCURACIES if name in set(rows["metric"])), None)
        if metric is None:
            raise InputError(
                f"params.yaml: evaluation.tasks: {task} reports {', '.join(sorted(set(rows['metric'])))} and "
                f"none of {', '.join(ACCURACIES)}; remove it"
            )
        chosen = rows[rows["metric"] == metric]
        means = chosen.groupby(["method", "seed"], sort=False, as_index=False)["value"].mean()
        parts.append(means.assign(task=task, value=100 * means["value"]))
    return pd.concat(parts, ignore_index=True)
