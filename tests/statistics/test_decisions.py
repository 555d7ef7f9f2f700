"""Decision accuracy: the share of pairs that one way of measuring orders as another."""

from __future__ import annotations

import math

import numpy as np
import pytest

from regmix.statistics.decisions import accuracy

WAYS = {"resamples": 500, "level": 0.95, "seed": 0}


def test_the_same_order_is_1_and_its_reverse_0():
    true = np.arange(12.0)
    assert accuracy(true, 3 * true + 1, **WAYS) == (1.0, 1.0, 1.0)
    assert accuracy(true, -true, **WAYS) == (0.0, 0.0, 0.0)


def test_ties_count_as_half_and_a_swap_as_one_pair():
    assert accuracy(np.arange(4.0), np.zeros(4), **WAYS).value == 0.5
    assert accuracy(np.arange(4.0), np.array([1.0, 0, 2, 3]), **WAYS).value == pytest.approx(5 / 6)
    assert math.isnan(accuracy(np.zeros(1), np.zeros(1), **WAYS).value)


def test_the_interval_covers_the_accuracy_of_the_population():
    rng = np.random.default_rng(0)
    noise, hits = 0.7, 0
    true = rng.normal(size=4000)
    measured = true + rng.normal(scale=noise, size=4000)
    everyone = np.mean(np.sign(true[:2000] - true[2000:]) == np.sign(measured[:2000] - measured[2000:]))
    for _ in range(60):
        own = rng.normal(size=24)
        score = accuracy(own, own + rng.normal(scale=noise, size=24), **WAYS)
        hits += score.low <= everyone <= score.high
    assert hits >= 51
