"""Drawing a million candidate mixtures and scoring them, against the libraries' own prediction."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel
from threadpoolctl import threadpool_limits

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.core.settings import Kind
from regmix.params import Params
from regmix.published.settings import Published
from regmix.regression.interface import bind
from regmix.sampling.draws import candidate_block
from regmix.sampling.rules import Rules

CANDIDATES, SAMPLE = 1_000_000, 50_000


def measure(runs: Runs, rules: Rules, params: Params) -> dict[str, Any]:
    """Seconds on one thread for a million; the alternatives score ``SAMPLE`` and are scaled up."""
    losses = runs.objective(params.objective_weights(next(iter(params.objectives))))
    with threadpool_limits(1):
        seconds, blocks = _timed(lambda: _draw(rules))
        candidates = np.concatenate(blocks)[:CANDIDATES]
        out: dict[str, Any] = {"candidates": CANDIDATES, "fitted_to": len(losses), "draw_seconds": round(seconds, 2)}
        for name in params.mixture.ensemble:
            out |= _scored(name, params.regressors[name], runs.mixtures, losses, candidates)
        kernel = Matern(np.ones(runs.mixtures.shape[1]), nu=2.5) + WhiteKernel(0.01)
        process = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True).fit(np.sqrt(runs.mixtures), losses)
        theirs, _ = _timed(lambda: process.predict(np.sqrt(candidates[:SAMPLE]), return_std=True))
        out["gp_by_scikit_learn_seconds"] = round(theirs * CANDIDATES / SAMPLE, 2)
    return out


def published(settings: Published, runs: Runs) -> dict[str, Any]:
    """The paper's LightGBM and the Gaussian process fitted to the published proxies, by mean alone as replays rank."""
    losses = runs.objective(Objective.loss(settings.objective))
    candidates = np.random.default_rng(0).dirichlet(np.full(runs.mixtures.shape[1], 0.3), CANDIDATES)
    out: dict[str, Any] = {"candidates": CANDIDATES, "fitted_to": len(losses)}
    with threadpool_limits(1):
        for name in (settings.paper_regressor, "gp"):
            out |= _scored(name, settings.regressors[name], runs.mixtures, losses, candidates, deviation=False)
    return out


def _scored(
    name: str, entry: Kind, mixtures: np.ndarray, losses: np.ndarray, candidates: np.ndarray, deviation: bool = True
) -> dict[str, float]:
    """Seconds of a regressor's scoring, and of LightGBM's own prediction where it is one."""
    model = bind(name, entry).fit(mixtures, losses, 0)
    single = getattr(model, "booster", None)  # whose deviation is no candidate's own
    score = model.predict if single is None and deviation else model.mean
    out = {f"{name}_seconds": round(_timed(lambda: score(candidates))[0], 2)}
    boosters = getattr(model, "boosters", None) or ([single] if single is not None else [])
    if boosters:
        theirs, _ = _timed(lambda: [o.model.predict(candidates[:SAMPLE], num_threads=1) for o in boosters])
        out[f"{name}_by_lightgbm_seconds"] = round(theirs * CANDIDATES / SAMPLE, 2)
    return out


def _draw(rules: Rules) -> list[np.ndarray]:
    blocks, count = [], 0
    while count < CANDIDATES:
        blocks.append(candidate_block(rules, 0, 0, len(blocks)))
        count += len(blocks[-1])
    return blocks


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    value = work()
    return time.perf_counter() - start, value
