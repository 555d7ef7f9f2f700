"""The papers' simulation on published runs: how firmly they determine the recommended mixture.

N runs, K domains, G mixtures to predict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.core.forked import mapped
from regmix.core.runs import LossParts, Runs
from regmix.mixture.judge import Simulation
from regmix.mixture.optima import Evidence
from regmix.mixture.refits import resamples, stretch
from regmix.mixture.search import Search
from regmix.mixture.settings import Refits
from regmix.mixture.simulate import simulate
from regmix.published.settings import Draws, Simulate
from regmix.regression.interface import Regressor
from regmix.sampling.draws import BLOCK, candidate_block
from regmix.sampling.rules import Rules


def rules(domains: Sequence[str], prior: np.ndarray, draws: Draws) -> Rules:
    """The rules of the published code's draws around ``prior`` (K,)."""
    grid = draws.strength
    return Rules.around(
        dict(zip(domains, prior.tolist(), strict=True)),
        None if draws.most is None else dict(zip(domains, np.minimum(draws.most * prior, 1).tolist(), strict=True)),
        temperature=draws.temperature,
        strengths=np.geomspace(grid.low, grid.high, grid.points),
    )


def optimum(
    runs: Runs, losses: LossParts, regressor: Regressor, draws: Draws, prior: np.ndarray, refits: Refits, seed: int,
    level: float, workers: int,
) -> Simulation:  # fmt: skip
    """The mean of the best candidates by one regressor's mean, as in the papers; ``seed`` draws the candidates."""
    search = Search(
        candidates=draws.candidates,
        top_k=draws.top_k,
        risk=0.0,
        local_steps=0,
        refits=refits.count,
        refit_candidates=refits.candidates,
        seed=seed,
    )
    drawn = rules(runs.domains, prior, draws)
    evidence = Evidence(runs.mixtures, {"objective": losses}, [regressor], drawn, search, workers)
    return simulate(evidence, level).simulations["objective"]


def optima(
    sets: Mapping[str, Runs], losses: Mapping[str, LossParts], regressors: Mapping[str, Regressor], plan: Simulate,
    prior: np.ndarray, level: float, workers: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """``optimum`` of every replay and seed: replay, seed, domain, weight, spread; and the refits of each.

    Losses are by set, in the order of its runs; ``prior`` is (K,).
    """
    weights, refits = [], []
    for name, entry in plan.replays.items():
        runs, regressor, draws = sets[entry.runs], regressors[entry.regressor], plan.draws[entry.draws]
        for seed in entry.seeds:
            best = optimum(runs, losses[entry.runs], regressor, draws, prior, plan.refits, seed, level, workers)
            key = {"replay": name, "seed": seed}
            frame = pd.DataFrame({"domain": runs.domains, "weight": best.weights, "spread": best.spread})
            weights.append(frame.assign(**key)[[*key, *frame.columns]])
            refits.append(best.refits.assign(**key))
    return pd.concat(weights, ignore_index=True), pd.concat(refits, ignore_index=True)


def cloud(
    runs: Runs, losses: np.ndarray, regressors: Sequence[Regressor], rules: Rules, count: int, seed: int, workers: int
) -> pd.DataFrame:
    """The first ``count`` candidates of ``seed``: their domains' weights, and predicted_<regressor> for each."""
    blocks = [candidate_block(rules, seed, 0, block) for block in range(-(-count // BLOCK))]
    candidates = np.concatenate(blocks)[:count]

    def predict(regressor: Regressor) -> np.ndarray:
        return regressor.fit(runs.mixtures, losses, seed).mean(candidates)

    with threadpool_limits(limits=1):
        predicted = mapped(predict, regressors, workers)
    table = dict(zip(rules.domains, candidates.T, strict=True))
    return pd.DataFrame(table | {f"predicted_{r.name}": v for r, v in zip(regressors, predicted, strict=True)})


def apart(
    runs: Runs, losses: np.ndarray, regressors: Sequence[Regressor], mixture: np.ndarray,
    others: Mapping[Any, np.ndarray], count: int, seed: int, workers: int,
) -> pd.DataFrame:  # fmt: skip
    """regressor, monotone, other, value, sd: ``differences`` of each from ``mixture`` (K,) to ``others`` by key."""
    grid = np.stack(list(others.values()))

    def compare(regressor: Regressor) -> pd.DataFrame:
        value, sd = differences(runs, losses, regressor, mixture, grid, count, seed)
        key = {"regressor": regressor.name, "monotone": regressor.monotone}
        return pd.DataFrame(key | {"other": list(others), "value": value, "sd": sd})

    with threadpool_limits(limits=1):
        return pd.concat(mapped(compare, regressors, workers), ignore_index=True)


def along(mixture: np.ndarray, column: int, weights: Sequence[float]) -> np.ndarray:
    """Mixtures (G, K) with the given weights on a domain and the others in the proportions of ``mixture`` (K,)."""
    rest = np.delete(mixture, column)
    rest = rest / rest.sum()
    return np.stack([np.insert((1 - weight) * rest, column, weight) for weight in weights])


def differences(
    runs: Runs, losses: np.ndarray, regressor: Regressor, mixture: np.ndarray, grid: np.ndarray, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted loss on ``grid`` (G, K) minus that at ``mixture``, and its standard deviation over refits; (G,) each.

    Each refit sees the distinct runs of a bootstrap resample; deviations are multiplied by ``refits.stretch``.
    """

    def difference(rows: np.ndarray) -> np.ndarray:
        predicted = regressor.fit(runs.mixtures[rows], losses[rows], seed).mean(np.vstack([mixture, grid]))
        return predicted[1:] - predicted[0]

    folds = list(resamples(len(losses), count, seed))
    spread = np.std([difference(fold) for fold in folds], axis=0, ddof=1)
    return difference(np.arange(len(losses))), stretch(folds, len(losses)) * spread
