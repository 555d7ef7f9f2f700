"""Rounds of proxies by every acquisition rule with the published runs as the only candidates.

N runs so far, K domains, M runs of the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.choosing.acquisition_rules import RULES, Known, refit
from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.regression.ensemble import Ensemble, cached, stack
from regmix.regression.interface import Regressor

SIZES = (24, 32, 48, 64, 77)  # runs; the first are random
REFITS = 8  # as mixture.refits.count in params.yaml
RISK = 1.0  # as mixture.risk


def trajectories(table: Runs, aim: Objective, regressors: Sequence[Regressor], seed: int) -> Iterator[dict[str, Any]]:
    """A row per rule and number of runs, all rules from the same first runs.

    ``regret``: loss of the run that the ensemble ranks best in the whole table minus the table's lowest; ``best``: the
    same of the best run trained so far. ``expected``: what mixture_simulate calls regret, by refits to part of the
    runs, and ``improvement``: the same by draws of the posterior; both over the table.
    """
    parts, mixtures = table.parts(aim), table.mixtures
    losses = parts.total - parts.total.min()
    first = np.random.default_rng(seed).permutation(len(losses))[: SIZES[0]]
    regressors = [replace(regressor, fit=cached(regressor.fit)) for regressor in regressors]
    for rule, choose in RULES.items():
        seen = first
        for size, following in zip(SIZES, (*SIZES[1:], None), strict=True):
            part = replace(parts, losses=parts.losses[seen])
            weights = stack(regressors, mixtures[seen], {"": part}, seed)
            state = Known(mixtures[seen], part, regressors, weights, RISK)
            best = int(np.argmin(state.whole.score(mixtures, RISK)))
            row = {"seed": seed, "rule": rule, "runs": size, "regret": losses[best], "best": losses[seen].min()}
            if rule == "bootstrap":
                row["expected"] = float(np.mean([_lost(refit(state, 1000 * seed + i), mixtures, best)
                                                 for i in range(REFITS)]))  # fmt: skip
                draws = state.posterior(mixtures)
                row["improvement"] = float((draws[best] - draws.min(axis=0)).mean())
            yield row
            for i in range((following or size) - size):
                values = choose(state, mixtures[seen[size:]], 1000 * seed + i)(mixtures)
                values[seen] = np.inf
                seen = np.append(seen, np.argmin(values))


def _lost(model: Ensemble, mixtures: np.ndarray, chosen: int) -> float:
    """What a refit predicts that the ``chosen`` mixture loses to its own choice."""
    own = int(np.argmin(model.score(mixtures, RISK)))
    return max(0.0, float(np.subtract(*model.mean(mixtures[[chosen, own]]))))
