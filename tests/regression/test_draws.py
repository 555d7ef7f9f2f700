"""Draws from a posterior have its mean and spread, and are functions of the mixture."""

from __future__ import annotations

import numpy as np
import pytest

from regmix.core.objective import Objective
from regmix.core.settings import Kind
from regmix.regression.ensemble import Ensemble, by_part
from regmix.regression.interface import Bayesian, bind

LENGTHS = {"features": "sqrt", "length_scale": {"low": 0.1, "high": 10.0}, "starts": 1}
LAW = {"starts": 2, "shrinkage": 0.01}
ENTRIES = {
    "law": Kind(kind="effective_tokens", **LAW),
    "gp": Kind(kind="gp", target="loss", **LENGTHS),
    "gp_log": Kind(kind="gp", target={"log_excess": 0.5}, **LENGTHS),
    "gp_on_law": Kind(kind="gp_on_law", law=LAW, **LENGTHS),
}


def runs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    mixtures = rng.dirichlet(np.ones(3), size=count)
    return mixtures, 3 + ((mixtures - [0.5, 0.3, 0.2]) ** 2).sum(axis=1) + rng.normal(scale=0.05, size=count)


@pytest.mark.parametrize("name", ENTRIES)
def test_draws_have_the_mean_and_the_spread_of_a_prediction_without_its_noise(name):
    model = bind(name, ENTRIES[name]).fit(*runs(30, 0), 0)
    assert isinstance(model, Bayesian)
    points = np.vstack([runs(6, 1)[0], np.eye(3)])
    drawn = model.draws(4000, np.random.default_rng(0))(points)
    mean, sd = model.predict(points)
    spread = drawn.std(axis=1)
    np.testing.assert_allclose(drawn.mean(axis=1), mean, atol=0.02)
    assert np.all(spread < 1.1 * sd)
    assert spread[-3:].mean() > 1.2 * spread[:-3].mean()  # corners are far from all runs
    if name in ("law", "gp"):
        noise = model.scale * model.fitted.noise if name == "law" else np.sqrt(model.noise) * model.scale
        np.testing.assert_allclose(np.hypot(spread, noise), sd, rtol=0.1)


def test_an_ensemble_draws_functions_of_each_member_in_proportion_to_its_weight():
    mixtures, losses = runs(30, 0)
    aim = Objective.mean({"a": 1, "b": 3})
    parts = np.column_stack([losses, losses + 1])
    members = [by_part(bind(name, ENTRIES[name]).fit, aim)(mixtures, parts, 0) for name in ("law", "gp")]
    draws = Ensemble(members, np.array([0.25, 0.75])).draws(200, 0)
    together = draws(mixtures)
    assert together.shape == (30, 200)
    np.testing.assert_allclose(draws(mixtures[7:9]), together[7:9])
    np.testing.assert_allclose(together.mean(axis=1), members[1].mean(mixtures), atol=0.05)
    alone = Ensemble(members, np.array([0.0, 1.0])).draws(200, 0)
    np.testing.assert_allclose(alone(mixtures), members[1].draws(200, 1)(mixtures))
