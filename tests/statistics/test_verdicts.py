"""A verdict says what its interval allows, and nothing without an interval."""

from __future__ import annotations

import math

import pytest

from regmix.statistics import verdicts
from regmix.statistics.intervals import Score
from regmix.statistics.verdicts import FAILS, HOLDS, SAME, UNDECIDED, UNKNOWN, alike, because, lower


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.1, 0.2, "up"), (-0.2, -0.1, "down"), (-0.1, 0.1, SAME), (0.0, 0.1, SAME),
        (math.nan, 0.2, UNKNOWN), (None, None, UNKNOWN),
    ],
)  # fmt: skip
def test_words_follow_the_interval(low, high, word):
    assert verdicts.compared(low, high, "up", "down") == word
    assert verdicts.apart_from_zero(low, high) == (word in ("up", "down"))


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.1, 0.2, "better than"), (-0.1, 0.2, "not distinguishable from"), (-0.2, -0.1, "worse than")],
)
def test_a_gain_over_the_prior(low, high, words):
    assert verdicts.over_prior(Score(0.0, low, high)) == f"{words} the prior"


def test_a_claim_needs_an_interval_of_every_difference():
    below, above, across = (Score(value, value - 0.05, value + 0.05) for value in (-0.1, 0.1, 0.0))
    assert lower(below, below) == HOLDS
    assert lower(below, above) == FAILS
    assert lower(below, across) == UNDECIDED
    assert lower(below, None) == lower() == lower(Score(-0.1, math.nan, math.nan)) == UNDECIDED
    assert alike([across], 0.06) == HOLDS
    assert alike([across], 0.04) == UNDECIDED
    assert alike([below], 0.06) == FAILS
    assert alike([below], 0.2) == HOLDS
    assert "not trained" in because(UNDECIDED, [None], "")
