"""Schedules: piecewise constant, on the simplex, knots in order."""

import numpy as np
import pytest

from regmix.errors import InputError
from regmix.schedule import Schedule

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
