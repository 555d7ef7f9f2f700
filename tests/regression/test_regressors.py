"""Regressors recover laws they can express, and equal the libraries whose work they do."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
import yaml
from scipy import optimize
from sklearn.gaussian_process import GaussianProcessRegressor, kernels
from sklearn.linear_model import Ridge

from regmix.core.errors import InputError
from regmix.core.settings import Kind
from regmix.regression import interface
from regmix.regression.interface import TooFewRuns, bind, grouped_folds
from regmix.regressors import gp
from regmix.regressors import lightgbm as trees
from regmix.regressors._forest import Forest
from tests.paths import ROOT

RIDGE = {"kind": "ridge", "alphas": {"low": 1e-6, "high": 1e3, "points": 10}, "folds": 5}
PAPER = {"kind": "lightgbm", "trees": 50, "lr": 0.1, "leaves": 31, "min_rows": 20, "bags": 0}
BAGGED = {"kind": "lightgbm", "trees": 60, "lr": 0.05, "leaves": 6, "min_rows": 5, "bags": 4}
GP = {"kind": "gp", "features": "sqrt", "target": "loss", "length_scale": {"low": 0.1, "high": 10}, "starts": 3}
GP_LOG = GP | {"features": "log", "target": {"log_excess": 0.5}}
LAW = {"kind": "log_linear", "starts": 4}
TOKENS = {"kind": "effective_tokens", "starts": 2, "shrinkage": 0.01}
ON_LAW = {"kind": "gp_on_law", "law": {"starts": 2, "shrinkage": 0.01}, "features": "sqrt",
          "length_scale": {"low": 0.1, "high": 10}, "starts": 2}  # fmt: skip
BIMIX = {"kind": "bimix", "starts": 3}
AUTOSCALE = {"kind": "autoscale", "starts": 3, "shrinkage": 0.01}
ALL = {
    "ridge": RIDGE, "paper": PAPER, "bagged": BAGGED, "gp": GP, "gp_log": GP_LOG, "law": LAW, "bimix": BIMIX,
    "autoscale": AUTOSCALE,
}  # fmt: skip


def fit(entry: dict[str, Any], mixtures: np.ndarray, losses: np.ndarray, seed: int = 0) -> Any:
    return bind("mine", Kind(**entry)).fit(mixtures, losses, seed)


def power_law(mixtures: np.ndarray) -> np.ndarray:
    return 3 + 0.6 * (mixtures[:, 0] + 0.1 * mixtures[:, 1] + 0.01) ** -0.3


@pytest.fixture(scope="module")
def proxies() -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.full(4, 0.5), 80)


@pytest.fixture(scope="module")
def others() -> np.ndarray:
    return np.random.default_rng(1).dirichlet(np.ones(4), 200)


@pytest.mark.parametrize("name", ALL)
def test_predictions_have_one_mean_and_one_deviation_each(name, proxies, others):
    losses = power_law(proxies) + np.random.default_rng(2).normal(scale=0.01, size=len(proxies))
    model = fit(ALL[name], proxies, losses)
    mean, sd = model.predict(others)
    assert mean.shape == sd.shape == (200,)
    assert np.all(np.isfinite(mean))
    assert np.all(sd >= 0)
    assert sd.max() > 0
    assert np.array_equal(model.mean(others), mean)
    again = fit(ALL[name], proxies, losses).predict(others)
    assert np.array_equal(again.mean, mean)
    assert np.array_equal(again.sd, sd)
    assert np.corrcoef(mean, power_law(others))[0, 1] > (0.7 if name in ("ridge", "law", "paper", "bimix") else 0.95)


@pytest.mark.parametrize("name", ["paper", "bagged", "gp", "gp_log"])
def test_deviations_are_as_wide_as_the_errors(name, proxies, others):
    """Within a factor of about two, on mixtures from another law than the proxies'."""
    noise = np.random.default_rng(3).normal(scale=0.02, size=200)
    mean, sd = fit(
        ALL[name], proxies, power_law(proxies) + np.random.default_rng(2).normal(scale=0.02, size=80)
    ).predict(others)
    assert 0.3 < np.sqrt(np.mean(((power_law(others) + noise - mean) / sd) ** 2)) < 2.2


def test_ridge_recovers_a_line_and_equals_scikit_learn(proxies, others):
    slope = np.array([1.0, -2.0, 0.5, 0.0])
    losses = 4 + proxies @ slope
    np.testing.assert_allclose(fit(RIDGE, proxies, losses).mean(others), 4 + others @ slope, atol=1e-5)
    noisy = losses + np.random.default_rng(2).normal(scale=0.3, size=len(losses))
    line = fit(RIDGE, proxies, noisy)
    reference = Ridge(alpha=line.alpha).fit(proxies, noisy)
    np.testing.assert_allclose(line.coefficients, reference.coef_, atol=1e-9)
    np.testing.assert_allclose(line.mean(others), reference.predict(others), atol=1e-9)
    assert line.residual == pytest.approx(0.3, rel=0.25)


def test_ridge_takes_a_heavy_penalty_where_there_is_nothing_to_learn(proxies):
    losses = np.random.default_rng(5).normal(size=len(proxies))
    assert fit(RIDGE, proxies, losses).alpha > fit(RIDGE, proxies, losses + 30 * proxies[:, 0]).alpha


def test_the_mixing_law_is_recovered(proxies, others):
    exponents = np.array([-2.0, 0.5, 0.0, 0.3])
    law = fit(LAW, proxies, 2 + np.exp(proxies @ exponents))
    assert law.floor == pytest.approx(2, abs=1e-4)
    np.testing.assert_allclose(law.exponents, exponents, atol=1e-4)
    noisy = fit(LAW, proxies, 2 + np.exp(proxies @ exponents) + np.random.default_rng(2).normal(scale=0.05, size=80))
    assert noisy.residual == pytest.approx(0.05, rel=0.3)


def test_a_gaussian_process_interpolates_and_doubts_what_is_far(proxies):
    losses = power_law(proxies)
    model = fit(GP, proxies, losses)
    mean, sd = model.predict(proxies)
    np.testing.assert_allclose(mean, losses, atol=0.01)
    hole = proxies[proxies[:, 0] < 0.5]
    far = fit(GP, hole, power_law(hole)).predict(np.eye(4)[:1])
    assert far.sd[0] > 3 * sd.mean()


def test_a_gaussian_process_equals_scikit_learn(proxies, others):
    losses = power_law(proxies) + np.random.default_rng(2).normal(scale=0.05, size=len(proxies))
    ours = fit(GP, proxies, losses)
    kernel = kernels.ConstantKernel(ours.signal) * kernels.Matern(ours.lengths, nu=2.5) + kernels.WhiteKernel(
        ours.noise
    )
    theirs = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True, alpha=0).fit(np.sqrt(proxies), losses)
    mean, sd = theirs.predict(np.sqrt(others), return_std=True)
    np.testing.assert_allclose(ours.predict(others), (mean, sd), rtol=1e-7)
    free = np.log(np.concatenate([[ours.signal], ours.lengths, [ours.noise]]))
    standard = (losses - losses.mean()) / losses.std()
    value, slope = gp._loss_and_slope(free, np.sqrt(proxies), standard)
    assert value == pytest.approx(-theirs.log_marginal_likelihood_value_, rel=1e-9)
    wide = free + 0.3  # off the optimum, where the slope is not zero
    slope = gp._loss_and_slope(wide, np.sqrt(proxies), standard)[1]
    numeric = optimize.approx_fprime(wide, lambda x: gp._loss_and_slope(x, np.sqrt(proxies), standard)[0], 1e-6)
    np.testing.assert_allclose(slope, numeric, rtol=1e-3, atol=1e-3)


def test_log_excess_keeps_predictions_above_the_floor(proxies, others):
    losses = power_law(proxies)
    model = fit(GP_LOG, proxies, losses)
    assert model.floor == pytest.approx(losses.min() - 0.5 * (np.median(losses) - losses.min()))
    assert model.mean(np.vstack([others, np.eye(4)])).min() > model.floor
    np.testing.assert_allclose(model.mean(proxies), losses, atol=0.02)


def test_prediction_does_not_depend_on_its_chunks(proxies, others):
    model = fit(GP_LOG, proxies, power_law(proxies))
    many = np.tile(others, (20, 1))  # several chunks
    np.testing.assert_allclose(model.mean(many), np.tile(model.mean(others), 20), rtol=1e-10)


def test_equal_losses_are_predicted_as_they_are(proxies, others):
    for name in ("ridge", "gp", "gp_log", "law", "bimix", "autoscale", "bagged"):
        np.testing.assert_allclose(fit(ALL[name], proxies, np.full(80, 4.0)).mean(others), 4, atol=1e-3)


def test_the_papers_model_is_lightgbms(proxies, others):
    losses = power_law(proxies)
    settings = {"learning_rate": 0.1, "verbose": -1, "num_threads": 1, "seed": 0}
    reference = lightgbm.train(settings, lightgbm.Dataset(proxies, losses), 50)
    np.testing.assert_allclose(fit(PAPER, proxies, losses).mean(others), reference.predict(others), rtol=1e-12)


@pytest.mark.parametrize(("leaves", "trees"), [(2, 40), (6, 40), (31, 40), (400, 3)])
def test_a_forest_equals_lightgbm_to_the_bit(leaves, trees):
    learnt = np.random.default_rng(0).dirichlet(np.ones(4), 1000)
    settings = {"num_leaves": leaves, "min_data_in_leaf": 1, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(learnt, power_law(learnt)), trees)
    assert max(info["num_leaves"] for info in booster.dump_model()["tree_info"]) == leaves
    rows = np.random.default_rng(1).dirichlet(np.ones(4), 140_003)  # more than a chunk, and not in whole bytes
    assert np.array_equal(Forest(booster.dump_model()).predict(rows), booster.predict(rows, num_threads=1))


def test_a_forest_of_stumps_without_a_split_is_a_constant(proxies):
    settings = {"min_data_in_leaf": len(proxies), "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(proxies, power_law(proxies)), 3)
    assert np.array_equal(Forest(booster.dump_model()).predict(proxies), booster.predict(proxies, num_threads=1))


def test_many_rows_are_predicted_as_few_are(proxies, others):
    model = fit(BAGGED, proxies, power_law(proxies))
    many = np.tile(others, (trees.MANY // len(others), 1))
    assert np.array_equal(model.mean(many)[: len(others)], model.mean(others))


def test_bags_are_bootstrap_models_and_their_spread_is_stretched(proxies, others):
    losses = power_law(proxies) + np.random.default_rng(2).normal(scale=0.3, size=len(proxies))
    model = fit(BAGGED, proxies, losses)
    each = np.stack([booster.predict(others) for booster in model.boosters])
    assert len(each) == 4
    assert model.stretch > 1
    np.testing.assert_allclose(model.predict(others).sd, model.stretch * each.std(axis=0, ddof=1))


def test_too_few_runs_for_a_leaf_are_refused_with_the_fix(proxies):
    with pytest.raises(
        TooFewRuns, match=r"regressors.mine: min_rows = 20 needs at least 40 runs and there are 39: .*bags: 6"
    ):
        fit(PAPER, proxies[:39], power_law(proxies[:39]))
    fit(PAPER, proxies[:40], power_law(proxies[:40]))


@pytest.mark.parametrize(
    ("entry", "least"),
    [
        (RIDGE, 5),
        (PAPER, 40),
        (PAPER | {"min_rows": 1}, 5),
        (BAGGED, 10),
        (GP, 3),
        (LAW, 6),
        (TOKENS, 5),
        (ON_LAW, 5),
        (BIMIX, 5),
        (AUTOSCALE, 8),
    ],
)
def test_as_few_runs_as_a_regressor_says_are_fitted_and_fewer_refused(entry, least, proxies):
    assert interface.least_runs("mine", Kind(**entry), 4) == least
    model = fit(entry, proxies[:least], power_law(proxies[:least]))
    assert np.all(np.isfinite(model.predict(proxies)))
    with pytest.raises(TooFewRuns, match=r"params.yaml: regressors.mine: .*\d .*train "):
        fit(entry, proxies[: least - 1], power_law(proxies[: least - 1]))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (RIDGE | {"alpha": 1}, "regressors.mine.alpha: unknown key"),
        (BAGGED | {"bags": 1}, "regressors.mine.bags"),
        (GP | {"target": "log_excess"}, "regressors.mine.target"),
        (GP | {"kind": "forest"}, r"regressors\.mine: 'forest' is not one of .*gp"),
    ],
)
def test_bad_options_name_their_key(entry, message):
    with pytest.raises(InputError, match=message):
        bind("mine", Kind(**entry))


def test_the_default_s_regressors_exist():
    entries = yaml.safe_load((ROOT / "tests/fixtures/params.yaml").read_text(encoding="utf-8"))["regressors"]
    monotone = {name for name, entry in entries.items() if bind(name, Kind(**entry)).monotone}
    assert monotone == {"bimix", "ridge", "log_linear"}


@pytest.mark.parametrize("name", ALL | {"tokens": TOKENS, "on_law": ON_LAW})
def test_a_regressor_says_whether_its_models_have_a_posterior(name, proxies):
    entry = (ALL | {"tokens": TOKENS, "on_law": ON_LAW})[name]
    model = fit(entry, proxies, power_law(proxies))
    assert bind("mine", Kind(**entry)).bayesian == isinstance(model, interface.Bayesian)


def test_folds_keep_copies_of_a_mixture_together(proxies):
    twice = np.vstack([proxies, proxies[::-1]])
    fold = grouped_folds(twice, 5, 0)
    assert np.array_equal(fold[:80], fold[:79:-1])
    assert np.bincount(fold).tolist() == [32] * 5
    assert interface.is_linear(fit(RIDGE, proxies, power_law(proxies)))
    assert not interface.is_linear(fit(LAW, proxies, power_law(proxies)))
