"""Summaries of the published runs and of fits to them: learning curves, and losses by a domain's own weight."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from regmix.core.runs import Runs
from regmix.evaluation.summary import spread


def curves(by_regressor: Mapping[str, pd.DataFrame], objective: str, level: float) -> pd.DataFrame:
    """regressor, split, proxies, mean, sd, low, high, min, max, subsets: Spearman x 100 over subsets of the runs, of
    one objective.

    The interval is the t interval of the mean. ``subsets`` is 0 if no rank correlation is defined, and 1 for all
    runs.
    """
    rows = []
    for name, frame in by_regressor.items():
        own = frame[frame["objective"] == objective]
        for (size, split), part in own.groupby(["proxies", "split"], sort=False):
            values = 100 * part["spearman"].dropna().to_numpy()
            if not len(values):
                rows.append([name, str(split), int(size), *[math.nan] * 6, 0])
                continue
            values = values[:1] if np.ptp(values) == 0 else values
            summary = spread(values, level)
            ends = summary.low, summary.high, values.min(), values.max()
            rows.append([name, str(split), int(size), summary.mean, summary.sd, *ends, len(values)])
    columns = ["regressor", "split", "proxies", "mean", "sd", "low", "high", "min", "max", "subsets"]
    return pd.DataFrame(rows, columns=columns)


def domain_curves(by_regressor: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """regressor, split, proxies, mean, lowest, domain: Spearman x 100, mean over subsets of the runs; the mean over all
    objectives, the lowest of them, and whose it is. NaN where one of them has none.
    """
    rows = []
    for name, frame in by_regressor.items():
        for (split, size), part in frame.groupby(["split", "proxies"], sort=False):
            means = 100 * part.groupby("objective", sort=False)["spearman"].mean()
            complete = means.notna().all()
            lowest = (means.min(), means.idxmin()) if complete else (math.nan, "")
            rows.append([name, str(split), int(size), means.mean() if complete else math.nan, *lowest])
    return pd.DataFrame(rows, columns=["regressor", "split", "proxies", "mean", "lowest", "domain"])


def power_laws(train: Runs) -> pd.DataFrame:
    """domain, n, slope, r2: log loss on the log of the domain's own weight, over the runs that have any of it."""
    rows = []
    for domain in train.losses:
        weight, loss = train.mixtures[:, train.domains.index(str(domain))], train.losses[domain].to_numpy()
        some = weight > 0
        x, y = np.log(weight[some]), np.log(loss[some])
        slope = float(np.polyfit(x, y, 1)[0])
        rows.append([domain, int(some.sum()), slope, float(np.corrcoef(x, y)[0, 1] ** 2)])
    return pd.DataFrame(rows, columns=["domain", "n", "slope", "r2"])
