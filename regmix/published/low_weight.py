"""Table 6 as far as the published runs allow: only runs that hardly trained on the objective's own domain.

The paper draws new mixtures over the other 16 domains and publishes none of them. Instead, this module keeps the runs
with almost none of the domain, drops its weight, and asks how well a regressor ranks other runs of this kind.

N runs, K domains.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.regression import assess
from regmix.regression.interface import Regressor
from regmix.regression.settings import Regression


def without(runs: Runs, domain: str, share: float) -> tuple[Runs, np.ndarray]:
    """The runs with less than ``share`` of ``domain``, and their mixtures (N, K - 1) over the others."""
    column = runs.domains.index(domain)
    part = runs.at(runs.mixtures[:, column] < share)
    rest = np.delete(part.mixtures, column, axis=1)
    return part, rest / rest.sum(axis=1, keepdims=True)


def ranked(
    regressors: list[Regressor], train: Runs, test: Runs, domain: str, share: float, settings: Regression
) -> pd.DataFrame:
    """regressor, metric, value, low, high, trained, n: scores on test runs, both sets without the domain."""
    train_part, inputs = without(train, domain, share)
    unseen, others = without(test, domain, share)
    losses, true = train_part.objective(Objective.loss(domain)), unseen.objective(Objective.loss(domain))
    rows = []
    for regressor in regressors:
        predicted = regressor.fit(inputs, losses, settings.seed).mean(others)
        for metric, figure in assess.score(true, predicted, settings).items():
            rows.append([regressor.name, metric, *figure, len(losses), len(true)])
    return pd.DataFrame(rows, columns=["regressor", "metric", "value", "low", "high", "trained", "n"])
