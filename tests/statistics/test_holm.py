"""Holm's correction of many comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regmix.statistics import holm


def test_each_p_is_multiplied_by_the_number_of_those_that_are_not_smaller():
    """The textbook's example: .01, .02, .03, .04 become .04, .06, .06, .06."""
    p = np.array([0.04, 0.01, np.nan, 0.03, 0.02])
    np.testing.assert_allclose(holm.adjusted(p), [0.06, 0.04, np.nan, 0.06, 0.06])
    assert holm.adjusted(np.array([0.7, 0.9])).tolist() == [1, 1]
    assert holm.adjusted(np.array([])).tolist() == []


def test_noise_alone_is_rarely_called_a_difference():
    """Of twenty true zeros, one in twenty is below .05; of families of twenty, one in twenty has such a one."""
    p = np.random.default_rng(0).uniform(size=(2000, 20))
    assert np.mean([(holm.adjusted(row) < 0.05).any() for row in p]) == pytest.approx(0.05, abs=0.015)


def test_the_p_of_pairs_is_the_t_tests_and_unknown_without_a_spread():
    values = np.random.default_rng(0).normal(0.3, 1, size=(3, 6))
    mean, sd = values.mean(axis=1), values.std(axis=1, ddof=1)
    np.testing.assert_allclose(holm.paired(mean, sd, np.full(3, 6)), stats.ttest_1samp(values, 0, axis=1).pvalue)
    assert np.isnan(holm.paired(np.array([1.0, 1.0]), np.array([np.nan, 0.0]), np.array([1, 6]))).all()
