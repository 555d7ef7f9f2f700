"""A front runs from one objective's optimum to the other's, and none of its mixtures is beaten in both."""

from __future__ import annotations

import numpy as np
import pytest

from regmix.core.objective import Objective
from regmix.core.runs import LossParts
from regmix.core.settings import Kind
from regmix.mixture.front import fronts
from regmix.mixture.optima import Evidence
from regmix.mixture.search import Search
from regmix.mixture.simulate import simulate
from regmix.regression.interface import bind
from regmix.sampling import draws
from regmix.sampling.rules import Rules

PROCESS = {"kind": "gp", "features": "sqrt", "length_scale": {"low": 0.1, "high": 10.0}, "starts": 3, "target": "loss"}
SEARCH = Search(candidates=3000, top_k=20, refits=2, refit_candidates=1000, local_steps=3, local_candidates=500)
OPTIMA = {"near": np.array([0.6, 0.2, 0.2]), "far": np.array([0.2, 0.6, 0.2])}


@pytest.fixture(scope="module")
def rules() -> Rules:
    prior = {"news": 0.2, "law": 0.3, "drama": 0.5}
    return Rules.around(prior, dict.fromkeys(prior, 0.95), strengths=np.geomspace(0.5, 5.0, 5))


@pytest.fixture(scope="module")
def mixtures(rules) -> np.ndarray:
    return np.stack([draws.draw(rules, draws.RANDOM, i) for i in range(40)])


def evidence(rules: Rules, mixtures: np.ndarray, scale: float = 1.0) -> Evidence:
    bowls = {name: ((mixtures - best) ** 2).sum(axis=1) for name, best in OPTIMA.items()}
    losses = {"near": 4 + scale * bowls["near"], "far": 4 + bowls["far"]}
    parts = {name: LossParts(values[:, None], Objective.loss(name)) for name, values in losses.items()}
    return Evidence(mixtures, parts, [bind("gp", Kind(**PROCESS))], rules, SEARCH, workers=2)


@pytest.mark.parametrize("scale", [1.0, 50.0])  # the unit of one objective does not bend the front
def test_the_front_lies_between_the_optima(rules, mixtures, scale):
    fitted = evidence(rules, mixtures, scale)
    table = fronts([("near", "far")], simulate(fitted, 0.95), fitted, 5, 0.95)
    assert table["share"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert table["first_loss"].is_monotonic_increasing
    assert table["second_loss"].is_monotonic_decreasing
    middle = table[list(rules.domains)].to_numpy()[2]
    np.testing.assert_allclose(middle, (OPTIMA["near"] + OPTIMA["far"]) / 2, atol=0.04)  # two equal bowls
    assert (table["first_loss_low"] < table["first_loss"]).all()


def test_one_objective_twice_has_a_front_of_equal_points_and_none_has_no_rows(rules, mixtures):
    fitted = evidence(rules, mixtures)
    result = simulate(fitted, 0.95)
    same = fronts([("near", "near")], result, fitted, 3, 0.95)
    assert np.ptp(same["first_loss"]) < 0.005
    assert fronts([], result, fitted, 3, 0.95).empty
