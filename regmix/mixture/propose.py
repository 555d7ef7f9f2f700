"""The mixtures of a further round of proxies, by the round's acquisition rule.

docs/acquisitions.md compares the rules. N runs, K domains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regmix.core.runs import LossParts
from regmix.mixture.acquisition import bootstrap, expected_improvement
from regmix.mixture.search import Search
from regmix.regression.interface import Regressor
from regmix.sampling.rules import Rules
from regmix.sampling.settings import Acquisition

POINTS = {"bootstrap": bootstrap.points, "expected_improvement": expected_improvement.points}


def propose(
    mixtures: np.ndarray,
    losses: Mapping[str, LossParts],
    regressors: Sequence[Regressor],
    rules: Rules,
    search: Search,
    count: int,
    acquisition: Acquisition,
    workers: int = 1,
) -> pd.DataFrame:
    """``count`` rows of objective and <domains>, from runs (N, K) and their losses by objective, in turn.

    Other arguments and errors are those of ``simulate``; expected improvement raises NoPosterior too.
    """
    names, points = POINTS[acquisition](mixtures, losses, regressors, rules, search, count, workers)
    table = pd.DataFrame(points, columns=list(rules.domains))
    table.insert(0, "objective", names)
    return table
