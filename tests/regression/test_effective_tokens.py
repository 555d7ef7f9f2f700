"""The law of effective tokens finds the law that made the losses, has exact slopes, and knows how far it is off."""

from __future__ import annotations

import numpy as np
import pytest

from regmix.core.settings import Kind
from regmix.regression.interface import TooFewRuns, bind
from regmix.regressors import effective_tokens
from regmix.statistics import metrics

WORTH = np.array([1.0, 0.5, 0.2, 0.05, 0.0, 0.0])
LAW = bind("law", Kind(kind="effective_tokens", starts=4, shrinkage=0.01))


def true(mixtures: np.ndarray) -> np.ndarray:
    return 2.5 + 1.2 * (np.maximum(mixtures, 1e-6) ** 0.6 @ (WORTH + 0.01)) ** -0.4


def draws(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.dirichlet(np.full(6, strength)) for strength in rng.uniform(0.2, 2, count)])


def noisy(mixtures: np.ndarray, seed: int, sd: float = 0.02) -> np.ndarray:
    return true(mixtures) + np.random.default_rng(seed).normal(scale=sd, size=len(mixtures))


@pytest.mark.parametrize("runs", [24, 64])
def test_it_ranks_unseen_mixtures_made_by_such_a_law(runs):
    mixtures, unseen = draws(runs, 0), draws(400, 1)
    model = LAW.fit(mixtures, noisy(mixtures, 2), 0)
    assert metrics.spearman(true(unseen), model.mean(unseen)) > (0.985 if runs == 24 else 0.995)
    np.testing.assert_allclose(model.mean(unseen), model.predict(unseen).mean)


def test_its_worth_orders_the_domains():
    mixtures = draws(200, 0)
    model = LAW.fit(mixtures, noisy(mixtures, 2, 0.005), 0)
    assert isinstance(model, effective_tokens.Law)
    assert np.argsort(-model.worth)[:4].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(model.worth[:3] / model.worth[0], [1, 0.5, 0.2], rtol=0.25)
    assert model.floor < noisy(mixtures, 2, 0.005).min()


def test_its_deviations_cover_new_runs_as_often_as_they_say():
    inside = []
    for seed in range(8):
        mixtures, unseen = draws(40, 10 + seed), draws(100, 50 + seed)
        mean, sd = LAW.fit(mixtures, noisy(mixtures, seed), seed).predict(unseen)
        inside.append(np.abs(noisy(unseen, 100 + seed) - mean) < 1.96 * sd)
    assert 0.88 < np.mean(inside) < 0.99


def test_its_slopes_are_those_of_finite_differences():
    rng = np.random.default_rng(0)
    free, logs = rng.normal(scale=0.3, size=10), np.log(draws(5, 0))
    _, slopes = effective_tokens._law(free, logs)
    for place in range(10):
        step = np.zeros(10)
        step[place] = 1e-6
        ahead, behind = effective_tokens._law(free + step, logs)[0], effective_tokens._law(free - step, logs)[0]
        np.testing.assert_allclose(slopes[..., place], (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-7)


def test_more_starts_never_fit_worse():
    mixtures = draws(60, 3)
    losses = noisy(mixtures, 4)

    def error(starts: int) -> float:
        law = bind("law", Kind(kind="effective_tokens", starts=starts, shrinkage=1e-6)).fit(mixtures, losses, 0)
        return float(((law.mean(mixtures) - losses) ** 2).mean())

    assert error(8) <= error(1) * 1.001


def test_too_few_runs_are_refused():
    with pytest.raises(TooFewRuns, match=r"regressors\.law: 6 runs .* 10 parameters; .* at least 11"):
        LAW.fit(draws(6, 0), true(draws(6, 0)), 0)


def test_losses_that_are_all_equal_are_predicted():
    mixtures = draws(30, 0)
    mean, sd = LAW.fit(mixtures, np.full(30, 3.0), 0).predict(draws(10, 1))
    np.testing.assert_allclose(mean, 3.0, atol=1e-3)
    assert np.all(np.isfinite(sd))


def test_a_process_on_its_errors_corrects_what_is_no_such_law():
    mixtures, unseen = draws(80, 0), draws(200, 1)

    def bumpy(rows: np.ndarray) -> np.ndarray:
        return true(rows) + 0.3 * np.exp(-30 * ((rows[:, 0] - 0.4) ** 2))

    scale = {"low": 0.1, "high": 10.0}
    law = {"starts": 4, "shrinkage": 0.01}
    both = bind("both", Kind(kind="gp_on_law", law=law, features="sqrt", length_scale=scale, starts=1))
    errors = {name: np.abs(regressor.fit(mixtures, bumpy(mixtures), 0).mean(unseen) - bumpy(unseen)).mean()
              for name, regressor in (("law", LAW), ("both", both))}  # fmt: skip
    assert errors["both"] < 0.6 * errors["law"]
    assert np.all(both.fit(mixtures, bumpy(mixtures), 0).predict(unseen).sd > 0)
