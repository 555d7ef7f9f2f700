"""Another round is worth its compute while it could gain more than proxies can tell apart."""

from __future__ import annotations

import math

import numpy as np
import pytest

from regmix.core.objective import Objective
from regmix.core.settings import Kind
from regmix.mixture.stopping import expected_gain, outlook
from regmix.regression.ensemble import Ensemble, by_part
from regmix.regression.interface import bind

META = {"train_tokens": 1000, "flops_a_token": {"body": 1.0, "full": 3.0}}
LAW = Kind(kind="effective_tokens", starts=2, shrinkage=0.01)
RIDGE = Kind(kind="ridge", alphas={"low": 1e-3, "high": 1e3, "points": 3}, folds=3)
BEST = np.array([0.5, 0.3, 0.2])


def ensemble(count: int, entry: Kind = LAW, noise: float = 0.03, limits: np.ndarray | None = None) -> Ensemble:
    """Fitted to ``count`` random runs of a loss that is lowest at BEST."""
    rng = np.random.default_rng(0)
    mixtures = rng.dirichlet(np.ones(3), size=count)
    losses = 3 + 2 * ((mixtures - BEST) ** 2).sum(axis=1) + rng.normal(scale=noise, size=count)
    aim = Objective(("bowl",), np.ones(1), limits=limits)
    return Ensemble([by_part(bind("one", entry).fit, aim)(mixtures, losses[:, None], 0)], np.ones(1))


@pytest.mark.parametrize(("gain", "verdict"), [(0.1, "continue"), (0.001, "stop"), (None, None)])
def test_rounds_go_on_while_they_could_gain_more_than_the_noise(gain, verdict):
    result = outlook({"expected_gain": gain}, 0.02, 8, 19, META)
    assert result.verdict == verdict
    assert (result.noise, result.flops) == (pytest.approx(0.01), 19 * 1000 * 3.0)


def test_without_a_known_noise_there_is_no_verdict():
    assert outlook({"expected_gain": 0.1}, math.nan, 6, 19, META).verdict is None


def test_less_is_expected_of_a_better_mixture_and_after_more_runs():
    candidates = np.random.default_rng(1).dirichlet(np.ones(3), size=500)
    corner = np.array([0.0, 0.0, 1.0])
    few, many = ensemble(12), ensemble(200)
    chosen = [candidates[model.mean(candidates).argmin()] for model in (few, many)]
    assert expected_gain(few, corner, candidates, 0) > 0.3
    assert 0 <= expected_gain(many, chosen[1], candidates, 0) < expected_gain(few, chosen[0], candidates, 0) < 0.1


def test_candidates_above_a_limit_are_no_gain_and_without_a_posterior_nothing_is_known():
    corner, candidates = np.array([0.0, 0.0, 1.0]), np.random.default_rng(1).dirichlet(np.ones(3), size=50)
    assert expected_gain(ensemble(30, limits=np.array([0.0])), corner, candidates, 0) == 0
    assert math.isnan(expected_gain(ensemble(30, RIDGE), corner, candidates, 0))
