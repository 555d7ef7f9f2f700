"""The papers' simulation on published runs: how firmly they fix the mixture that it recommends.

N runs, K domains, G mixtures of a grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regmix.mixtures import Rules
from regmix.objectives import Runs
from regmix.params import Mixture, Refits
from regmix.published_params import Draws
from regmix.regressors._interface import Regressor
from regmix.simulate import Simulation, resamples, simulate

MIN_WEIGHT = 2e-4  # of the published code
MAX_TRIES = 1000


def rules(domains: Sequence[str], prior: np.ndarray, draws: Draws) -> Rules:
    """The rules of the published code's draws around ``prior`` (K,)."""
    tempered = prior**draws.temperature
    grid = draws.strength
    return Rules(
        domains=tuple(domains),
        prior=prior,
        bounds=np.ones(len(prior)) if draws.most is None else np.minimum(draws.most * prior, 1),
        tempered=tempered / tempered.sum(),
        strengths=np.geomspace(grid.low, grid.high, grid.points),
        min_weight=MIN_WEIGHT,
        max_tries=MAX_TRIES,
        seed=0,
    )


def optimum(
    runs: Runs, losses: np.ndarray, regressor: Regressor, draws: Draws, prior: np.ndarray, refits: Refits, seed: int,
    level: float, workers: int,
) -> Simulation:  # fmt: skip
    """The mean of the best candidates by one regressor's mean, as the papers choose; ``seed`` is the candidates'."""
    settings = Mixture(
        mode="paper",
        paper_regressor=regressor.name,
        ensemble=[regressor.name],
        risk=0.0,
        candidates=draws.candidates,
        top_k=draws.top_k,
        seed=seed,
        refits=refits,
        confirm={"seeds": 1},  # type: ignore[arg-type]  # no run confirms anything here
        refit=False,
    )
    found = simulate(
        runs.mixtures,
        {"objective": losses},
        [regressor],
        0.0,
        rules(runs.domains, prior, draws),
        settings,
        level,
        workers,
    )
    return found.simulations["objective"]


def along(mixture: np.ndarray, column: int, weights: Sequence[float]) -> np.ndarray:
    """Mixtures (G, K) with the given weights on a domain and the others in the proportions of ``mixture`` (K,)."""
    rest = np.delete(mixture, column)
    rest = rest / rest.sum()
    return np.stack([np.insert((1 - weight) * rest, column, weight) for weight in weights])


def differences(
    runs: Runs, losses: np.ndarray, regressor: Regressor, mixture: np.ndarray, grid: np.ndarray, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted loss on ``grid`` (G, K) less that at ``mixture``, and its standard deviation over refits; (G,) each.

    Refits see the distinct runs of a bootstrap resample; with b of N runs left, deviations are multiplied by
    sqrt(b / (N - b)), the factor of a delete-d jackknife.
    """

    def less(rows: np.ndarray) -> np.ndarray:
        told = regressor.fit(runs.mixtures[rows], losses[rows], seed).mean(np.vstack([mixture, grid]))
        return told[1:] - told[0]

    folds = list(resamples(len(losses), count, seed))
    kept = float(np.mean([len(fold) for fold in folds]))
    stretch = np.sqrt(kept / (len(losses) - kept))
    return less(np.arange(len(losses))), stretch * np.std([less(fold) for fold in folds], axis=0, ddof=1)
