"""The API as a notebook uses it: answers on a small example, one line for each bad input, and no params.yaml."""

from __future__ import annotations

import doctest
import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest

import regmix
from regmix import api
from regmix.core import provenance
from regmix.sampling import draws
from regmix.sampling.rules import Rules

PRIOR = {"web": 0.6, "books": 0.3, "code": 0.1}
BEST = [0.2, 0.5, 0.3]
SMALL = regmix.Search(candidates=2000, top_k=20, refits=3, refit_candidates=500)
NAMES = [f"run-{i}" for i in range(32)]


@pytest.fixture(scope="module")
def mixtures() -> pd.DataFrame:
    rows = np.random.default_rng(0).dirichlet([1.0, 1.0, 1.0], size=32)
    return pd.DataFrame(rows, index=NAMES, columns=list(PRIOR))


@pytest.fixture(scope="module")
def losses(mixtures) -> pd.DataFrame:
    noise = np.random.default_rng(1).normal(scale=0.005, size=32)
    return pd.DataFrame({"bowl": 3 + ((mixtures - BEST) ** 2).sum(axis=1) + noise, "line": 3 - mixtures["web"]})


def recommend(mixtures, losses, prior=PRIOR, **changes) -> regmix.Recommendation:
    return regmix.recommend(mixtures, losses, prior, **{"regressors": ["gp"], "search": SMALL, **changes})


def test_the_example_in_the_docstring():
    assert doctest.testmod(api).failed == 0


def test_the_api_is_imported_when_it_is_used_and_not_before():
    script = (
        "import sys, regmix, regmix.core.errors; from regmix import sampling\n"
        "assert not {'numpy', 'pandas', 'regmix.api'} & set(sys.modules)\n"
        "assert set(regmix.__all__) <= set(dir(regmix)) and not hasattr(regmix, 'nothing')\n"
        "from regmix import *\n"
        "assert recommend is regmix.api.recommend and not {'torch', 'regmix.params'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_no_result_depends_on_the_api():
    files = provenance.code(["stages/mixture/mixture_simulate.py", "stages/target/target_train.py"]).files
    assert "regmix/__init__.py" in files
    assert "regmix/api/__init__.py" not in files


def test_mixtures_are_those_of_the_swarm_and_more_of_them_extend_fewer():
    few, more = (regmix.sample_mixtures(PRIOR, n, seed=3, bounds={"code": 0.4}) for n in (3, 6))
    pd.testing.assert_frame_equal(few, more[:3])
    np.testing.assert_allclose(more.sum(axis=1), 1)
    assert more["code"].max() <= 0.4
    rules = Rules.around(PRIOR, {"code": 0.4}, seed=3)
    np.testing.assert_allclose(more.loc[5], draws.draw(rules, draws.RANDOM, 5), rtol=1e-12)  # the prior is rescaled
    tokens = {name: share * 7e9 for name, share in PRIOR.items()}
    np.testing.assert_allclose(regmix.sample_mixtures(tokens, 3, seed=3, bounds=pd.Series({"code": 0.4})), few)


def test_an_interior_optimum_is_recommended(mixtures, losses):
    result = recommend(mixtures, losses, objective="bowl")
    np.testing.assert_allclose(result.weights, BEST, atol=0.1)
    assert list(result.weights.index) == list(result.spread.index) == list(PRIOR)
    truth = ((np.array(list(PRIOR.values())) - BEST) ** 2).sum()
    assert result.gain.low < truth < result.gain.high
    assert result.gain.value == pytest.approx(result.prior_loss - result.loss)
    assert 0 < result.distance < 0.5
    with pytest.raises(FrozenInstanceError):
        result.level = 0.5


def test_a_recommendation_reads_answer_first_in_few_numbers(mixtures, losses):
    first, weights, distance = repr(recommend(mixtures, losses["bowl"])).splitlines()
    assert first.startswith("better than the prior: predicted gain 0.2")
    assert "95% interval" in first
    assert weights.startswith("weights: books 0.")
    assert weights.count("±") == 3
    assert "nearest run: 0." in distance


def test_where_nothing_is_to_be_gained_the_verdict_says_so(mixtures):
    noise = 3 + np.random.default_rng(2).normal(scale=0.02, size=32)
    assert recommend(mixtures, noise).verdict == "not distinguishable from the prior"


def test_an_objective_is_a_column_or_weights_over_columns(mixtures, losses):
    both = recommend(mixtures, losses, objective={"bowl": 3, "line": 1})
    again = recommend(mixtures, 0.75 * losses["bowl"] + 0.25 * losses["line"])
    np.testing.assert_allclose(both.weights, again.weights, atol=0.02)  # each loss is fitted by itself
    assert both.weights["web"] > recommend(mixtures, losses, objective="bowl").weights["web"]


def test_frames_are_matched_by_run_and_arrays_by_place(mixtures, losses):
    frames = recommend(mixtures, losses["bowl"][::-1])
    arrays = recommend(mixtures.to_numpy(), losses["bowl"].to_numpy(), domains=list(PRIOR))
    np.testing.assert_array_equal(frames.weights, arrays.weights)
    wider = mixtures.assign(kind="random")
    np.testing.assert_array_equal(frames.weights, recommend(wider, losses["bowl"], domains=list(PRIOR)).weights)


def test_weights_keep_their_bounds_and_without_a_prior_the_runs_mean_is_it(mixtures, losses):
    result = recommend(mixtures, losses["bowl"], None, bounds={"books": 0.3})
    assert result.weights["books"] <= 0.3
    np.testing.assert_allclose(result.prior, mixtures.mean())


def test_a_fit_predicts_the_losses_of_mixtures_by_domain(mixtures, losses):
    fitted = regmix.fit(mixtures, losses["bowl"])
    assert repr(fitted) == "Fitted(regressor='gp', domains=('web', 'books', 'code'))"
    predicted = fitted.predict(mixtures[["code", "web", "books"]])
    np.testing.assert_allclose(predicted["loss"], losses["bowl"], atol=0.02)
    assert (predicted["sd"] > 0).all()
    assert list(predicted.index) == NAMES


def test_regressors_are_compared_best_first(mixtures, losses):
    table = regmix.compare(mixtures, losses["bowl"], ["ridge", "lightgbm_paper", "gp"], resamples=100)
    assert list(table.index) == ["gp", "ridge", "lightgbm_paper"]
    assert list(table) == ["spearman", "spearman_low", "spearman_high", "mae", "mae_low", "mae_high", "n"]
    assert (table["n"] == 32).all()
    assert table.loc["gp", "spearman_low"] > 0.9
    assert table.loc["gp", "mae_low"] < table.loc["gp", "mae"] < table.loc["gp", "mae_high"]
    assert table.loc["lightgbm_paper", "spearman":"mae_high"].isna().all()  # 25 runs of a fold are too few for it


def changed(frame: pd.DataFrame, row: str, column: str, value: float) -> pd.DataFrame:
    frame = frame.copy()
    frame.loc[row, column] = value
    return frame


BAD = {
    "a hole": (lambda m, s: regmix.fit(changed(m, "run-3", "books", np.nan), s), "row 'run-3', column 'books': nan"),
    "off the simplex": (lambda m, s: regmix.fit(changed(m, "run-3", "books", 2.0), s), "mixtures: row 'run-3': .*sum"),
    "negative": (lambda m, s: regmix.fit(changed(m, "run-3", "web", -0.1), s), "mixtures: row 'run-3': .* of web"),
    "text": (lambda m, s: regmix.fit(m.assign(kind="random"), s), "row 'run-0', column 'kind': random .*`domains`"),
    "no such domain": (lambda m, s: regmix.fit(m, s, domains=["web", "law"]), "mixtures: no column 'law'; it has web"),
    "no names": (lambda m, s: regmix.fit(m.to_numpy(), s), "domains: missing"),
    "wrong shape": (lambda m, s: regmix.fit(m.to_numpy(), s, domains=["web"]), r"shape \(32, 3\) does not fit 1 dom"),
    "one domain": (lambda m, s: regmix.fit(m[["web"]], s), "mixtures: fewer than two domains; a mixture needs two"),
    "row twice": (lambda m, s: regmix.fit(m.rename({"run-1": "run-0"}), s), "mixtures: row 'run-0' occurs twice"),
    "too few": (lambda m, s: regmix.fit(m[:4], s[:4]), "mixtures: 4 distinct rows; a fit needs at least 5"),
    "too few for trees": (lambda m, s: regmix.fit(m[:8], s[:8], "lightgbm"), "regressor lightgbm: min_rows = 5 needs"),
    "too few for folds": (lambda m, s: regmix.compare(m, s, folds=40), "32 mixtures are fewer than 40 folds"),
    "other runs": (lambda m, s: regmix.fit(m, s[:-1]), "mixtures: row 'run-31' is only here"),
    "fewer losses": (lambda m, s: regmix.fit(m, s.to_numpy()[:-1]), "losses: 31 rows for 32 mixtures"),
    "losses in two ways": (lambda m, s: regmix.fit(m, m.to_numpy()), r"losses: an array of shape \(32, 3\)"),
    "a run that diverged": (lambda m, s: regmix.fit(m, s.replace(s["run-7"], np.inf)), "losses: row 'run-7', .*: inf"),
    "no objective": (lambda m, s: regmix.fit(m, m), "objective: missing; name one of web, books, code"),
    "no such objective": (lambda m, s: regmix.fit(m, m, objective="law"), "objective: losses have no column 'law'"),
    "objective's weight": (lambda m, s: regmix.fit(m, m, objective={"web": -1}), "objective: web = -1: must be pos"),
    "objective of nothing": (lambda m, s: regmix.fit(m, m, objective={}), "objective: no weights; give some over web"),
    "no such regressor": (lambda m, s: regmix.fit(m, s, "xgb"), "regressors: 'xgb' is not one of gp, gp_log"),
    "no regressor": (lambda m, s: regmix.compare(m, s, []), "regressors: none given"),
    "one fold": (lambda m, s: regmix.compare(m, s, folds=1), "folds = 1: must be at least 2"),
    "level": (lambda m, s: regmix.recommend(m, s, level=95), "level = 95: must lie between 0 and 1"),
    "workers": (lambda m, s: regmix.recommend(m, s, workers=0), "workers = 0: must be at least 1"),
    "monotone": (lambda m, s: recommend(m, s, regressors="ridge"), "the optimum of ridge is always a single domain"),
    "search": (lambda m, s: regmix.Search(refits=1), "search: refits = 1: must be at least 2"),
    "part of a prior": (lambda m, s: recommend(m, s, {"web": 1}), "prior: no share of 'books'"),
    "prior of others": (lambda m, s: recommend(m, s, {**PRIOR, "law": 1}), "prior: unknown domain 'law'; use web"),
    "an empty domain": (lambda m, s: recommend(m, s, {**PRIOR, "web": 0}), "prior: web = 0: must be positive"),
    "bounds": (lambda m, s: recommend(m, s, bounds=dict.fromkeys(PRIOR, 0.3)), "bounds: they sum to 0.9"),
    "bound of others": (lambda m, s: recommend(m, s, bounds={"law": 1}), "bounds: unknown domain 'law'; use web"),
    "tight bounds": (lambda m, s: recommend(m, s, bounds=dict.fromkeys(PRIOR, 0.334)), r"bounds: \w+ = 0.334: \d+% of"),
    "tight draws": (
        lambda m, s: regmix.sample_mixtures(PRIOR, 2, bounds=dict.fromkeys(PRIOR, 0.334)),
        r"bounds: \w+ = 0.334: \d+% of the draws",
    ),
    "no mixtures": (lambda m, s: regmix.sample_mixtures(PRIOR, 0), "n = 0: must be at least 1"),
    "strengths": (
        lambda m, s: regmix.sample_mixtures(PRIOR, 2, strengths=[0]),
        "strengths: 0 is not a positive number",
    ),
    "no strengths": (lambda m, s: regmix.sample_mixtures(PRIOR, 2, strengths=[]), "strengths: none given"),
    "a prior of one": (
        lambda m, s: regmix.sample_mixtures({"web": 1}, 2),
        "prior: fewer than two domains; a mixture needs two",
    ),
    "no such column": (lambda m, s: regmix.fit(m, s).predict(m[["web"]]), "mixtures: no column 'books'; it has web"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_that_names_it(case, mixtures, losses):
    call, message = BAD[case]
    with pytest.raises(regmix.InputError, match=message) as caught:
        call(mixtures, losses["bowl"])
    assert "\n" not in str(caught.value)
    assert "params.yaml" not in str(caught.value)
