"""BiMix and AutoScale recover laws of their own kind, with exact slopes, also where a mixture lacks a domain."""

from __future__ import annotations

import numpy as np
import pytest

from regmix.core.settings import Kind
from regmix.regression.interface import TooFewRuns, bind
from regmix.regressors import autoscale, bimix
from regmix.statistics import metrics

BIMIX = bind("own", Kind(kind="bimix", starts=3))
AUTOSCALE = bind("sum", Kind(kind="autoscale", starts=3, shrinkage=0.01))
GAIN, TOKENS, DECAY = np.array([2.0, 1.0, 0.3, 0.0]), np.array([0.05, 0.1, 0.2, 0.1]), np.array([0.6, 0.4, 0.5, 0.5])


def draws(count: int, seed: int) -> np.ndarray:
    """Mixtures of four domains, a third of the weights 0."""
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(4, 0.7), count) * (rng.random((count, 4)) > 0.3)
    rows[rows.sum(axis=1) == 0] = 1
    return rows / rows.sum(axis=1, keepdims=True)


def own(mixtures: np.ndarray) -> np.ndarray:
    return 4.0 * (mixtures[:, 2] + 0.02) ** -0.15


def additive(mixtures: np.ndarray) -> np.ndarray:
    return 3.0 + ((1 + mixtures / TOKENS) ** -DECAY) @ GAIN


def noisy(losses: np.ndarray, seed: int, sd: float = 0.02) -> np.ndarray:
    return losses + np.random.default_rng(seed).normal(scale=sd, size=len(losses))


def test_bimix_finds_the_own_domain_and_its_law():
    mixtures, unseen = draws(40, 0), draws(200, 1)
    law = BIMIX.fit(mixtures, own(mixtures), 0)
    assert isinstance(law, bimix.Law)
    assert law.own == 2
    np.testing.assert_allclose(law.mean(unseen), own(unseen), rtol=1e-3)
    np.testing.assert_allclose(np.exp(law.fitted.free[1:]), [0.15, 0.02], rtol=0.05)


def test_bimix_ranks_as_the_own_weight_does():
    """So it cannot beat the baseline that trains no proxy."""
    mixtures, unseen = draws(60, 0), draws(200, 1)
    law = BIMIX.fit(mixtures, noisy(additive(mixtures), 2), 0)
    assert isinstance(law, bimix.Law)
    assert metrics.spearman(-unseen[:, law.own], law.mean(unseen)) == pytest.approx(1)
    assert BIMIX.monotone


def test_autoscale_recovers_a_sum_of_power_laws():
    mixtures, unseen = draws(150, 0), draws(300, 1)
    law = AUTOSCALE.fit(mixtures, noisy(additive(mixtures), 2, 0.005), 0)
    np.testing.assert_allclose(law.mean(unseen), additive(unseen), atol=0.08)
    assert metrics.spearman(additive(unseen), law.mean(unseen)) > 0.995


def test_autoscale_has_its_optimum_inside():
    mixtures = draws(150, 0)
    law = AUTOSCALE.fit(mixtures, noisy(additive(mixtures), 2), 0)
    some = np.array([[0.6, 0.3, 0.1, 0.0]])
    assert law.mean(some) < law.mean(np.eye(4)).min()
    assert not AUTOSCALE.monotone


def test_autoscale_with_fewer_runs_than_parameters_still_ranks():
    mixtures, unseen = draws(12, 0), draws(300, 1)
    law = AUTOSCALE.fit(mixtures, noisy(additive(mixtures), 2), 0)
    assert metrics.spearman(additive(unseen), law.mean(unseen)) > 0.85


@pytest.mark.parametrize("law", [BIMIX, AUTOSCALE], ids=["bimix", "autoscale"])
def test_deviations_cover_new_runs_about_as_often_as_they_say(law):
    true = own if law is BIMIX else additive
    inside = []
    for seed in range(8):
        mixtures, unseen = draws(48, 10 + seed), draws(100, 50 + seed)
        mean, sd = law.fit(mixtures, noisy(true(mixtures), seed), seed).predict(unseen)
        inside.append(np.abs(noisy(true(unseen), 100 + seed) - mean) < 1.96 * sd)
    assert 0.85 < np.mean(inside) < 0.995


@pytest.mark.parametrize(
    ("law", "free", "mixtures"),
    [
        (bimix._law, np.log([3.0, 0.2, 0.05]), draws(6, 0)[:, 0]),
        (autoscale._law, np.random.default_rng(0).normal(scale=0.3, size=16), draws(6, 0)),
    ],
    ids=["bimix", "autoscale"],
)
def test_slopes_are_those_of_finite_differences(law, free, mixtures):
    _, slopes = law(free, mixtures)
    for place in range(len(free)):
        step = np.zeros(len(free))
        step[place] = 1e-6
        numeric = (law(free + step, mixtures)[0] - law(free - step, mixtures)[0]) / 2e-6
        np.testing.assert_allclose(slopes[:, place], numeric, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("law", "least"), [(BIMIX, 5), (AUTOSCALE, 8)], ids=["bimix", "autoscale"])
def test_too_few_runs_are_refused(law, least):
    with pytest.raises(TooFewRuns, match=rf"{least - 1} runs .* train at least {least} proxies"):
        law.fit(draws(least - 1, 0), additive(draws(least - 1, 0)), 0)
    assert np.isfinite(law.fit(draws(least, 0), additive(draws(least, 0)), 0).mean(draws(9, 1))).all()
