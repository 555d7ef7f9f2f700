"""Choose a mixture: search for the lowest predicted loss, and estimate how certain the choice is.

The paper's section 3.3 scores a million candidates with one regressor and averages the best hundred. That trusts
the regressor exactly where it errs most in the mixture's favour. So ``risk`` standard deviations are added before
ranking, and several regressors are weighed by how well they predict unseen runs.

Refits to part of the runs, each with its own candidates, show how firmly the runs determine the choice (judge.py).

N runs, K domains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.mixture.judge import Simulation, judge
from regmix.mixture.optima import Evidence, Optimum, Refit, optima
from regmix.mixture.refits import resamples, stretch
from regmix.regression.ensemble import Ensemble
from regmix.sampling.draws import candidate_block, near

SAMPLED = 2000  # candidates kept for figures; as many random ones and ones near the chosen could be better than it


@dataclass(frozen=True)
class Result:
    """Simulations and fitted models by objective, the regressors' weights (E,), and a sample of the candidates with
    predicted losses."""

    simulations: dict[str, Simulation]
    models: dict[str, Ensemble]
    weights: np.ndarray
    candidates: pd.DataFrame  # <domains>, then predicted_<objective> and sd_<objective>

    def refit_tables(self) -> pd.DataFrame:
        """The refits of all objectives: objective, refit, gain, <domains>."""
        parts = {name: simulation.refits for name, simulation in self.simulations.items()}
        return pd.concat(parts, names=["objective"]).reset_index(level=0).reset_index(drop=True)


def check_limits(name: str, objective: Objective, best: Optimum, tolerance: float = 0.005) -> None:
    """Raises InputError, naming the loss, if even the best mixture is predicted to exceed a limit of the objective."""
    above = best.model.excess(best.weights[None])[0]
    worst = int(np.argmax(above))
    if above[worst] > tolerance:
        raise InputError(
            f"params.yaml: objectives.{name}: no mixture satisfies its limits; at the best one the loss of "
            f"{objective.names[worst]} is predicted {above[worst]:.3f} nats too high; raise `within` by as much"
        )


def sampled(evidence: Evidence) -> np.ndarray:
    """Some of the random candidates (M, K)."""
    return candidate_block(evidence.rules, evidence.search.seed, 0, 0)[: min(SAMPLED, evidence.search.candidates)]


def rivals(evidence: Evidence, weights: np.ndarray) -> np.ndarray:
    """Mixtures (M, K) that could be better than the chosen ``weights`` (K,): random ones, near ones, and the runs'."""
    search = evidence.search
    around = near(evidence.rules, weights[None], search.seed, 0, search.local_steps, count=SAMPLED)
    return np.concatenate([sampled(evidence), around, evidence.mixtures])


def simulate(evidence: Evidence, level: float) -> Result:
    """Choose a mixture for every objective. ``level`` is the coverage of the gain's interval.

    All objectives are scored on the same random candidates. Raises InputError.
    """
    mixtures, losses, rules, search = evidence.mixtures, evidence.losses, evidence.rules, evidence.search
    rows = [np.arange(len(mixtures)), *resamples(len(mixtures), search.refits, search.seed)]
    refits = [Refit(name, seen, stream) for name in losses for stream, seen in enumerate(rows)]
    weights, optimal = optima(evidence, refits)
    factor, simulations, models = stretch(rows[1:], len(mixtures)), {}, {}
    sample = sampled(evidence)
    for name, first in zip(losses, range(0, len(optimal), len(rows)), strict=True):
        whole, *parts = optimal[first : first + len(rows)]
        models[name] = whole.model
        simulations[name] = judge(whole, parts, factor, mixtures, rivals(evidence, whole.weights), rules, level)
        check_limits(name, losses[name].objective, whole)
    table = {domain: sample[:, k] for k, domain in enumerate(rules.domains)}
    for name in losses:
        table[f"predicted_{name}"], table[f"sd_{name}"] = models[name].predict(sample)
    return Result(simulations, models, weights, pd.DataFrame(table))
