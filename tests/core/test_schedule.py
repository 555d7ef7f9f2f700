"""Schedules: piecewise constant, on the simplex, knots in order."""

import numpy as np
import pandas as pd
import pytest

from regmix.core.errors import InputError
from regmix.core.schedule import Schedule
from regmix.target import realised_schedules

DOMAINS = ("a", "b")


def test_at_and_switched():
    schedule = Schedule(DOMAINS, np.array([0, 0.5]), np.array([[0.2, 0.8], [0.9, 0.1]]))
    assert schedule.at(0).tolist() == [0.2, 0.8]
    assert schedule.at(0.499).tolist() == [0.2, 0.8]
    assert schedule.at(0.5).tolist() == [0.9, 0.1]
    switched = schedule.switched(0.25, np.array([0.5, 0.5]))
    assert switched.knots.tolist() == [0, 0.25]
    assert switched.at(0.9).tolist() == [0.5, 0.5]


def test_json_round_trip_is_exact():
    mixture = np.random.default_rng(0).dirichlet(np.ones(2), 3)
    schedule = Schedule(DOMAINS, np.array([0, 1 / 3, 0.7]), mixture)
    again = Schedule.from_json(schedule.to_json())
    assert np.array_equal(again.mixtures, schedule.mixtures)
    assert np.array_equal(again.knots, schedule.knots)
    assert again.domains == DOMAINS


@pytest.mark.parametrize("knots", [[0.1], [0, 0.5, 0.5], [0, 0.6, 0.3], [0, 1.0], []])
def test_knots_out_of_order(knots):
    with pytest.raises(InputError, match="knots"):
        Schedule(DOMAINS, np.array(knots, dtype=float), np.full((len(knots), 2), 0.5))


@pytest.mark.parametrize("mixture", [[0.5, 0.6], [-0.1, 1.1], [np.nan, 1.0]])
def test_off_the_simplex(mixture):
    with pytest.raises(InputError, match=r"off the simplex .* give non-negative weights that sum to 1"):
        Schedule.static(DOMAINS, np.array(mixture))


def table() -> pd.DataFrame:
    """Run x switches at a half, run y keeps its mixture; columns in another order than the domains."""
    rows = [("x", 0.0, 0.8, 0.2), ("y", 0.0, 0.5, 0.5), ("x", 0.5, 0.1, 0.9)]
    return pd.DataFrame(rows, columns=["run", "knot", "b", "a"])


def test_realised_schedules_by_run():
    schedules = realised_schedules.schedules(table(), DOMAINS)
    assert list(schedules) == ["x", "y"]
    assert schedules["x"].to_json() == {"knots": [0, 0.5], "mixtures": [{"a": 0.2, "b": 0.8}, {"a": 0.9, "b": 0.1}]}
    assert [realised_schedules.changes(schedule) for schedule in schedules.values()] == [True, False]
    knot_without_change = schedules["y"].switched(0.5, np.array([0.5, 0.5]))
    assert not realised_schedules.changes(knot_without_change)


def test_the_mean_of_schedules_has_the_knots_of_all():
    first, second = Schedule.static(DOMAINS, np.array([0.0, 1.0])), Schedule.static(DOMAINS, np.array([1.0, 0.0]))
    mean = realised_schedules.mean(
        [first.switched(0.25, np.array([1.0, 0.0])), second.switched(0.5, np.array([0.0, 1.0]))]
    )
    assert mean.knots.tolist() == [0, 0.25, 0.5]
    assert mean.mixtures[:, 0].tolist() == [0.5, 1, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="knot"), "schedules.csv: no column 'knot'; it has run, b, a"),
        (lambda t: t.drop(columns="a"), "no column 'a'"),
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: t.iloc[::-1], r"run 'x': schedule: knots \[0.5, 0.0\] must rise"),
        (lambda t: t.assign(a=0.3), r"run 'x': .*off the simplex"),
    ],
)
def test_malformed_schedules_are_refused(change, message):
    with pytest.raises(InputError, match=message) as error:
        realised_schedules.schedules(change(table()), DOMAINS)
    assert "\n" not in str(error.value)
