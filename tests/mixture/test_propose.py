"""A round's proposals lie where refits have their optima, apart from each other and from what was trained."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regmix.core.errors import InputError
from regmix.core.files import write_csv
from regmix.core.objective import Objective
from regmix.core.runs import LossParts
from regmix.core.settings import Kind
from regmix.mixture.acquisition.bootstrap import spread_out
from regmix.mixture.optima import Evidence
from regmix.mixture.propose import POINTS, earlier, propose
from regmix.mixture.search import Search
from regmix.regression.interface import bind
from regmix.sampling import draws
from regmix.sampling.rules import Rules

RULES = Rules.around({f"d{k}": 0.25 for k in range(4)})
BEST = np.array([0.5, 0.3, 0.2, 0.0])
SMALL = Search(candidates=500, local_steps=2, local_candidates=200)
LAW = bind("law", Kind(kind="effective_tokens", starts=2, shrinkage=0.01))


def parts(rows: np.ndarray, seed: int = 0) -> LossParts:
    noise = np.random.default_rng(seed).normal(scale=0.03, size=len(rows))
    losses = 3 + 2 * ((rows - BEST) ** 2).sum(axis=1) + noise
    return LossParts(losses[:, None], Objective.loss("bowl"))


@pytest.fixture(scope="module")
def runs() -> np.ndarray:
    return np.stack([draws.draw(RULES, draws.RANDOM, i) for i in range(24)])


@pytest.mark.parametrize("rule", POINTS)
def test_proposals_gather_around_the_optimum_and_take_objectives_in_turn(runs, rule):
    losses = {"first": parts(runs), "second": parts(runs, 1)}
    table = propose(Evidence(runs, losses, [LAW], RULES, SMALL, workers=2), 6, rule)
    assert table.equals(propose(Evidence(runs, losses, [LAW], RULES, SMALL), 6, rule))
    assert set(table["objective"]) == {"first", "second"}
    rows = table[list(RULES.domains)].to_numpy()
    np.testing.assert_allclose(rows.sum(axis=1), 1)
    near = np.abs(rows - BEST).sum(axis=1).mean()
    assert near < 0.6 * np.abs(runs - BEST).sum(axis=1).mean()
    others = [np.abs(rows[i] - np.delete(rows, i, axis=0)).sum(axis=1).min() for i in range(6)]
    assert min(others) > 0.01  # the loss is simple, so all are near each other


@pytest.mark.parametrize("rule", POINTS)
def test_proposals_know_what_all_runs_predict_of_them(runs, rule):
    losses = {"first": parts(runs), "second": parts(runs, 1)}
    table = propose(Evidence(runs, losses, [LAW], RULES, SMALL), 4, rule)
    for name, own in table.groupby("objective"):
        model = LAW.fit(runs, losses[str(name)].total, SMALL.seed)
        np.testing.assert_allclose(own["predicted"], model.mean(own[list(RULES.domains)].to_numpy()), rtol=1e-9)
    assert (table["sd"] > 0).all()


def test_without_rounds_there_are_no_earlier_proposals(tmp_path):
    assert len(earlier(tmp_path)) == 0
    write_csv(tmp_path / "proposals.csv", pd.DataFrame({"run": ["second-0"], "objective": ["first"]}))
    assert earlier(tmp_path)["run"].tolist() == ["second-0"]


def test_without_a_posterior_no_improvement_can_be_expected(runs):
    ridge = bind("ridge", Kind(kind="ridge", alphas={"low": 1e-3, "high": 1e3, "points": 3}, folds=3))
    with pytest.raises(InputError, match=r"mixture\.ensemble: a regressor has no posterior.*acquisition: bootstrap"):
        propose(Evidence(runs, {"first": parts(runs)}, [ridge], RULES, SMALL), 2, "expected_improvement")


def test_points_too_near_are_left_out_while_there_are_others():
    points = np.array([[1.0, 0.0], [0.99, 0.01], [0.5, 0.5], [0.0, 1.0]])
    assert spread_out(points, np.array([[0.0, 1.0]]), 2) == [0, 2]
    assert spread_out(points, np.array([[0.0, 1.0]]), 3) == [0, 1, 2]  # the farthest of those left out
    assert spread_out(points, np.array([[0.3, 0.7]]), 4) == [0, 1, 2, 3]
