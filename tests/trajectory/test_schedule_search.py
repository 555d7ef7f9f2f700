"""Dynamic schedules: the search finds a known law's mixtures in time, and says when it is asked beyond the proxies."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from regmix.constraints.build import region
from regmix.constraints.region import Region
from regmix.constraints.settings import Constraints
from regmix.core.errors import InputError
from regmix.core.settings import Kind
from regmix.regression.interface import bind
from regmix.trajectory import next_loss, schedule_search
from regmix.trajectory.next_loss import StepModel
from regmix.trajectory.schedule_search import Search
from tests.trajectory.test_next_loss import GP, TREES, world


def below(*most: float) -> Region:
    return Region.below(("a", "b", "c"), np.array(most), np.array([0.2, 0.3, 0.5]))


SEARCH = Search(
    region=below(1, 1, 1),
    human=np.array([0.2, 0.3, 0.5]),
    alpha=3.0,
    candidates=2000,
    top_k=20,
    seed=0,
)
KNOTS = np.array([0.2, 0.4, 0.6, 0.8])


def candidates(search: Search, step: int) -> np.ndarray:
    return schedule_search.candidates(search, step, search.region)


@pytest.fixture(scope="module", params=[GP, TREES], ids=["gp", "trees"])
def model(request) -> StepModel:
    return next_loss.fit(world(40, 0), request.param, "drop", 0)


def test_candidates_extend_and_each_step_has_its_own():
    few, many = (candidates(replace(SEARCH, candidates=count), 1) for count in (50, 40000))
    assert many.shape == (40000, 3)
    assert np.array_equal(many[:50], few)
    assert not np.isclose(candidates(SEARCH, 2)[:50], few).any(axis=1).all()
    assert not np.array_equal(candidates(replace(SEARCH, seed=1), 1)[:50], few)
    np.testing.assert_allclose(many.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("alpha", [1.0, 6.0])
def test_candidates_have_the_moments_of_the_dirichlet(alpha):
    drawn = candidates(replace(SEARCH, alpha=alpha, candidates=30000), 0)
    human = SEARCH.human
    np.testing.assert_allclose(drawn.mean(axis=0), human, atol=0.01)
    np.testing.assert_allclose(drawn.var(axis=0), human * (1 - human) / (alpha + 1), rtol=0.05)


def test_candidates_keep_the_bounds_and_the_zeros_of_human():
    bounded = candidates(replace(SEARCH, region=below(0.3, 1, 0.4)), 0)
    assert bounded.shape == (2000, 3)
    assert np.all(bounded <= [0.3, 1, 0.4])
    free = candidates(SEARCH, 0)
    within = free[np.all(free <= [0.3, 1, 0.4], axis=1)]
    assert np.array_equal(bounded[: len(within)], within)  # rejection, not clipping
    zero = candidates(replace(SEARCH, human=np.array([0.5, 0.0, 0.5])), 0)
    assert np.all(zero[:, 1] == 0)


def test_the_choice_is_the_mean_of_the_best_candidates(model):
    drawn = candidates(SEARCH, 1)
    best = drawn[np.argsort(model.mean(1, drawn, 5.5), kind="stable")[:20]].mean(axis=0)
    choice = schedule_search.best(model, SEARCH, 1, 5.5)
    np.testing.assert_allclose(choice.mixture, best, rtol=1e-12)
    assert choice.mixture.sum() == pytest.approx(1, abs=1e-15)
    assert choice.predicted == model.mean(1, choice.mixture[None], 5.5)[0]
    assert choice.support == model.support(1, choice.mixture, 5.5)


def test_risk_ranks_by_mean_plus_deviations():
    model = next_loss.fit(world(20, 0), GP, "drop", 0)
    drawn = candidates(SEARCH, 1)
    mean, sd = model.predict(1, drawn, 5.5)
    best = drawn[np.argsort(mean + 500 * sd, kind="stable")[:20]].mean(axis=0)
    careful = schedule_search.best(model, SEARCH, 1, 5.5, risk=500)
    np.testing.assert_allclose(careful.mixture, best, rtol=1e-12)
    assert not np.allclose(careful.mixture, schedule_search.best(model, SEARCH, 1, 5.5).mixture, atol=0.05)


@pytest.mark.parametrize(("regressor", "label"), [(GP, "loss"), (GP, "drop"), (TREES, "drop")])
def test_the_plan_switches_to_the_right_domain_at_the_right_step(regressor, label):
    """Trees that learn the loss itself are no part of it: most of their splits go to the loss now, not the mixture."""
    model = next_loss.fit(world(40, 0), regressor, label, 0)
    schedule, queries = schedule_search.offline(model, SEARCH, schedule_search.first_loss(model), KNOTS)
    assert schedule.knots.tolist() == [0, 0.2, 0.4, 0.6, 0.8]
    assert np.array_equal(schedule.mixtures[0], SEARCH.human)
    assert schedule.mixtures.argmax(axis=1).tolist() == [2, 0, 0, 1, 1]
    assert np.all(schedule.mixtures[1:].max(axis=1) > 0.75)
    assert len(queries) == 4


def test_the_plan_is_a_chain_of_choices(model):
    schedule, queries = schedule_search.offline(model, SEARCH, 6.02, KNOTS / 2)
    loss = 6.02
    for step, query in enumerate(queries):
        choice = schedule_search.best(model, SEARCH, step, loss)
        assert np.array_equal(schedule.mixtures[step + 1], choice.mixture)
        assert query["step"] == step
        assert query["fraction"] == KNOTS[step] / 2
        assert query["loss"] == loss
        assert query["predicted"] == choice.predicted
        assert query["weights"] == dict(zip("abc", choice.mixture.tolist(), strict=True))
        assert query["distance"] == choice.support.distance
        loss = choice.predicted
    assert json.loads(json.dumps(queries, allow_nan=False)) == queries
    assert json.dumps(queries) == json.dumps(schedule_search.offline(model, SEARCH, 6.02, KNOTS / 2)[1])


def test_tokens_limit_the_whole_of_a_plan_and_other_constraints_each_part(model):
    schedule, _ = schedule_search.offline(model, replace(SEARCH, region=below(0.45, 0.6, 1)), 6.0, KNOTS)
    assert np.all(schedule.used() <= [0.45 + 1e-9, 0.6 + 1e-9, 1])
    assert schedule.mixtures[:, 0].max() > 0.6  # more than its tokens allow throughout
    floors = Constraints(floors={"c": 0.25}, ceilings={"a": 0.5})
    both = region(floors, {"a": 0.2, "b": 0.3, "c": 0.5}, {"a": 0.45, "b": 0.6}, "constraints")
    schedule, _ = schedule_search.offline(model, replace(SEARCH, region=both), 6.0, KNOTS)
    assert both.broken_by(schedule) is None
    assert np.all(schedule.mixtures[:, 2] >= 0.25 - 1e-9)
    assert schedule.mixtures[:, 0].max() <= 0.5 + 1e-9
    assert schedule.mixtures[1:].std(axis=0).max() > 0.1


def test_online_is_the_same_search_from_the_corrected_loss(model):
    target = 5.5 / 1000**0.05
    choice, query = schedule_search.online_choice(model, SEARCH, 1, target, 1000, 0.05)
    expected = schedule_search.best(model, SEARCH, 1, query["corrected_loss"])
    assert np.array_equal(choice.mixture, expected.mixture)
    assert query["raw_loss"] == target
    assert query["corrected_loss"] == query["loss"] == pytest.approx(5.5, rel=1e-14)
    assert query["fraction"] == 0.4
    assert query["outside"] is False
    assert schedule_search.online_choice(model, SEARCH, 1, target, 1000, 0.05, fraction=0.1)[1]["fraction"] == 0.1
    json.dumps(query, allow_nan=False)


def test_online_says_when_the_corrected_loss_is_none_the_proxies_had(model):
    """As with the papers' own exponent, whose corrected losses lie below all of the proxies'."""
    low = float(model.learnt.losses[:, 1].min())
    _, query = schedule_search.online_choice(model, SEARCH, 1, (low - 0.01) / 1000**0.05, 1000, 0.05)
    assert query["outside"] is True
    assert query["loss"] < query["low"]
    _, query = schedule_search.online_choice(model, SEARCH, 1, (low + 0.01) / 1000**0.05, 1000, 0.05)
    assert query["outside"] is False


def test_mapped():
    fractions = np.array([0.2, 0.4, 0.8])
    assert np.array_equal(schedule_search.mapped(fractions, "linear", 100, 3000), fractions)
    np.testing.assert_allclose(schedule_search.mapped(fractions, "tokens", 100, 400), [0.05, 0.1, 0.2], rtol=1e-15)
    with pytest.raises(InputError, match=r"mapping: tokens: a switch would fall at 1\.6 of the target's training"):
        schedule_search.mapped(fractions, "tokens", 200, 100)
    with pytest.raises(InputError, match="mapping: linear: a switch would fall at 1 of"):
        schedule_search.mapped(np.array([0.5, 1.0]), "linear", 200, 100)
    with pytest.raises(InputError, match="mapping: 'steps' is not one of linear, tokens"):
        schedule_search.mapped(fractions, "steps", 1, 1)


BETA: dict[str, Any] = {"level": 0.95, "resamples": 2000, "seed": 0}


def test_beta_is_recovered():
    small = np.random.default_rng(0).uniform(4, 7, 40)
    groups = np.repeat(np.arange(10), 4)
    exact = schedule_search.fit_beta(small, small / 30**0.08, groups, 30, **BETA)
    np.testing.assert_allclose(exact, [0.08] * 3, rtol=1e-12)
    own = 0.08 + np.linspace(-0.015, 0.012, 10)  # each mixture has an exponent of its own
    beta = schedule_search.fit_beta(small, small / 30 ** own[groups], groups, 30, **BETA)
    assert beta.value == pytest.approx(own.mean(), rel=1e-12)
    assert beta.low < 0.08 < beta.high
    # The rows of a mixture are no independent evidence: the interval is as wide as 10 values make it.
    assert (beta.high - beta.low) / 2 == pytest.approx(1.96 * own.std() / np.sqrt(10), rel=0.15)


def test_mixtures_count_alike_in_beta_whatever_their_rows():
    small, own = np.full(6, 5.0), np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.02])
    beta = schedule_search.fit_beta(small, small / 10**own, np.array(["x"] * 5 + ["y"]), 10, **BETA)
    assert beta.value == pytest.approx(0.06)


@pytest.mark.parametrize(
    ("small", "groups", "ratio", "message"),
    [
        ([5.0, np.nan], ["x", "y"], 10, "beta: the small run of y has loss nan; train it again"),
        ([0.0, 5.0], ["x", "y"], 10, r"beta: the small run of x has loss 0\.0"),
        ([5.0, 5.0], ["x", "x"], 10, "beta: 1 mixtures at both sizes give no interval"),
        ([5.0, 5.0], ["x", "y"], 1, "beta: the target has 1 times the proxies' parameters;"),
    ],
)
def test_beta_of_bad_losses_is_refused(small, groups, ratio, message):
    with pytest.raises(InputError, match=message):
        schedule_search.fit_beta(np.array(small), np.array([4.0, 4.0]), np.array(groups), ratio, **BETA)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"human": np.array([0.2, 0.2, 0.2])}, "human mixture: mixture is off the simplex"),
        ({"alpha": 0.0}, "alpha = 0 must be above 0"),
        ({"top_k": 3000}, "top_k = 3000 must lie between 1 and candidates = 2000"),
        ({"top_k": 0}, "top_k = 0 must lie"),
    ],
)
def test_a_search_checks_itself(changes, message):
    with pytest.raises(InputError, match=message):
        replace(SEARCH, **changes)


def test_bounds_that_no_draw_keeps_name_alpha():
    tight = replace(SEARCH, region=below(1, 1, 0.1), alpha=2000.0)
    with pytest.raises(InputError, match=r"alpha = 2000: .*; c is above its bound of 0\.1 in 100% of them") as error:
        candidates(tight, 0)
    assert "\n" not in str(error.value)


def test_a_monotone_regressor_may_be_judged_but_not_choose():
    ridge = bind("ridge", Kind(kind="ridge", alphas={"low": 1e-3, "high": 1.0, "points": 3}, folds=3))
    model = next_loss.fit(world(30, 0), ridge, "drop", 0)
    assert len(next_loss.errors(model, world(5, 1, "heldout"), resamples=10, level=0.9, seed=0))
    message = r"regressors\.ridge: monotone along any direction.*use|choose mixtures with a regressor of kind gp"
    for choose in (
        lambda: schedule_search.best(model, SEARCH, 0, 6.0),
        lambda: schedule_search.offline(model, SEARCH, 6.0, KNOTS),
        lambda: schedule_search.online_choice(model, SEARCH, 0, 5.0, 10, 0.05),
    ):
        with pytest.raises(InputError, match=message):
            choose()


def test_faults_between_model_search_and_switches_are_named(model):
    other = Region.below(("x", "b", "c"), np.ones(3), np.full(3, 1 / 3))
    with pytest.raises(InputError, match="search: its domains x, b, c are not the proxies' a, b, c"):
        schedule_search.best(model, replace(SEARCH, region=other), 0, 6.0)
    with pytest.raises(InputError, match="3 switches do not fit the model's 4 intervals"):
        schedule_search.offline(model, SEARCH, 6.0, KNOTS[:3])
    with pytest.raises(InputError, match=r"switch at 0\.2 of training does not come after 0\.4"):
        schedule_search.offline(model, SEARCH, 6.0, KNOTS[[1, 0, 2, 3]])
    with pytest.raises(InputError, match="target: loss nan at logged step number 1"):
        schedule_search.online_choice(model, SEARCH, 1, np.nan, 1000, 0.05)
