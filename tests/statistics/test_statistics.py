"""Scores equal those of scipy and scikit-learn; intervals equal the loop that the vectors replace."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_squared_error, root_mean_squared_error

from regmix.statistics import intervals, metrics

OPTIONS = {"k": 5, "resamples": 200, "level": 0.9, "seed": 3}


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    true = rng.normal(size=40).round(1)  # rounded: some are tied
    return true, (true + rng.normal(scale=0.5, size=40)).round(1)


def test_scores_equal_the_libraries(pair):
    true, predicted = pair
    assert metrics.spearman(true, predicted) == pytest.approx(stats.spearmanr(true, predicted)[0], abs=1e-12)
    assert metrics.mse(true, predicted) == pytest.approx(mean_squared_error(true, predicted))
    assert metrics.rmse(true, predicted) == pytest.approx(root_mean_squared_error(true, predicted))
    assert metrics.mae(true, predicted) == pytest.approx(mean_absolute_error(true, predicted))


def test_regret_and_overlap_on_known_values():
    true, predicted = np.array([3.0, 1.0, 2.0, 4.0]), np.array([2.0, 3.0, 1.0, 4.0])
    assert metrics.regret(true, predicted) == 1.0
    assert metrics.top_k(true, predicted, 2) == 0.5
    assert metrics.top_k(true, predicted, 9) == 1.0
    assert metrics.regret(true, true) == 0.0


def test_a_constant_prediction_has_no_rank_correlation():
    assert math.isnan(metrics.spearman(np.arange(4.0), np.ones(4)))
    assert metrics.score(np.arange(9.0), np.ones(9), **OPTIONS)["spearman"].to_json() == dict.fromkeys(
        ("value", "low", "high")
    )


def test_the_bootstrap_equals_a_loop_over_resamples(pair):
    true, predicted = pair
    scores = metrics.score(true, predicted, **OPTIONS)
    rows = np.random.default_rng(3).integers(40, size=(200, 40))
    loop = [stats.spearmanr(true[r], predicted[r])[0] for r in rows]
    np.testing.assert_allclose(scores["spearman"][1:], np.quantile(loop, [0.05, 0.95]))
    loop = [metrics.top_k(true[r], predicted[r], 5) for r in rows]
    np.testing.assert_allclose(scores["top_k"][1:], np.quantile(loop, [0.05, 0.95]))
    assert scores == metrics.score(true, predicted, **OPTIONS)
    assert all(score.low <= score.value <= score.high for score in scores.values())


def test_paired_spread_leaves_out_what_a_seed_has_in_common():
    rng = np.random.default_rng(0)
    groups, seeds = np.repeat(np.arange(40), 3), np.tile([7, 8, 9], 40)
    noise = rng.normal(scale=0.1, size=120)
    values = groups * 0.3 + np.tile([0.0, 1.0, -2.0], 40) + noise
    spread, free = intervals.paired_spread(values, groups, seeds, 0.95)
    assert free == 39 * 2
    assert spread.low < 0.1 < spread.high
    assert intervals.pooled_spread(values, groups, 0.95)[0].value > 1
    lonely = intervals.paired_spread(np.append(values, 9.0), np.append(groups, 99), np.append(seeds, 7), 0.95)
    assert lonely[1] == free  # a group without a run of every seed does not count
    assert lonely[0].value == pytest.approx(spread.value)
    assert intervals.paired_spread(np.arange(3.0), np.arange(3), np.arange(3), 0.95)[1] == 0


def test_pooled_spread_is_the_root_mean_variance_within_groups():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(loc, 0.1, 4) for loc in range(200)])
    groups = np.repeat(np.arange(200), 4)
    spread, free = intervals.pooled_spread(values, groups, 0.95)
    within = np.mean([values[groups == group].var(ddof=1) for group in range(200)])
    assert spread.value == pytest.approx(math.sqrt(within))
    assert free == 600
    assert spread.low < 0.1 < spread.high


def test_spread_without_repeats_is_not_defined():
    spread, free = intervals.pooled_spread(np.arange(3.0), np.arange(3), 0.95)
    assert free == 0
    assert math.isnan(spread.value)


def test_gain_is_paired_by_seed():
    rng = np.random.default_rng(0)
    common = rng.normal(size=5)
    prior, chosen = 5 + common + rng.normal(0, 0.1, 5), 4.8 + common + rng.normal(0, 0.02, 5)
    gain = intervals.gain(prior, chosen, 0.95)
    assert gain.value == pytest.approx(prior.mean() - chosen.mean())
    inside = intervals.gain(prior, chosen, 1 - stats.ttest_rel(prior, chosen).pvalue)
    assert inside.low == pytest.approx(0, abs=1e-9)  # the interval at that level just touches no gain
    assert gain.high - gain.low < common.std()
    assert math.isnan(intervals.gain(prior[:1], chosen[:1], 0.95).low)
    assert intervals.gain(np.ones(2), np.zeros(2), 0.95) == (1, 1, 1)


def test_one_seed_gives_every_statistic_the_same_resamples(pair):
    true, predicted = pair
    options = {"resamples": 50, "seed": 3}
    together = intervals.bootstrap(lambda a, b: (a - b).mean(axis=-1), true, predicted, **options)
    apart = [intervals.bootstrap(lambda a: a.mean(axis=-1), values, **options) for values in pair]
    np.testing.assert_allclose(together, apart[0] - apart[1], atol=1e-12)
    in_turn = intervals.bootstrap(lambda a, b: (a - b).mean(), true, predicted, one_by_one=True, **options)
    np.testing.assert_allclose(together, in_turn, atol=1e-12)
