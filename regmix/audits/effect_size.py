"""Downstream, zero-shot: how many standard deviations of a seed is a method better (Cohen's d; RegMix, Table 8)?"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Measured, Size
from regmix.ablations.bench import Bench
from regmix.core.errors import InputError
from regmix.core.settings import Name, Strict
from regmix.evaluation.summary import AVERAGE, AVERAGE_BITS

LARGE = 0.8  # what Cohen (1988) calls a large effect


class Options(Strict):
    methods: Annotated[list[Name], Field(min_length=1)]
    baseline: Name  # the paper's is human


def size(options: Options, learnt: int, domains: int) -> Size:
    return Size()


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown method."""
    for method in (*options.methods, options.baseline):
        bench.targets_of(method)
    scores = bench.scores
    if scores.empty:
        raise InputError("audits: no zero-shot scores; have tasks, and 0 in shots: params.yaml: evaluation")
    rows = []
    for method in options.methods:
        for measure in dict.fromkeys(scores["measure"]):
            own, base = (
                scores.loc[(scores["method"] == name) & (scores["measure"] == measure), "value"].to_numpy()
                for name in (method, options.baseline)
            )
            d, low, high = cohens_d(own, base, bench.level)
            if measure.endswith("_bits"):  # lower is better
                d, low, high = -d, -high, -low
            rows.append([method, measure, own.mean(), base.mean(), d, low, high, len(own)])
    table = pd.DataFrame(rows, columns=["method", "measure", "score", "baseline", "d", "low", "high", "seeds"])
    answers = []
    for method in options.methods:
        own = table[table["method"] == method].set_index("measure")
        for average, label in ((AVERAGE, "accuracy"), (AVERAGE_BITS, "bits per byte of right answers")):
            tasks = own[own.index.str.endswith("_bits") == average.endswith("_bits")].drop(index=average)
            wins = int((tasks["d"] >= LARGE).sum())
            row = own.loc[average]
            effect = Measured("d", float(row["d"]), float(row["low"]), float(row["high"]), int(row["seeds"]))
            answers.append(
                Answer.above(f"{method} is better than {options.baseline} by the average {label}; large effects on "
                             f"{wins} of {len(tasks)} tasks", [effect], 0.0, "Cohen's d", "seeds each")
            )  # fmt: skip
    return Audit(tuple(answers), {"effects": table})


def cohens_d(own: np.ndarray, base: np.ndarray, level: float) -> tuple[float, float, float]:
    """The difference of the means of two samples by their pooled standard deviation, with its normal interval.

    The variance is that of Hedges and Olkin (1985): 1/n + 1/m + d^2 / (2 (n + m)). NaN without any spread.
    """
    n, m = len(own), len(base)
    pooled = math.sqrt(((n - 1) * own.var(ddof=1) + (m - 1) * base.var(ddof=1)) / (n + m - 2))
    if pooled == 0:
        return math.nan, math.nan, math.nan
    d = float((own.mean() - base.mean()) / pooled)
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(1 / n + 1 / m + d**2 / (2 * (n + m)))
    return d, d - half, d + half
