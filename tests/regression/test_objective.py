"""Objectives: what they are worth at given losses, and what they need from the swarm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.objectives import Guarded, Worst, counted, resolve, sole
from regmix.regression.ensemble import Ensemble, ObjectiveModel
from regmix.regression.interface import Prediction

DOMAINS = ("news", "law")
LOSSES = np.array([[4.0, 3.0], [5.0, 2.0], [3.0, 3.5]])


def swarm(*anchors: str) -> Runs:
    mixtures = {"natural": [0.5, 0.5], "only_news": [1.0, 0.0], "only_law": [0.0, 1.0]}
    return Runs(
        DOMAINS,
        np.array([f"anchor-{name}" for name in anchors], object),
        np.array(["anchor"] * len(anchors), object),
        np.array([mixtures[name] for name in anchors]).reshape(-1, 2),
        pd.DataFrame({"news": np.arange(len(anchors)) + 3.0, "law": np.arange(len(anchors))[::-1] + 2.0}),
    )


def test_a_mean_is_normalised_and_its_slopes_are_its_weights():
    mean = Objective.mean({"news": 1, "law": 3})
    np.testing.assert_allclose(mean.of(LOSSES), LOSSES @ [0.25, 0.75])
    np.testing.assert_allclose(mean.slopes(LOSSES), [[0.25, 0.75]] * 3)
    assert mean.own(("law", "code")).tolist() == [0.75, 0]
    assert Objective.from_json(mean.to_json()).at({"news": 4.0, "law": 2.0}) == 2.5


def test_the_worst_is_the_largest_excess_over_the_domain_alone():
    worst = resolve({"w": Worst(worst="trained")}, swarm("natural", "only_news", "only_law"))["w"]
    assert worst.references is not None
    assert worst.references.tolist() == [4.0, 2.0]
    assert worst.of(LOSSES).tolist() == [1.0, 1.0, 1.5]
    assert worst.slopes(LOSSES).tolist() == [[0, 1], [1, 0], [0, 1]]
    assert Objective.from_json(worst.to_json()).at({"news": 3.0, "law": 3.5}) == 1.5
    some = resolve({"w": Worst(worst=["law"])}, swarm("natural", "only_news", "only_law"))["w"]
    assert some.of(LOSSES[:, 1:]).tolist() == [1.0, 0.0, 1.5]


def test_a_guarded_mean_is_worth_the_mean_and_knows_its_limits():
    guarded = resolve({"g": Guarded(mean={"reviews": 1}, within=0.5)}, swarm("natural"))["g"]
    assert guarded.names == ("reviews", "news", "law")
    losses = np.array([[7.0, 3.6, 2.4]])
    assert guarded.of(losses).tolist() == [7.0]
    np.testing.assert_allclose(guarded.excess(losses), [[0, 0.1, 0]])


def test_a_search_does_not_pay_for_a_gain_with_a_broken_limit():
    class Line:
        def __init__(self, slope: float) -> None:
            self.slope = slope

        def mean(self, rows: np.ndarray) -> np.ndarray:
            return 3 + self.slope * rows[:, 0]

        def predict(self, rows: np.ndarray) -> Prediction:
            return Prediction(self.mean(rows), np.full(len(rows), 0.1))

    objective = Objective(("reviews", "law"), np.array([1.0, 0.0]), limits=np.array([np.inf, 3.2]))
    model = Ensemble([ObjectiveModel([Line(-1), Line(1)], objective)], np.ones(1))
    rows = np.linspace(0, 1, 11)[:, None] * [1, -1] + [0, 1]
    assert rows[np.argmin(model.score(rows, 0.0)), 0] == pytest.approx(0.2)
    np.testing.assert_allclose(model.predict(rows).sd, 0.1)  # the loss on law does not count
    np.testing.assert_allclose(model.excess(rows[-1:]), [[0, 0.8]])


def test_without_anchors_the_objective_is_named():
    with pytest.raises(InputError, match=r"objectives\.w: needs the anchors; add anchors to swarm\.shards"):
        resolve({"w": Worst(worst="trained")}, swarm())


def test_the_domains_that_count():
    assert counted("trained", DOMAINS) == {"news": 1, "law": 1}
    assert counted(Guarded(mean="trained", within=0.1), DOMAINS) == {"news": 1, "law": 1}
    assert sole({"law": 2}, DOMAINS) == "law"
    assert sole({"reviews": 1}, DOMAINS) is None
    assert sole(Worst(worst="trained"), DOMAINS) is None
