"""The simulation finds known optima, says when there is none, and does not depend on how it is computed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import LossParts, Runs
from regmix.core.settings import Kind
from regmix.mixture import from_settings, judge
from regmix.mixture.confirmation import confirm
from regmix.mixture.confirmation.calibrate import calibration
from regmix.mixture.optima import Evidence
from regmix.mixture.refits import resamples, stretch
from regmix.mixture.search import Search, optimum, starts
from regmix.mixture.settings import Mixture
from regmix.mixture.simulate import SAMPLED, Result, simulate
from regmix.regression.ensemble import Ensemble, by_part, stack, weigh
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
    "local": {"steps": 2, "candidates": 500},
    "top_k": 20,
    "seed": 0,
    "refits": {"count": 3, "candidates": 1000},
    "fronts": {"pairs": [], "points": 3},
    "confirm": {"seeds": 3},
    "refit": False,
}
SMALL = Search(candidates=4000, top_k=20, refits=3, refit_candidates=1000, local_steps=2, local_candidates=500)
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


def parts(losses: dict[str, np.ndarray]) -> dict[str, LossParts]:
    return {name: LossParts(values[:, None], Objective.loss(name)) for name, values in losses.items()}


def run(proxies: np.ndarray, rules: Rules, losses: dict[str, np.ndarray], **changes: Any) -> Result:
    workers = changes.pop("workers", 1)
    return simulate(Evidence(proxies, parts(losses), [GP], rules, replace(SMALL, **changes), workers), 0.95)


def test_an_interior_optimum_is_found(proxies, rules):
    losses = bowl(proxies) + np.random.default_rng(0).normal(scale=0.005, size=len(proxies))
    simulation = run(proxies, rules, {"bowl": losses}).simulations["bowl"]
    np.testing.assert_allclose(simulation.weights, BEST, atol=0.07)
    truth = float(bowl(rules.prior[None])[0] - bowl(simulation.weights[None])[0])
    assert simulation.gain.low < truth < simulation.gain.high
    assert simulation.verdict == "better than the prior"
    assert np.all(simulation.spread < 0.2)
    assert len(simulation.refits) == 3


def test_where_nothing_is_to_be_gained_the_verdict_says_so(proxies, rules):
    losses = 4 + np.random.default_rng(1).normal(scale=0.02, size=len(proxies))
    simulation = run(proxies, rules, {"flat": losses}).simulations["flat"]
    assert simulation.verdict == "not distinguishable from the prior"
    assert simulation.gain.low < 0 < simulation.gain.high


def test_an_ensemble_given_by_settings_finds_it_too(proxies, rules):
    settings = Mixture.model_validate(SETTINGS)
    assert from_settings.search(settings) == SMALL
    frame = pd.DataFrame({"news": bowl(proxies) + 1, "law": bowl(proxies) - 1})
    names = np.arange(len(proxies)).astype(str)
    runs = Runs(DOMAINS, names, np.full(len(proxies), "random"), proxies, frame)
    objectives = {"bowl": Objective.mean({"news": 1, "law": 1})}
    result = simulate(from_settings.evidence(runs, objectives, rules, settings, ENTRIES, 1), 0.95)
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


GOLDEN = {  # the last bits differ between processors: NumPy's log and exp have several implementations
    "as published": {  # one regressor, no local steps
        "bowl": [
            *(0.4907700389501512, 0.2992051480132137, 0.21002481303663512),
            *(0.002572839893495772, 0.03886564033947252, 0.039038014127279086),
            *(0.3252454138356873, 0.1782922364303587, 0.4721985912410158),
            *(4.2112206873775815, 4.536466101213269, 0.003037742687806946, 0.0035054399887636746),
            *(0.26414153860035583, 0.34642366104561884, 0.363202155681317),
            *(0.1018871343903473, 0.10561845024215237),
        ],
        "first": [
            *(0.8682948641845954, 0.1251667244913775, 0.006538411324027113),
            *(0.14416713668486447, 0.11901947689795574, 0.08034320063088311),
            *(0.6193418560203918, 0.0415389551799521, 1.1971447568608315),
            *(4.192326069331054, 4.811667925351446, 0.0013508870349592144, 0.0035054399887636746),
            *(0.2508065613013182, 0.2938531447472661, 0.6314583728385212),
            *(0.017544351747960714, 0.10561845024215237),
        ],
    },
    "ensemble": {
        "bowl": [
            *(0.424657771785745, 0.33542890163635986, 0.23991332657789508),
            *(0.17648825529029574, 0.04033981534298505, 0.15014881046441253),
            *(0.3514653637568571, 0.11721964042130059, 0.5857110870924136),
            *(4.0504943329149565, 4.401959696671813, 0.04018051259458667, 0.11959001987055305),
            *(0.31262369688673175, 0.26568783853167055, 0.3307024330017496),
            *(0.0014222171767689085, 0.10561845024215237),
        ],
        "first": [
            *(0.8690951567443645, 0.1285575437648673, 0.002347299490768145),
            *(0.13730871791319235, 0.15611775833687752, 0.042081573357562144),
            *(0.5444933125282211, 0.2954068561195702, 0.793579768936872),
            *(4.258627782922937, 4.803121095451158, 0.07368633116015025, 0.02715924424873123),
            *(0.3192281101394663, 0.3915872936830356, 0.4978853129968641),
            *(0.010762713200981044, 0.10561845024215237),
        ],
    },
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_a_small_simulation_gives_the_numbers_it_always_gave(proxies, rules, kind):
    losses = parts({"bowl": bowl(proxies), "first": 5 - proxies[:, 0]})
    near = Regressor("near", False, Near)
    regressors = [near] if kind == "as published" else [near, bind("lightgbm", ENTRIES["lightgbm"])]
    search = replace(SMALL, local_steps=0) if kind == "as published" else SMALL
    for name, s in simulate(Evidence(proxies, losses, regressors, rules, search), 0.95).simulations.items():
        values = [s.weights, s.spread, s.gain, *s.predicted, s.refits["gain"], [s.distance, s.typical_distance]]
        np.testing.assert_allclose(np.concatenate(values), GOLDEN[kind][name], rtol=1e-9)


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
        from_settings.member(name, ENTRIES[name])


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


class Fixed:
    objective = Objective.loss("bowl")

    def __init__(self, mean: float, sd: float) -> None:
        self.values = (mean, sd)

    def mean(self, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), self.values[0])

    def predict(self, rows: np.ndarray) -> Prediction:
        return Prediction(self.mean(rows), np.full(len(rows), self.values[1]))


def test_an_ensemble_predicts_the_weighted_mean_and_adds_the_disagreement():
    rows = np.ones((2, 1))
    both = Ensemble([Fixed(1.0, 0.3), Fixed(3.0, 0.4)], np.array([0.25, 0.75]))
    mean, sd = both.predict(rows)
    np.testing.assert_allclose(mean, 2.5)
    np.testing.assert_allclose(sd, np.sqrt(0.25 * 0.09 + 0.75 * 0.16 + 0.25 * 0.75 * 4))
    np.testing.assert_allclose(both.score(rows, 2.0), mean + 2 * sd)
    np.testing.assert_allclose(both.mean(rows), both.score(rows, 0.0))


def test_an_objective_is_the_weighted_sum_of_the_fits_of_its_losses(proxies):
    losses = np.column_stack([bowl(proxies), 5 - proxies[:, 0]])
    apart = [GP.fit(proxies, column, 0).predict(proxies[:5]) for column in losses.T]
    mean, sd = by_part(GP.fit, Objective.mean({"bowl": 0.3, "first": 0.7}))(proxies, losses, 0).predict(proxies[:5])
    np.testing.assert_allclose(mean, 0.3 * apart[0].mean + 0.7 * apart[1].mean)
    np.testing.assert_allclose(sd, 0.3 * apart[0].sd + 0.7 * apart[1].sd)


def test_the_regressor_that_predicts_unseen_runs_best_weighs_most(proxies):
    noise = np.random.default_rng(3).normal(scale=0.01, size=len(proxies))
    weights = stack([GP, Regressor("near", False, Near)], proxies, parts({"bowl": bowl(proxies) + noise}), 0)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.9
    assert stack([GP], proxies, {}, 0).tolist() == [1.0]


def test_weights_are_those_of_least_squares_within_the_simplex():
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=(3, 200))
    np.testing.assert_allclose(weigh(predicted, [0.2, 0.8, 0.0] @ predicted), [0.2, 0.8, 0.0], atol=1e-6)
    np.testing.assert_allclose(weigh(predicted, 3 * predicted[1]), [0, 1, 0], atol=0.15)


def test_local_steps_reach_what_random_candidates_miss():
    """The bottom of a cone on a face of the simplex: few sparse draws come near it."""
    wide = Rules.around({f"d{k}": 1 / 12 for k in range(12)})
    best = np.zeros(12)
    best[:4] = [0.4, 0.3, 0.2, 0.1]

    class Cone(Fixed):
        def mean(self, rows: np.ndarray) -> np.ndarray:
            return np.abs(rows - best).sum(axis=1)

    model, first = Ensemble([Cone(0.0, 0.0)], np.ones(1)), starts(wide, np.eye(12), np.zeros(12))
    far = optimum(model, wide, Search(candidates=20_000, local_steps=0), 0, first)
    near = optimum(model, wide, Search(candidates=5_000), 0, first)
    more = optimum(model, wide, Search(candidates=20_000, local_candidates=8_000), 0, first)
    assert np.abs(near - best).sum() < 0.1 < np.abs(far - best).sum()
    assert np.abs(more - near).sum() < 0.1


def test_every_candidate_keeps_the_bounds():
    tight = Rules.around({f"d{k}": 0.2 for k in range(5)}, {f"d{k}": 0.4 for k in range(5)})
    drawn = draws.near(tight, np.eye(5), 0, 1, count=500)
    assert drawn.max() <= 0.4 + 1e-12
    np.testing.assert_allclose(drawn.sum(axis=1), 1)
    model = Ensemble([Fixed(0.0, 0.0)], np.ones(1))
    weights = optimum(model, tight, Search(candidates=100, local_steps=2), 0, starts(tight, np.eye(5), np.eye(5)[0]))
    assert weights.max() <= 0.4 + 1e-12


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
    summary = confirm.summary(confirming(), "news", Objective.loss("news"), SIMULATED, 0.95)
    assert summary["realised"]["loss"] == pytest.approx(4.5)
    assert summary["realised"]["gain"] == pytest.approx(0.5)
    half = 0.0  # natural loses the same .5 at each seed
    assert summary["realised"]["gain_low"] == pytest.approx(0.5 - half)
    assert summary["realised"]["verdict"] == "better than the prior"
    table = confirm.realised(confirming(), "news", Objective.loss("news"), SIMULATED).set_index("mixture")
    assert table.loc["regmix_news", ["predicted", "realised", "n"]].tolist() == pytest.approx([4.45, 4.5, 3])
    assert table["predicted"].isna().to_dict() == {"natural": False, "regmix_news": False, "uniform": True}


def test_calibration_has_a_row_for_the_proposals_of_each_round_and_one_for_the_chosen_mixture():
    names, losses = np.array(["a", "x-y-0", "x-y-1", "z-0"], object), pd.DataFrame({"news": [6.0, 4.8, 4.7, 4.6]})
    swarm = Runs(DOMAINS, names, np.array(["random", *["proposal"] * 3]), np.tile(BEST, (4, 1)), losses)
    proposals = pd.DataFrame(
        {"run": ["x-y-0", "x-y-1", "z-0", "z-1"], "objective": ["news", "news", "news", "law"],
         "predicted": [4.7, 4.4, 4.5, 9]}
    )  # fmt: skip
    objectives, simulations = {"news": Objective.loss("news")}, {"news": SIMULATED}
    table = calibration(proposals, swarm, confirming(), objectives, simulations, 0.95).set_index("at")
    assert table["n"].to_dict() == {"x-y": 2, "z": 1, "chosen": 3}
    assert table.loc["x-y", ["predicted", "realised", "error"]].tolist() == pytest.approx([4.55, 4.75, -0.2])
    assert table.loc["x-y", "low"] < -0.2 < table.loc["x-y", "high"]
    assert table.loc["z", ["low", "high", "natural"]].isna().all()
    none = calibration(proposals.iloc[:0], swarm, confirming(), objectives, simulations, 0.95)
    assert none["at"].tolist() == ["chosen"]


def test_what_seeds_have_in_common_is_no_error_of_a_gain():
    """SIMULATED predicts a gain of .6, where .5 is realised at each seed, so .05 too low a loss at the optimum and .05
    too high a one at natural are together .1 of optimism; a shift of all losses changes nothing.
    """
    swarm = Runs(DOMAINS, np.array(["a"]), np.array(["random"]), BEST[None], pd.DataFrame({"news": [6.0]}))
    none = pd.DataFrame(columns=["run", "objective", "predicted", "sd"])
    objectives, simulations = {"news": Objective.loss("news")}, {"news": SIMULATED}
    runs, moved = confirming(), confirming()
    moved = Runs(moved.domains, moved.names, moved.kinds, moved.mixtures, moved.losses + 0.3)
    first, second = (calibration(none, swarm, each, objectives, simulations, 0.95).iloc[0] for each in (runs, moved))
    assert first["natural"] == pytest.approx(0.05)
    assert second["natural"] == pytest.approx(-0.25)
    for row in (first, second):
        assert row[["error", "low", "high"]].tolist() == pytest.approx([-0.1] * 3)


def test_noise_is_by_mixture_and_without_what_a_seed_has_in_common():
    """Seeds move all mixtures alike, and the last mixture alone is noisy beyond that."""
    rng, kinds, seeds = np.random.default_rng(0), np.repeat(["natural", "a", "b", "c"], 200), np.tile(np.arange(200), 4)
    own = rng.normal(scale=np.where(kinds == "c", 0.2, 0.02))
    losses = 5 + rng.normal(scale=0.3, size=200)[seeds] + own
    names = np.array([f"{kind}-{seed}" for kind, seed in zip(kinds, seeds, strict=True)])
    runs = Runs(("news",), names, kinds, np.ones((800, 1)), pd.DataFrame({"news": losses}))
    aims = {"news": Objective.loss("news")}
    table = confirm.noise(runs, seeds, aims).set_index(["objective", "mixture"])
    assert list(table.loc["news"].index) == ["natural", "a", "b", "c"]
    assert table.loc["news", "sd"].tolist() == pytest.approx([0.3, 0.3, 0.3, 0.36], abs=0.05)
    assert table.loc[("news", "c"), "sd_shared"] == pytest.approx(own[600:].std() * math.sqrt(0.75), rel=0.05)
    assert table.loc[("news", "a"), "p_shared"] < 1e-6 < table.loc[("news", "a"), "p"]
    few = confirm.noise(runs.at(seeds < 2), seeds[seeds < 2], aims)
    assert few[["p", "p_shared"]].isna().all(axis=None)
    assert (few["n"] == 2).all()


def test_a_mixture_that_was_not_confirmed_is_named():
    with pytest.raises(InputError, match="no confirming run of kind 'regmix_law'"):
        confirm.summary(confirming(), "law", Objective.loss("news"), SIMULATED, 0.95)


def test_an_objective_whose_limits_no_mixture_keeps_names_the_loss(proxies, rules):
    """The bowl's lowest loss is above this limit everywhere."""
    losses = np.column_stack([5 - proxies[:, 0], bowl(proxies)])
    lowest = float(bowl(proxies).min())
    objective = Objective(("first", "bowl"), np.array([1.0, 0.0]), limits=np.array([np.inf, lowest - 0.3]))
    with pytest.raises(InputError, match=r"objectives\.mild: no mixture satisfies its limits; .* loss of bowl .* too"):
        simulate(Evidence(proxies, {"mild": LossParts(losses, objective)}, [GP], rules, SMALL), 0.95)
