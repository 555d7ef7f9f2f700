"""The stepwise regressor: a known law is learnt, rolling out is repeating one step, and queries know their support."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regmix.core.errors import InputError
from regmix.core.settings import Kind
from regmix.regression.interface import Prediction, Regressor, TooFewRuns, bind
from regmix.trajectory import next_loss
from regmix.trajectory.next_loss import StepModel
from regmix.trajectory.trajectories import Trajectories

STEPS = np.array([20, 40, 60, 80, 100])
EARLY, LATE = np.array([0.9, 0.1, 0.2]), np.array([0.05, 0.5, 0.1])  # what a domain's whole weight takes off the loss
SCORED = {"resamples": 50, "level": 0.9, "seed": 0}
GP = bind("gp", Kind(kind="gp", features="sqrt", target="loss", length_scale={"low": 0.1, "high": 10.0}, starts=1))
TREES = bind("trees", Kind(kind="lightgbm", trees=150, lr=0.1, leaves=8, min_rows=4, bags=0))


def drops(mixtures: np.ndarray, step: int) -> np.ndarray:
    """What the law takes off the loss after logged step number ``step``: domain a early, b late."""
    return mixtures @ (EARLY if step < 2 else LATE)


def world(runs: int, seed: int, kind: str = "random", switched: bool = True) -> Trajectories:
    """Runs by the law, of Dirichlet mixtures; each interval has its own if they are switched."""
    rng = np.random.default_rng(seed)
    mixtures = rng.dirichlet(np.ones(3), (runs, len(STEPS) - 1 if switched else 1))
    mixtures = np.broadcast_to(mixtures, (runs, len(STEPS) - 1, 3))
    losses = [rng.uniform(5.9, 6.1, runs)]
    for step in range(len(STEPS) - 1):
        losses.append(losses[-1] - drops(mixtures[:, step], step))
    names = np.array([f"{kind}-{i}" for i in range(runs)], object)
    return Trajectories(
        ("a", "b", "c"), names, np.full(runs, kind, object), STEPS, 100, mixtures, np.stack(losses, axis=1)
    )


class Seen:
    """A regressor that notes what it is given and predicts the sum of the weighted columns."""

    def __init__(self) -> None:
        self.fitted: list[tuple[np.ndarray, np.ndarray, int]] = []
        self.asked: list[np.ndarray] = []

    def fit(self, features: np.ndarray, losses: np.ndarray, seed: int) -> Seen:
        self.fitted.append((features, losses, seed))
        return self

    def mean(self, features: np.ndarray) -> np.ndarray:
        self.asked.append(features)
        return features @ np.array([1.0, 2.0, 3.0, 10.0, 100.0])

    def predict(self, features: np.ndarray) -> Prediction:
        return Prediction(self.mean(features), np.full(len(features), 0.5))


def seen(label: next_loss.Label) -> tuple[Seen, StepModel]:
    spy = Seen()
    return spy, next_loss.fit(world(6, 0), Regressor("spy", False, spy.fit), label, 3)


@pytest.fixture(scope="module")
def fitted() -> StepModel:
    return next_loss.fit(world(40, 0), GP, "drop", 0)


def test_the_regressor_gets_weights_fraction_and_scaled_loss():
    spy, model = seen("loss")
    (features, target, seed), runs = spy.fitted[0], world(6, 0)
    raw, following, _ = runs.rows()
    assert seed == 3
    assert np.array_equal(target, following)
    assert np.array_equal(features[:, :4], raw[:, :4])
    assert features[:, 4].min() == 0
    assert features[:, 4].max() == 1
    np.testing.assert_allclose(features[:, 4] * (model.high - model.low) + model.low, raw[:, 4], rtol=1e-14)


@pytest.mark.parametrize("label", ["loss", "drop"])
def test_a_loss_beyond_the_range_is_clipped_in_the_features_alone(label):
    spy, model = seen(label)
    mixture = np.array([[0.5, 0.5, 0.0]])
    assert np.array_equal(
        spy.fitted[0][1], world(6, 0).rows()[1] - (world(6, 0).rows()[0][:, 4] if label == "drop" else 0)
    )
    for loss, scaled in ((model.high + 2, 1.0), (model.low - 2, 0.0)):
        mean, sd = model.predict(1, mixture, loss)
        assert spy.asked[-1].tolist() == [[0.5, 0.5, 0.0, 0.4, scaled]]
        assert mean[0] == pytest.approx(1.5 + 4 + 100 * scaled + (loss if label == "drop" else 0), rel=1e-14)
        assert sd.tolist() == [0.5]
        assert np.array_equal(model.mean(1, mixture, loss), mean)


def test_a_loss_a_mixture_is_the_same_as_one_at_a_time():
    model = next_loss.fit(world(60, 0), TREES, "loss", 0)
    mixtures, losses = world(5, 4).mixtures[:, 2], np.linspace(4.5, 5.5, 5)
    together = model.mean(2, mixtures, losses)
    assert together.tolist() == [model.mean(2, mixtures[i : i + 1], losses[i])[0] for i in range(5)]
    assert len(set(together.tolist())) > 1


@pytest.mark.parametrize("label", ["loss", "drop"])
def test_a_known_law_is_learnt_far_better_than_its_mean_drop(label):
    table = next_loss.errors(next_loss.fit(world(40, 0), GP, label, 0), world(20, 1, "heldout"), **SCORED)
    errors = {key: part["mae"].to_numpy() for key, part in table.groupby(["predictor", "kind"])}
    assert np.all(errors["model", "one_step"] < 0.012)
    assert np.all(errors["model", "one_step"] < 0.25 * errors["mean_drop", "one_step"])
    assert errors["model", "rolled_out"][-1] < 0.25 * errors["mean_drop", "rolled_out"][-1]


def test_a_rollout_repeats_one_step(fitted):
    run = world(1, 5).mixtures[0]
    losses = fitted.rollout(run, 6.0)
    assert losses.shape == (5,)
    assert losses[0] == 6.0
    for step in range(4):
        assert losses[step + 1] == fitted.mean(step, run[step : step + 1], float(losses[step]))[0]


class Exact:
    """A model that knows the law: it has the step from its fraction."""

    def mean(self, features: np.ndarray) -> np.ndarray:
        return -np.where(features[:, 3] < 0.5, features[:, :3] @ EARLY, features[:, :3] @ LATE)


def test_errors_of_a_perfect_and_of_a_biased_model():
    heldout = world(12, 1, "heldout")
    exact = Regressor("exact", False, lambda features, losses, seed: Exact())  # type: ignore[arg-type,return-value]
    model = next_loss.fit(world(30, 0), exact, "drop", 0)
    table = next_loss.errors(model, heldout, **SCORED)
    assert table.groupby(["predictor", "kind"])["step"].apply(list).tolist() == [[40, 60, 80, 100]] * 4
    assert set(table["n"]) == {12}
    perfect = table[table["predictor"] == "model"]
    assert perfect[["mae", "rmse", "mae_high"]].to_numpy().max() < 1e-12
    assert np.all(perfect["spearman"] == 1)
    off = replace(heldout, losses=heldout.losses - 0.1 * np.arange(5))  # true losses that fall 0.1 more a step
    table = next_loss.errors(model, off, **SCORED)
    bias = {key: part["bias"].to_numpy() for key, part in table.groupby(["predictor", "kind"])}
    np.testing.assert_allclose(bias["model", "one_step"], 0.1, rtol=1e-12)
    np.testing.assert_allclose(bias["model", "rolled_out"], [0.1, 0.2, 0.3, 0.4], rtol=1e-12)
    drop = model.learnt.losses.mean(axis=0)
    expected = [np.mean(off.losses[:, 0] + drop[i] - drop[0] - off.losses[:, i]) for i in range(1, 5)]
    np.testing.assert_allclose(bias["mean_drop", "rolled_out"], expected, rtol=1e-12)
    expected = [np.mean(off.losses[:, i] + drop[i + 1] - drop[i] - off.losses[:, i + 1]) for i in range(4)]
    np.testing.assert_allclose(bias["mean_drop", "one_step"], expected, rtol=1e-12)


def test_intervals_enclose_their_value_and_narrow_with_runs():
    model = next_loss.fit(world(60, 0), TREES, "drop", 0)
    widths = []
    for runs in (10, 90):
        table = next_loss.errors(model, world(runs, 1, "heldout"), **SCORED)
        assert np.all(table["mae_low"] <= table["mae"])
        assert np.all(table["mae"] <= table["mae_high"])
        widths.append((table["bias_high"] - table["bias_low"]).mean())
    assert widths[1] < 0.6 * widths[0]


def test_support_by_hand():
    """Three proxies on a line from a to b, and the loss of each at the second logged step."""
    weights = np.array([0.0, 0.1, 0.3, 0.3])
    line = np.stack([1 - weights, weights, np.zeros(4)], axis=1)
    losses = np.array([5.0, 5.2, 5.6, 5.5])
    runs = world(4, 0)
    runs = replace(runs, mixtures=np.repeat(line[:, None], 4, axis=1), losses=np.repeat(losses[:, None], 5, axis=1))
    model = next_loss.fit(runs, Regressor("spy", False, Seen().fit), "loss", 0)
    inside = model.support(1, np.array([0.88, 0.12, 0.0]), 5.3)
    assert inside.distance == pytest.approx(0.04)
    assert inside.typical == pytest.approx(0.2)  # of 0.2, 0.2 and 0.4: runs of one mixture are no neighbours
    assert inside.limit == pytest.approx(0.38)
    assert (inside.loss, inside.low, inside.high, inside.nearest_loss) == (5.3, 5.0, 5.6, 5.2)
    assert inside.outside is False
    assert model.support(1, np.array([0.0, 0.0, 1.0]), 5.3).outside is True  # a corner no proxy has been near
    assert model.support(1, line[0], 4.99).outside is True
    assert model.support(1, line[0], 5.61).outside is True
    assert model.support(1, line[0], 5.6).outside is False


def test_support_asks_about_the_interval_and_step_of_the_query(fitted):
    run = fitted.learnt.mixtures[7]
    for step in range(4):
        support = fitted.support(step, run[step], float(fitted.learnt.losses[7, step]))
        assert support.distance == 0
        assert support.nearest_loss == fitted.learnt.losses[7, step]
        assert support.low == fitted.learnt.losses[:, step].min()
        assert not support.outside
    assert fitted.support(1, run[0], 5.0).distance > 0
    assert fitted.support(3, run[3], 6.0).outside  # a loss of the start, at the end


def test_held_out_runs_of_other_steps_are_refused(fitted):
    with pytest.raises(InputError, match=r"held-out trajectories: steps \[20, 60, 100\].*log both at the same steps"):
        next_loss.errors(fitted, world(5, 1).granularity(2), **SCORED)


def test_one_mixture_is_too_few():
    runs = world(5, 0)
    same = replace(runs, mixtures=np.broadcast_to(runs.mixtures[:1], runs.mixtures.shape))
    with pytest.raises(TooFewRuns, match=r"step 20: 5 runs have fewer than 2 distinct mixtures"):
        next_loss.fit(same, GP, "loss", 0)
