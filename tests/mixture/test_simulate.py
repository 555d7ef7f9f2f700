"""The simulation finds known optima, says when there is none, and does not depend on how it is computed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regmix.core.errors import InputError
from regmix.core.runs import Runs
from regmix.core.settings import Kind
from regmix.mixture import choose, confirm, judge
from regmix.mixture.refits import resamples, stretch
from regmix.mixture.search import SAMPLED, Search
from regmix.mixture.settings import Mixture
from regmix.mixture.simulate import Result, elect, simulate, vote
from regmix.regression import ensemble
from regmix.regression.interface import Prediction, Regressor, bind
from regmix.sampling import draws
from regmix.sampling.rules import Rules

PROCESS = {"kind": "gp", "features": "sqrt", "length_scale": {"low": 0.1, "high": 10.0}, "starts": 3}
TREES = {"kind": "lightgbm", "trees": 150, "lr": 0.05, "leaves": 6, "min_rows": 5, "bags": 6}
ENTRIES = {
    "gp": Kind(**PROCESS, target="loss"),
    "gp_log": Kind(**PROCESS, target={"log_excess": 0.5}),
    "lightgbm": Kind(**TREES),
    "ridge": Kind(kind="ridge", alphas={"low": 1e-3, "high": 1e3, "points": 13}, folds=5),
    "log_linear": Kind(kind="log_linear", starts=4),
}
SETTINGS = {
    "ensemble": ["gp", "gp_log", "lightgbm"],
    "risk": 1.0,
    "candidates": 4000,
    "top_k": 20,
    "seed": 0,
    "refits": {"count": 3, "candidates": 1000},
    "confirm": {"seeds": 3},
    "refit": False,
}
SMALL = Search(candidates=4000, top_k=20, refits=3, refit_candidates=1000)
DOMAINS = ("news", "law", "drama")
BEST = np.array([0.5, 0.3, 0.2])
GP = bind("gp", ENTRIES["gp"])


@pytest.fixture(scope="module")
def rules() -> Rules:
    prior, bounds = {"news": 0.2, "law": 0.3, "drama": 0.5}, dict.fromkeys(DOMAINS, 0.95)
    return Rules.around(prior, bounds, strengths=np.geomspace(0.5, 5.0, 5))


@pytest.fixture(scope="module")
def proxies(rules) -> np.ndarray:
    return np.stack([draws.draw(rules, draws.RANDOM, i) for i in range(40)])


def bowl(rows: np.ndarray) -> np.ndarray:
    return 4 + 2 * ((rows - BEST) ** 2).sum(axis=1)


def run(proxies: np.ndarray, rules: Rules, losses: dict[str, np.ndarray], **changes: Any) -> Result:
    workers = changes.pop("workers", 1)
    return simulate(proxies, losses, [GP], rules, replace(SMALL, **changes), 0.95, workers)


def test_an_interior_optimum_is_found(proxies, rules):
    losses = bowl(proxies) + np.random.default_rng(0).normal(scale=0.005, size=len(proxies))
    found = run(proxies, rules, {"bowl": losses}).simulations["bowl"]
    np.testing.assert_allclose(found.weights, BEST, atol=0.07)
    truth = float(bowl(rules.prior[None])[0] - bowl(found.weights[None])[0])
    assert found.gain.low < truth < found.gain.high
    assert found.verdict == "better than the prior"
    assert np.all(found.spread < 0.2)
    assert len(found.refits) == 3


def test_where_nothing_is_to_be_gained_the_verdict_says_so(proxies, rules):
    losses = 4 + np.random.default_rng(1).normal(scale=0.02, size=len(proxies))
    found = run(proxies, rules, {"flat": losses}).simulations["flat"]
    assert found.verdict == "not distinguishable from the prior"
    assert found.gain.low < 0 < found.gain.high


def test_an_ensemble_given_by_settings_finds_it_too(proxies, rules):
    settings = Mixture.model_validate(SETTINGS)
    assert choose.search(settings) == SMALL
    frame = pd.DataFrame({"news": bowl(proxies) + 1, "law": bowl(proxies) - 1})
    names = np.arange(len(proxies)).astype(str)
    runs = Runs(DOMAINS, names, np.full(len(proxies), "random"), proxies, frame)
    result = choose.choose(runs, {"bowl": {"news": 1, "law": 1}}, rules, settings, ENTRIES, 0.95, 1)
    np.testing.assert_allclose(result.simulations["bowl"].weights, BEST, atol=0.12)


class Near:
    """Predicts by the runs' losses, weighted by inverse distance: every number by plain arithmetic."""

    def __init__(self, mixtures: np.ndarray, losses: np.ndarray, seed: int) -> None:
        self.mixtures, self.losses = mixtures, losses

    def mean(self, rows: np.ndarray) -> np.ndarray:
        return self.predict(rows).mean

    def predict(self, rows: np.ndarray) -> Prediction:
        apart = np.abs(rows[:, None] - self.mixtures).sum(axis=2) + 0.05
        weights = apart**-2.0
        return Prediction((weights * self.losses).sum(axis=1) / weights.sum(axis=1), 0.02 * apart.min(axis=1))


def test_a_small_simulation_gives_the_numbers_it_always_gave(proxies, rules):
    # The last bits differ between processors: NumPy's log and exp have several implementations.
    losses = {"bowl": bowl(proxies), "first": 5 - proxies[:, 0]}
    regressors = [Regressor("near", False, Near), bind("lightgbm", ENTRIES["lightgbm"])]
    found = simulate(proxies, losses, regressors, rules, SMALL, 0.95).simulations
    golden = {
        "bowl": [
            *(0.44776628136169805, 0.3059154174637754, 0.24631830117452655),
            *(0.11180754805923132, 0.06214407872335205, 0.09834550262396634),
            *(0.35442938573523364, 0.19367912732494763, 0.5151796441455196),
            *(4.102329960444553, 4.456759346179787, 0.07196225097890137, 0.11334881615818017),
            *(0.31705526555734487, 0.30834356427138765, 0.3523523431869182),
            *(0.05802958806837219, 0.10561845024215237),
        ],
        "first": [
            *(0.8798749514817283, 0.11578172884044528, 0.004343319677826399),
            *(0.1753032563274098, 0.1718422548576104, 0.03427546023040673),
            *(0.5597486427344895, 0.19217138162405412, 0.927325903844925),
            *(4.246854541800357, 4.806603184534847, 0.058414766803022954, 0.021441757788783315),
            *(0.288240414053726, 0.34779618694403336, 0.5418448444991499),
            *(0.03631434304982511, 0.10561845024215237),
        ],
    }
    for name, s in found.items():
        values = [s.weights, s.spread, s.gain, *s.predicted, s.refits["gain"], [s.distance, s.typical_distance]]
        np.testing.assert_allclose(np.concatenate(values), golden[name], rtol=1e-9)


def test_an_objective_alone_or_in_company_and_one_thread_or_two_give_the_same_bits(proxies, rules):
    losses = {"bowl": bowl(proxies), "first": 5 - proxies[:, 0]}
    both, again = run(proxies, rules, losses), run(proxies, rules, losses, workers=2)
    alone = run(proxies, rules, {"first": losses["first"]})
    for name in losses:
        assert both.simulations[name].to_json(DOMAINS) == again.simulations[name].to_json(DOMAINS)
    assert alone.simulations["first"].to_json(DOMAINS) == both.simulations["first"].to_json(DOMAINS)
    pd.testing.assert_frame_equal(both.refit_tables(), again.refit_tables())
    assert both.refit_tables()["objective"].tolist() == ["bowl"] * 3 + ["first"] * 3


def test_more_candidates_extend_fewer(proxies, rules):
    few = run(proxies, rules, {"bowl": bowl(proxies)}, candidates=500).candidates
    many = run(proxies, rules, {"bowl": bowl(proxies)}, candidates=4000).candidates
    assert (len(few), len(many)) == (500, SAMPLED)
    pd.testing.assert_frame_equal(few[list(DOMAINS)], many[list(DOMAINS)][:500])
    assert list(many) == [*DOMAINS, "predicted_bowl", "sd_bowl"]


@pytest.mark.parametrize("name", ["ridge", "log_linear"])
def test_a_regressor_whose_optimum_is_a_vertex_is_refused(name):
    with pytest.raises(InputError, match=f"params.yaml: mixture.ensemble: {name} is monotone"):
        choose.member(name, ENTRIES[name])


def test_votes_written_and_read_elect_the_same_mixtures_to_the_bit(proxies, rules, tmp_path):
    losses = {"bowl": bowl(proxies), "first": 5 - proxies[:, 0]}
    regressors = [choose.member(name, ENTRIES[name]) for name in ("gp", "lightgbm")]
    votes = []
    for regressor in regressors:
        (folder := tmp_path / regressor.name).mkdir()
        choose.write_votes(folder, ENTRIES[regressor.name], SMALL, vote(proxies, losses, regressor, rules, SMALL))
        assert choose.read_entry(folder, replace(SMALL, top_k=1)) == ENTRIES[regressor.name]
        with pytest.raises(InputError, match=r"ranks other candidates than params\.yaml describes"):
            choose.read_entry(folder, replace(SMALL, seed=1))
        votes.append(choose.read_votes(folder, losses, SMALL))
    apart = elect(proxies, losses, regressors, votes, rules, SMALL, 0.95).simulations
    for name, whole in simulate(proxies, losses, regressors, rules, SMALL, 0.95).simulations.items():
        assert apart[name].to_json(DOMAINS) == whole.to_json(DOMAINS)
    (tmp_path / "gp/bowl.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"gp/bowl\.npy: cannot be read .*; run `dvc repro mixture_score`"):
        choose.read_votes(tmp_path / "gp", losses, SMALL)


def test_a_search_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="search: refits = 1: must be at least 2"):
        Search(refits=1)


def test_resamples_hold_each_run_once_and_depend_on_the_seed():
    first, second = resamples(1000, 2, 0)
    assert len(np.unique(first)) == len(first)
    assert len(first) == pytest.approx(632, abs=40)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, next(iter(resamples(1000, 5, 0))))
    assert stretch([first[:500], first[:500]], 1000) == 1


def test_distance_to_the_nearest_other_mixture():
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(judge.nearest(rows, rows), [1, 1, 1])
    np.testing.assert_allclose(judge.nearest(np.array([[0.9, 0.1]]), rows), [0.2])


def test_votes_are_average_ranks():
    scores = np.array([[0.1, 0.2, 0.2, 9.0], [100.0, 300.0, 200.0, 400.0]])
    assert ensemble.average([ensemble.ranks(row) for row in scores]).tolist() == [1.0, 2.75, 2.25, 4.0]
    rng = np.random.default_rng(0)
    many = rng.normal(size=(3, 50))
    votes = [ensemble.ranks(row) for row in np.exp(many)]
    np.testing.assert_allclose(ensemble.average(votes), stats.rankdata(many, axis=1).mean(axis=0))


class Fixed:
    def __init__(self, mean: float, sd: float) -> None:
        self.values = (mean, sd)

    def mean(self, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), self.values[0])

    def predict(self, rows: np.ndarray) -> Prediction:
        return Prediction(self.mean(rows), np.full(len(rows), self.values[1]))


def test_pooled_predictions_and_risk():
    rows = np.ones((2, 1))
    mean, sd = ensemble.pooled([Fixed(1.0, 0.3), Fixed(3.0, 0.4)], rows)
    np.testing.assert_allclose(mean, 2)
    np.testing.assert_allclose(sd, np.sqrt((0.09 + 0.16) / 2 + 1))
    np.testing.assert_allclose(ensemble.risk_scores(Fixed(1.0, 0.3), rows, 2.0), 1.6)


def confirming() -> Runs:
    kinds = np.array(["natural"] * 3 + ["regmix_news"] * 3 + ["uniform"] * 3)
    losses = pd.DataFrame({"news": [5.0, 5.1, 4.9, 4.5, 4.6, 4.4, 4.7, 4.8, 4.9]})
    return Runs(DOMAINS, np.arange(9).astype(str), kinds, np.tile(BEST, (9, 1)), losses)


SIMULATED = {
    "weights": {"news": 1.0},
    "predicted": {"mean": 4.45, "sd": 0.1},
    "predicted_prior": {"mean": 5.05, "sd": 0.05},
    "gain": {"value": 0.6, "low": 0.4, "high": 0.8},
    "verdict": "better than the prior",
}


def test_predictions_are_held_against_the_confirming_runs():
    summary = confirm.summary(confirming(), "news", {"news": 1.0}, SIMULATED, 0.95)
    assert summary["realised"]["loss"] == pytest.approx(4.5)
    assert summary["realised"]["gain"] == pytest.approx(0.5)
    half = stats.t.ppf(0.975, 4) * 0.1 * np.sqrt(2 / 3)  # equal spreads: Welch's degrees of freedom are Student's
    assert summary["realised"]["gain_low"] == pytest.approx(0.5 - half)
    assert summary["realised"]["verdict"] == "better than the prior"
    table = confirm.realised(confirming(), "news", {"news": 1.0}, SIMULATED).set_index("mixture")
    assert table.loc["regmix_news", ["predicted", "realised", "n"]].tolist() == pytest.approx([4.45, 4.5, 3])
    assert table["predicted"].isna().to_dict() == {"natural": False, "regmix_news": False, "uniform": True}


def test_a_mixture_that_was_not_confirmed_is_named():
    with pytest.raises(InputError, match="no confirming run of kind 'regmix_law'"):
        confirm.summary(confirming(), "law", {"news": 1.0}, SIMULATED, 0.95)
