"""Trajectories: what a run trained on between logged steps, fewer of these steps, and the regressor's rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.schedule import Schedule
from regmix.engine.batches import Loader
from regmix.trajectory.trajectories import Trajectories, read

DOMAINS = ["a", "b"]
STEPS = [10, 20, 40]
Frames = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


def frames() -> Frames:
    """A static run, one that switches at logged steps, and one that switches in between."""
    mixtures = pd.DataFrame(
        {"run": ["s", "l", "b"], "kind": ["random", "switched", "switched"], "seed": 0, "a": [0.3, 1, 1]}
    )
    schedules = pd.DataFrame(
        [["s", 0, 0.3, 0.7], ["l", 0, 1, 0], ["l", 0.5, 0.2, 0.8], ["b", 0, 1, 0], ["b", 0.3, 0, 1], ["b", 0.8, 1, 0]],
        columns=["run", "knot", *DOMAINS],
    )
    rows = [[run, step, 5 - step / 40 + i, 7.0, 3.0] for i, run in enumerate(["b", "s", "l"]) for step in STEPS]
    return mixtures, schedules, pd.DataFrame(rows, columns=["run", "step", "a", "b", "unseen"])


def many(logged: int) -> Trajectories:
    rng = np.random.default_rng(0)
    steps = np.cumsum(rng.integers(1, 9, logged))
    return Trajectories(
        domains=("a", "b", "c"),
        names=np.array(["x", "y"], object),
        kinds=np.array(["random", "repeat"], object),
        steps=steps,
        total=int(steps[-1]),
        mixtures=rng.dirichlet(np.ones(3), (2, logged - 1)),
        losses=rng.uniform(3, 6, (2, logged)),
    )


def test_runs_in_the_order_of_mixtures_with_the_objectives_loss():
    runs = read(*frames(), DOMAINS, Objective.mean({"a": 3, "unseen": 1}))
    assert runs.names.tolist() == ["s", "l", "b"]
    assert runs.steps.tolist() == STEPS
    assert runs.total == 40
    assert runs.fractions.tolist() == [0.25, 0.5, 1]
    own = np.array([6, 7, 5])[:, None] - np.array(STEPS) / 40
    np.testing.assert_allclose(runs.losses, 0.75 * own + 0.25 * 3, rtol=1e-15)


def test_the_mixture_of_an_interval_is_the_mean_over_its_steps():
    runs = read(*frames(), DOMAINS, Objective.mean({"a": 1}))
    assert np.array_equal(runs.mixtures[0], [[0.3, 0.7]] * 2)
    assert np.array_equal(runs.mixtures[1], [[1, 0], [0.2, 0.8]])
    # Steps 12 to 31 train on b: 8 of the first interval's 10, 12 of the second's 20.
    np.testing.assert_allclose(runs.mixtures[2], [[0.2, 0.8], [0.4, 0.6]], rtol=1e-15)


@pytest.mark.parametrize("knot", [0.07, 1 / 3, 0.29, 0.58])
def test_a_switch_counts_from_the_step_from_which_the_loader_draws_it(knot):
    """In floats 0.07, 0.29 and 0.58 times 100 all miss their integers."""
    total, steps = 100, [3, 29, 58, 100]
    loader = Loader({"a": np.zeros(50, np.uint16), "b": np.ones(50, np.uint16)}, 4, 1, total)
    schedule = Schedule(("a", "b"), np.array([0, knot]), np.eye(2))
    tokens, *_ = loader.batches(0, schedule, np.zeros(2, np.int64), 0, total)
    of_b = tokens[:, 0, 0]
    mixtures, schedules, _ = frames()
    runs = read(
        mixtures[:1],
        pd.DataFrame([["s", 0, 1, 0], ["s", knot, 0, 1]], columns=schedules.columns),
        pd.DataFrame({"run": "s", "step": steps, "a": 4.0}),
        DOMAINS,
        Objective.mean({"a": 1}),
    )
    expected = [of_b[first:last].mean() for first, last in pairwise(steps)]
    np.testing.assert_allclose(runs.mixtures[0, :, 1], expected, rtol=0, atol=1e-15)


def test_of_and_at_keep_rows_parallel():
    runs = read(*frames(), DOMAINS, Objective.mean({"a": 1}))
    switched = runs.of("switched", "nothing")
    assert switched.names.tolist() == ["l", "b"]
    assert np.array_equal(switched.losses, runs.losses[1:])
    assert np.array_equal(runs.at(np.array([2, 0])).mixtures, runs.mixtures[[2, 0]])


@pytest.mark.parametrize(
    ("logged", "intervals", "columns"),
    [(5, 4, [0, 1, 2, 3, 4]), (5, 2, [0, 2, 4]), (5, 1, [0, 4]), (6, 3, [0, 2, 3, 5]), (10, 4, [0, 2, 4, 7, 9])],
)
def test_granularity_keeps_the_ends_and_means_over_joined_steps(logged, intervals, columns):
    runs = many(logged)
    coarse = runs.granularity(intervals)
    assert np.array_equal(coarse.steps, runs.steps[columns])
    assert np.array_equal(coarse.losses, runs.losses[:, columns])
    assert coarse.total == runs.total
    by_step = runs.mixtures.repeat(np.diff(runs.steps), axis=1)  # one mixture a training step
    places = runs.steps[columns] - runs.steps[0]
    expected = np.stack([by_step[:, a:b].mean(axis=1) for a, b in pairwise(places)], axis=1)
    np.testing.assert_allclose(coarse.mixtures, expected, rtol=1e-13)


def test_the_finest_granularity_changes_nothing():
    runs = many(7)
    assert np.array_equal(runs.granularity(6).mixtures, runs.mixtures)


def test_rows_pair_each_logged_step_with_the_next():
    runs = many(4)
    features, following, run = runs.rows()
    assert features.shape == (6, 5)
    for row, (n, step) in enumerate((n, step) for n in range(2) for step in range(3)):
        expected = [*runs.mixtures[n, step], runs.steps[step] / runs.total, runs.losses[n, step]]
        assert features[row].tolist() == expected
        assert following[row] == runs.losses[n, step + 1]
        assert run[row] == n


def test_too_fine_a_granularity_is_named():
    message = "granularity = 7 needs 8 logged steps and the proxies have 6; raise proxy.validation.logged to 8"
    with pytest.raises(InputError, match=message):
        many(6).granularity(7)
    with pytest.raises(InputError, match="granularity = 0 must be 1 or more"):
        many(6).granularity(0)


def without_step(f: Frames) -> Frames:
    return f[0], f[1], f[2].drop(index=4)


def step_twice(f: Frames) -> Frames:
    return f[0], f[1], pd.concat([f[2], f[2][:1]])


def not_finite(f: Frames) -> Frames:
    f[2].loc[7, "a"] = np.inf
    return f


def off_simplex(f: Frames) -> Frames:
    f[1].loc[2, "a"] = 0.9
    return f


def knots_disordered(f: Frames) -> Frames:
    return f[0], f[1][::-1], f[2]


def no_schedule(f: Frames) -> Frames:
    return f[0], f[1][1:], f[2]


def no_mixture(f: Frames) -> Frames:
    return f[0][1:], f[1][1:], f[2]


def run_twice(f: Frames) -> Frames:
    return pd.concat([f[0], f[0][:1]]), f[1], f[2]


def no_knot(f: Frames) -> Frames:
    return f[0], f[1].drop(columns="knot"), f[2]


def no_loss(f: Frames) -> Frames:
    return f[0], f[1], f[2].drop(columns="a")


def one_step(f: Frames) -> Frames:
    return f[0], f[1], f[2][f[2]["step"] == 40]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (without_step, r"trajectories\.csv: run 's' has no step 20"),
        (step_twice, r"trajectories\.csv: run 'b' has step 10 twice"),
        (not_finite, r"trajectories\.csv: run 'l at step 20' has loss inf on a"),
        (off_simplex, r"schedules\.csv: run 'l': schedule at 0\.5 of training: mixture is off the simplex"),
        (knots_disordered, r"schedules\.csv: run '.': schedule: knots .* must rise from 0"),
        (no_schedule, r"mixtures\.csv: run 's' is only in this file; mixtures\.csv and schedules\.csv"),
        (no_mixture, r"trajectories\.csv: run 's' is only in this file"),
        (run_twice, r"mixtures\.csv: run 's' occurs twice"),
        (no_knot, r"schedules\.csv: no column 'knot'"),
        (no_loss, r"trajectories\.csv has no column 'a'"),
        (one_step, r"trajectories\.csv: 1 logged step; raise proxy\.validation\.logged"),
    ],
)
def test_bad_tables_are_one_line(broken, message):
    with pytest.raises(InputError, match=message) as error:
        read(*broken(frames()), DOMAINS, Objective.mean({"a": 1}))
    assert "\n" not in str(error.value)
