"""Choose a mixture: score random candidates, average the best, and say how sure that is.

The paper's section 3.3 scores a million candidates with one regressor and averages the best hundred. That takes
the regressor at its word exactly where it errs most in the mixture's favour. ``risk_aware`` therefore adds
standard deviations before ranking and averages the ranks of several regressors.

What is reported about the chosen mixture:

- Its spread: refits to part of the runs, each with candidates of its own. A refit sees the distinct runs of a
  bootstrap resample, for two copies of one run would tell a Gaussian process that there is no noise. With b of
  N runs left, spreads are multiplied by sqrt(b / (N - b)), the factor of a delete-d jackknife.
- Its predicted gain over the prior. The standard deviation is the larger of two that overlap and are therefore
  not added: what the regressors claim (their own deviations at both mixtures, seed noise included, and their
  disagreement on the gain), and the spread over refits of the same mixture's gain.
- Its distance from the runs, for a prediction far from all of them is an extrapolation.

It is still the best of many predictions: train proxies at the mixture before believing the gain.

N runs, K domains, M candidates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from regmix.core.errors import InputError
from regmix.core.runs import Runs
from regmix.core.settings import Kind
from regmix.mixture.settings import Mixture
from regmix.params import Params
from regmix.regression import ensemble, interface
from regmix.regression.interface import Model, Prediction, Regressor
from regmix.sampling.draws import BLOCK, candidate_block
from regmix.sampling.rules import Rules
from regmix.statistics import verdicts
from regmix.statistics.intervals import Score

SAMPLED = 2000  # candidates kept for figures
TOGETHER = 4  # most blocks of candidates scored in one call: trees take less time a row in large ones


@dataclass(frozen=True)
class Simulation:
    """The mixture chosen for one objective and what is known about it."""

    weights: np.ndarray  # (K,)
    spread: np.ndarray  # (K,), standard deviation over refits
    predicted: Prediction  # loss at the chosen mixture and at the prior, in this order: two values each
    gain: Score  # of the chosen mixture over the prior, nats per token
    distance: float  # L1 to the nearest run
    typical_distance: float  # median over the runs of the L1 distance to the nearest other mixture
    verdict: str
    refits: pd.DataFrame  # refit, gain of the chosen mixture, the refit's own mixture (K columns)

    def to_json(self, domains: Sequence[str]) -> dict[str, Any]:
        (chosen, prior), (chosen_sd, prior_sd) = (part.tolist() for part in self.predicted)
        return {
            "domains": list(domains),
            "weights": dict(zip(domains, self.weights.tolist(), strict=True)),
            "spread": dict(zip(domains, self.spread.tolist(), strict=True)),
            "predicted": {"mean": chosen, "sd": chosen_sd},
            "predicted_prior": {"mean": prior, "sd": prior_sd},
            "gain": self.gain.to_json(),
            "verdict": self.verdict,
            "support": {"distance": self.distance, "typical": self.typical_distance},
        }


@dataclass(frozen=True)
class Result:
    """Simulations by objective, and a sample of the candidates with their predicted losses."""

    simulations: dict[str, Simulation]
    candidates: pd.DataFrame  # <domains>, then predicted_<objective> and sd_<objective>

    def refit_tables(self) -> pd.DataFrame:
        """The refits of all objectives: objective, refit, gain, <domains>."""
        parts = {name: simulation.refits for name, simulation in self.simulations.items()}
        return pd.concat(parts, names=["objective"]).reset_index(level=0).reset_index(drop=True)


def choose(runs: Runs, objectives: Mapping[str, Mapping[str, float]], rules: Rules, params: Params) -> Result:
    """``simulate`` for objectives given as weights over domains, with the settings of params.yaml."""
    regressors, risk = members(params.mixture, params.regressors)
    losses = {name: runs.objective(weights) for name, weights in objectives.items()}
    level, workers = params.regression.interval, params.machine.processes
    return simulate(runs.mixtures, losses, regressors, risk, rules, params.mixture, level, workers)


def members(settings: Mixture, entries: Mapping[str, Kind]) -> tuple[list[Regressor], float]:
    """The regressors that rank candidates and the risk they rank with, by ``mixture.mode``.

    Raises InputError for one whose optimum is always a single domain.
    """
    paper = settings.mode == "paper"
    names = [settings.paper_regressor] if paper else settings.ensemble
    chosen = [interface.bind(name, entries[name]) for name in names]
    key = "paper_regressor" if paper else "ensemble"
    for regressor in chosen:
        if regressor.monotone:
            raise InputError(
                f"params.yaml: mixture.{key}: {regressor.name} is monotone along any direction, so its optimum is "
                f"always a single domain; use a regressor of kind gp or lightgbm"
            )
    return chosen, 0.0 if paper else settings.risk


def simulate(
    mixtures: np.ndarray,
    losses: Mapping[str, np.ndarray],
    regressors: Sequence[Regressor],
    risk: float,
    rules: Rules,
    settings: Mixture,
    level: float,
    workers: int = 1,
) -> Result:
    """Choose a mixture for every objective from runs (N, K) and their losses (N,) by objective.

    ``rules`` bounds the candidates; ``level`` is the coverage of the gain's interval; ``workers`` threads
    change the time only. All objectives are scored on the same candidates. Raises InputError.
    """
    with threadpool_limits(limits=1), ThreadPoolExecutor(workers) as pool:
        rows = [np.arange(len(mixtures)), *resamples(len(mixtures), settings.refits.count, settings.seed)]
        jobs = [(fold, name, regressor) for fold in rows for name in losses for regressor in regressors]
        fitted = iter(pool.map(lambda j: j[2].fit(mixtures[j[0]], losses[j[1]][j[0]], settings.seed), jobs))
        models = [{name: [next(fitted) for _ in regressors] for name in losses} for _ in rows]
        best, sample = _best(models[0], risk, rules, settings, 0, pool)
        refits = [_best(m, risk, rules, settings, stream, pool)[0] for stream, m in enumerate(models[1:], 1)]
    kept = np.mean([len(fold) for fold in rows[1:]])
    stretch = math.sqrt(kept / (len(mixtures) - kept))
    simulations = {
        name: _judge(best[name], [r[name] for r in refits], [m[name] for m in models], stretch, mixtures, rules, level)
        for name in losses
    }
    table = {domain: sample[:, k] for k, domain in enumerate(rules.domains)}
    for name in losses:
        table[f"predicted_{name}"], table[f"sd_{name}"] = ensemble.pooled(models[0][name], sample)
    return Result(simulations, pd.DataFrame(table))


def nearest(points: np.ndarray, mixtures: np.ndarray) -> np.ndarray:
    """L1 distance of each point (M, K) to the nearest mixture (N, K) that is not the point itself."""
    apart = np.abs(points[:, None] - mixtures).sum(axis=2)
    return np.where(apart > 1e-9, apart, np.inf).min(axis=1)


def resamples(runs: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """The distinct runs of ``count`` bootstrap resamples."""
    for child in np.random.SeedSequence(seed).spawn(count):
        yield np.unique(np.random.default_rng(child).integers(runs, size=runs))


def _best(
    models: Mapping[str, list[Model]], risk: float, rules: Rules, settings: Mixture, stream: int, pool: Executor
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The mean (K,) of the best candidates by objective, and the first candidates drawn.

    Stream 0 is the simulation's own; a refit's has fewer candidates and averages the same share of them.
    """
    count = settings.candidates if stream == 0 else settings.refits.candidates
    top = min(count, max(1, round(settings.top_k * count / settings.candidates)))

    blocks = -(-count // BLOCK)
    together = max(1, min(TOGETHER, blocks // 2))  # half a refit each for two workers; of ``count`` alone, as the bits

    def score(first: int) -> tuple[np.ndarray, np.ndarray]:
        part = range(first, min(first + together, blocks))
        drawn = np.concatenate([candidate_block(rules, settings.seed, stream, block) for block in part])
        drawn = drawn[: count - first * BLOCK]
        return drawn, np.stack([ensemble.risk_scores(m, drawn, risk) for group in models.values() for m in group])

    drawn, scored = zip(*pool.map(score, range(0, blocks, together)), strict=True)
    candidates, scores = np.concatenate(drawn), np.concatenate(scored, axis=1)
    votes = len(scores) // len(models)

    def choose(first: int) -> np.ndarray:
        ranks = ensemble.average_ranks(scores[first : first + votes])
        weights = candidates[np.argsort(ranks, kind="stable")[:top]].mean(axis=0)
        return weights / weights.sum()

    chosen = pool.map(choose, range(0, len(scores), votes))
    return dict(zip(models, chosen, strict=True)), candidates[:SAMPLED]


def _judge(
    weights: np.ndarray,
    optima: list[np.ndarray],
    models: list[list[Model]],
    stretch: float,
    mixtures: np.ndarray,
    rules: Rules,
    level: float,
) -> Simulation:
    """``optima`` are the refits' mixtures; ``models`` the full fit's regressors, then each refit's."""
    pair = np.stack([weights, rules.prior])
    means, sds = (np.stack(part) for part in zip(*(model.predict(pair) for model in models[0]), strict=True))
    gains = means[:, 1] - means[:, 0]
    claimed = math.sqrt((sds**2).sum(axis=1).mean() + gains.var())
    again = [np.mean([np.subtract(*model.mean(pair[::-1])) for model in refit]) for refit in models[1:]]
    half = float(stats.norm.ppf((1 + level) / 2)) * max(claimed, stretch * float(np.std(again, ddof=1)))
    gain = Score(float(gains.mean()), float(gains.mean()) - half, float(gains.mean()) + half)
    table = {"refit": range(len(optima)), "gain": again}
    return Simulation(
        weights=weights,
        spread=stretch * np.std(optima, axis=0, ddof=1),
        predicted=ensemble.pooled(models[0], pair),
        gain=gain,
        distance=float(np.abs(mixtures - weights).sum(axis=1).min()),
        typical_distance=float(np.median(nearest(mixtures, mixtures))),
        verdict=verdicts.over_prior(gain),
        refits=pd.DataFrame(table | {d: [o[k] for o in optima] for k, d in enumerate(rules.domains)}),
    )
