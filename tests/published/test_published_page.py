"""The page's parts say what their tables hold: the papers' tables, the pick of 64, Figure 6's stand-in, the curve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.published import replay, summaries
from regmix.published.settings import Draws
from regmix.regression.interface import bind
from regmix.sampling.settings import LogGrid
from reports.page.formats import BEST, marked
from reports.papers import claims, figures, pick, printed, rivals, sources
from tests.paths import ROOT
from tests.published.test_published_analyses import SETTINGS

TABLES = {path.stem: pd.read_csv(path) for path in sorted((ROOT / "published/tables").glob("*.csv"))}
DOMAINS = ("pile_cc", "arxiv", "github")


def made_up(count: int, seed: int) -> Runs:
    """Runs whose loss falls with the weight of pile_cc."""
    rng = np.random.default_rng(seed)
    mixtures = rng.dirichlet(np.ones(len(DOMAINS)), count)
    return Runs(
        domains=DOMAINS,
        names=np.array([f"test_1b-{i + 1:02d}" for i in range(count)], object),
        kinds=np.full(count, "heldout", object),
        mixtures=mixtures,
        losses=pd.DataFrame({"pile_cc": 4 - mixtures[:, 0] + 0.01 * rng.normal(size=count)}),
    )


def test_every_table_of_the_papers_is_on_the_page_by_its_number():
    section = printed.tables(TABLES)
    captions = [table.caption for table in section.tables.values()]
    for label in ("Table 1", "Table 4", "Table 5", "Table 7", "Table 8", "Table 9", "Table 10", "Table 11"):
        assert sum(f"RegMix, {label}," in caption for caption in captions) == 1
    assert sum("RegMix-D, Table 1," in caption for caption in captions) == 1
    assert all("the paper's numbers" in caption for caption in captions)


@pytest.mark.parametrize("name", printed.SCORES)
def test_averages_stand_beside_the_printed_ones(name):
    scores = printed.averages(TABLES[name])
    tasks = scores.drop(index=["average", "recomputed"])
    np.testing.assert_allclose(scores.loc["recomputed"], tasks.to_numpy().mean(axis=0), rtol=1e-12)
    assert list(scores.index[-2:]) == ["average", "recomputed"]
    table = printed.tables(TABLES).tables[f"printed_{name}"]
    rounding = table.caption.split("rounding: ")[1]
    assert rounding == ("pile_cc (−0.12)." if name == "regmix_8_lighteval" else "none.")


def test_the_best_of_each_task_is_marked_and_ties_are_all():
    shown = printed.tables(TABLES).tables["printed_regmix_4_methods"].shown.set_index("Task")
    assert shown.loc["winogrande"].str.endswith(BEST).sum() == 2
    assert shown.loc["hellaswag", "regmix"] == marked("44.2", BEST)
    assert (shown.drop(index=["*average*", "*recomputed*"])["doremi"].str.endswith(BEST).sum()) == 0


def test_figure_1_says_that_table_10_has_only_its_last_points():
    section = printed.figure1(TABLES["regmix_10_seven_billion"])
    assert "the paper's numbers" in section.prose
    drawn = section.figures["figure1"].drawing.axes[0]
    assert sorted(len(points.get_offsets()) for points in drawn.collections[1:]) == [13, 13]


def test_candidates_are_the_first_of_a_larger_cloud_and_predicted_by_the_regressor():
    runs, draws = made_up(40, 0), SETTINGS.simulate.draws["notebook"]
    rules = replay.rules(DOMAINS, np.array([0.5, 0.3, 0.2]), draws)
    losses = runs.objective(Objective.loss("pile_cc"))
    ridge = bind("ridge", SETTINGS.regressors["ridge"])
    few, more = (replay.cloud(runs, losses, [ridge], rules, count, 0, 1) for count in (20, 50))
    assert few.equals(more[:20])
    predicted = ridge.fit(runs.mixtures, losses, 0).mean(few[list(DOMAINS)].to_numpy())
    np.testing.assert_allclose(few["predicted_ridge"], predicted, rtol=1e-12)


def test_mixtures_are_asked_of_every_regressor_and_differ_by_nothing_from_themselves():
    runs = made_up(40, 0)
    data = runs, runs.objective(Objective.loss("pile_cc")), [bind("ridge", SETTINGS.regressors["ridge"])]
    mixture = np.array([0.5, 0.3, 0.2])
    table = replay.apart(*data, mixture, {"same": mixture, "none": np.array([0.0, 0.6, 0.4])}, 2, 0, 1)
    rows = table.set_index("other")
    assert rows.loc["same", "value"] == pytest.approx(0, abs=1e-12)
    assert rows.loc["none", "value"] == pytest.approx(0.5, abs=0.05)
    assert rows["monotone"].all()


def test_a_replay_holds_every_seed_with_weights_that_sum_to_one():
    runs, plan = made_up(40, 0), SETTINGS.simulate
    draws = Draws(candidates=200, top_k=5, temperature=1.0, strength=LogGrid(low=1, high=1, points=1), most=None)
    refits = plan.refits.model_copy(update={"count": 2, "candidates": 100})
    entry = plan.replays["notebook"].model_copy(
        update={"draws": "few", "regressor": "trees", "runs": "train_1m", "seeds": [0, 3]}
    )
    small = plan.model_copy(update={"draws": {"few": draws}, "replays": {"one": entry}, "refits": refits})
    trees = bind("trees", SETTINGS.regressors["lightgbm"])
    prior = np.array([0.5, 0.3, 0.2])
    losses = runs.parts(Objective.loss("pile_cc"))
    weights, refitted = replay.optima({"train_1m": runs}, {"train_1m": losses}, {"trees": trees}, small, prior, 0.95, 1)
    assert weights.columns.tolist() == ["replay", "seed", "domain", "weight", "spread"]
    np.testing.assert_allclose(weights.groupby("seed")["weight"].sum(), 1)
    assert set(weights["seed"]) == set(refitted["seed"]) == {0, 3}
    assert weights.loc[weights["domain"] == "pile_cc", "weight"].min() > 0.7  # the loss falls with it


def test_the_pick_is_the_model_predicted_best():
    large = made_up(8, 1)
    true = large.objective(Objective.loss("pile_cc"))
    order = np.argsort(true)
    predictions = pd.DataFrame({"objective": "pile_cc", "split": "test_1b", "run": large.names, "predicted": true})
    # The two best change places.
    predictions.loc[order[:2], "predicted"] = predictions.loc[order[:2], "predicted"].to_numpy()[::-1]
    frames = {"ridge": predictions.sample(frac=1, random_state=0)}
    candidates = pd.DataFrame({"pile_cc": [0.5] * 4, "predicted_ridge": true.min() + np.array([-1.0, -0.5, -0.1, 1.0])})
    table = pick.picks(frames, candidates, large, "pile_cc", ["ridge"]).set_index("regressor")
    assert table.loc["ridge", "run"] == large.names[order[1]]
    assert table.loc["ridge", "above"] == 1
    assert table.loc["ridge", "beyond"] == 0.75
    assert table.loc["no_proxy", "run"] == large.names[large.mixtures[:, 0].argmax()]
    section = pick.figure2(table.reset_index(), frames, candidates, large, "pile_cc")
    assert section.tables["figure2"].shown["candidates predicted better than all 64"].tolist() == ["75%", "–"]


def test_figure_6_counts_the_regressors_that_tell_and_leaves_out_monotone_ones():
    rows = [
        ["ridge", True, 9.0, 0.1],
        ["lightgbm_paper", False, 0.3, 0.1],
        ["gp", False, 0.1, 0.1],
        ["gp_log", False, -1.0, 0.1],
    ]
    table = pd.DataFrame(rows, columns=["regressor", "monotone", "value", "sd"]).assign(method="human")
    (claim,) = rivals.claims(table)
    assert claim.verdict == claims.UNTESTED
    assert "human +0.300 ± 0.100" in claim.found
    assert "Of the 3 regressors" in claim.why
    assert "1 than human" in claim.why
    assert rivals.figures(table)["gp"] == {"human_less_regmix": 0.1, "human_less_regmix_sd": 0.1}
    assert "cannot be drawn" in rivals.figure6(table).prose


def test_a_curve_has_no_point_without_a_fit_and_one_subset_of_all_runs():
    frame = pd.DataFrame(
        {"proxies": [32, 32, 64, 64, 512, 512], "subset": [0, 1] * 3, "split": "test_1m", "objective": "pile_cc",
         "spearman": [np.nan, np.nan, 0.7, 0.9, 0.95, 0.95]}
    )  # fmt: skip
    table = summaries.curves({"trees": pd.concat([frame, frame.assign(objective="arxiv")])}, "pile_cc", 0.95)
    assert table["subsets"].tolist() == [0, 2, 1]
    assert table["mean"].tolist()[1:] == pytest.approx([80, 95])
    assert table.loc[1, "low"] < 70  # a t interval of two
    row = figures.figure4(table)["trees"]
    assert "proxies_32_1m" not in row
    assert row["proxies_512_1m_low"] is None


def test_a_curve_of_all_domains_has_their_mean_and_the_lowest():
    frame = pd.DataFrame({"objective": ["pile_cc", "arxiv"] * 3, "proxies": [32] * 2 + [64] * 4, "split": "test_1m",
                          "spearman": [0.5, np.nan, 0.9, 0.6, 0.7, 0.8]})  # fmt: skip
    table = summaries.domain_curves({"trees": frame})
    assert table.loc[0, ["mean", "lowest"]].isna().all()  # one domain has none
    assert table.loc[1, ["mean", "lowest", "domain"]].tolist() == pytest.approx([75, 70, "arxiv"])
    assert figures.domain_curves(table)["trees"]["proxies_64_1m_domain"] == "arxiv"


def test_only_the_objective_has_all_subsets():
    assert SETTINGS.regression_on("pile_cc").curve.subsets == SETTINGS.regression.curve.subsets
    assert SETTINGS.regression_on("arxiv").curve.subsets == SETTINGS.other_subsets


def test_the_sets_are_listed_with_their_rows_off_by_more_than_rounding():
    runs = made_up(4, 0)
    meta = {name: {"files": ["a.csv", "b.csv"], "runs": 4, "sums": {"off_by_over": 0.001, "runs": i}}
            for i, name in enumerate(sources.WHAT)}  # fmt: skip
    assert sources.figures(meta)["test_60m"] == {"runs": 4, "renormalised": 2}
    shown = sources.sources(meta, dict.fromkeys(meta, runs)).tables["published_runs"].shown
    assert shown["Miss 1 by over 0.001"].tolist() == ["0", "1", "2", "3"]
