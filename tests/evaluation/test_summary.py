import math

import numpy as np
import pandas as pd
import pytest

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.evaluation import summary

OBJECTIVES = {"news": Objective.loss("news"), "broad": Objective.mean({"news": 0.5, "law": 0.5})}


@pytest.fixture
def losses() -> pd.DataFrame:
    rows = [("natural", 0, 4.0, 2.0), ("natural", 1, 5.0, 4.0), ("best", 0, 3.0, 5.0), ("best", 1, 4.5, 6.0)]
    return pd.DataFrame(rows, columns=["method", "seed", "news", "law"])


@pytest.fixture
def lm_eval() -> pd.DataFrame:
    """choice: 0.3 and 0.5 over shots for natural, 0.1 more for best, 0.02 more for seed 1; word: 0.2 throughout."""
    rows = []
    for m, method in enumerate(("natural", "best")):
        for seed in (0, 1):
            for shots, value in ((0, 0.3), (1, 0.5)):
                rows.append((method, seed, "choice", shots, "acc", 0.9, 64))
                rows.append((method, seed, "choice", shots, "acc_norm", value + 0.1 * m + 0.02 * seed, 64))
                rows.append((method, seed, "word", shots, "acc", 0.2, 64))
                rows.append((method, seed, "word", shots, "perplexity", 1e6, 64))
    return pd.DataFrame(rows, columns=["method", "seed", "task", "shots", "metric", "value", "items"])


def test_spread_is_students():
    spread = summary.spread(np.array([1.0, 2.0, 3.0, 6.0]), 0.95)
    assert spread.mean == 3
    assert spread.sd == pytest.approx(math.sqrt(14 / 3))
    assert spread.n == 4
    half = 3.182446 * math.sqrt(14 / 3) / 2  # t with three degrees of freedom
    assert (spread.low, spread.high) == pytest.approx((3 - half, 3 + half), rel=1e-6)


def test_spread_of_one_value_has_no_interval():
    spread = summary.spread(np.array([2.5]), 0.95)
    assert spread.mean == 2.5
    assert math.isnan(spread.sd)
    assert math.isnan(spread.low)


def test_measures_are_objectives_losses_and_task_scores_in_percent(losses, lm_eval):
    table = summary.measures(losses, lm_eval, OBJECTIVES)
    rows = summary.summarise(table, 0.95).set_index(["method", "measure"])
    assert list(rows.loc["best"].index) == ["news_loss", "broad_loss", "average", "choice", "word"]
    natural = rows.loc[("natural", "news_loss")]
    assert (natural["mean"], natural["sd"], natural["n"]) == (4.5, pytest.approx(math.sqrt(0.5)), 2)
    assert rows.loc[("best", "broad_loss"), "mean"] == pytest.approx((4 + 5.25) / 2)
    choice = rows.loc[("natural", "choice")]  # acc_norm before acc, the mean over shots, in percent
    assert (choice["mean"], choice["sd"]) == (pytest.approx(41), pytest.approx(2 / math.sqrt(2)))
    assert rows.loc[("best", "word"), "mean"] == pytest.approx(20)
    assert rows.loc[("best", "average"), "mean"] == pytest.approx((51 + 20) / 2)


def test_bits_per_byte_are_kept_by_task_and_averaged(losses):
    scored = losses.assign(choice=[1.0, 2.0, 3.0, 4.0], word=[2.0, 2.0, 2.0, 3.0])
    bits = summary.bits(scored, ["choice", "word"]).set_index(["measure", "method", "seed"])["value"]
    assert bits["choice_bits"].tolist() == [1, 2, 3, 4]
    assert bits["average_bits"].tolist() == [1.5, 2, 2.5, 3.5]
    assert summary.bits(losses, []).empty


def test_one_seed_has_no_sd_and_no_interval(losses, lm_eval):
    first = losses[losses["seed"] == 0], lm_eval[lm_eval["seed"] == 0]
    rows = summary.differences(summary.measures(*first, OBJECTIVES), "natural", 0.95).set_index("measure")
    assert rows.loc["news_loss", ["mean", "n"]].tolist() == [-1.0, 1]
    assert rows.loc["news_loss", ["sd", "low", "high"]].isna().all()


def test_differences_are_paired_by_seed(losses, lm_eval):
    table = summary.measures(losses, lm_eval, OBJECTIVES)
    shuffled = table.sample(frac=1, random_state=0)
    for frame in (table, shuffled):
        rows = summary.differences(frame, "natural", 0.95).set_index("measure")
        assert set(rows["method"]) == {"best"}
        news = rows.loc["news_loss"]
        assert news["mean"] == pytest.approx(-0.75)  # of -1 and -0.5: the seeds' own 1 falls out
        assert news["sd"] == pytest.approx(0.5 / math.sqrt(2))
        assert (news["low"], news["high"]) == pytest.approx((-0.75 - 12.7062 * 0.25, -0.75 + 12.7062 * 0.25), rel=1e-5)
        assert rows.loc["choice", "mean"] == pytest.approx(10)
        assert rows.loc["choice", "sd"] == pytest.approx(0, abs=1e-12)
    assert summary.differences(table, "natural", 0.95)["measure"].tolist() == [
        "news_loss", "broad_loss", "average", "choice", "word"
    ]  # fmt: skip


def test_the_difference_of_two_methods(losses, lm_eval):
    table = summary.measures(losses, lm_eval, OBJECTIVES)
    forth, back = (summary.difference(table, *pair, "news_loss", 0.95) for pair in (("best", "natural"),
                                                                                    ("natural", "best")))  # fmt: skip
    assert forth.mean == pytest.approx(-0.75)
    assert (back.mean, back.low, back.high) == pytest.approx((-forth.mean, -forth.high, -forth.low))
    with pytest.raises(InputError, match="method best: no values of law_loss"):
        summary.difference(table, "best", "natural", "law_loss", 0.95)


def test_seed_noise_is_pooled_over_methods(losses, lm_eval):
    table = summary.measures(losses, lm_eval, OBJECTIVES)
    sd, free = summary.seed_noise(table, "news_loss")
    assert free == 2
    assert sd == pytest.approx(math.sqrt((0.5 + 1.125) / 2))  # of 4, 5 and of 3, 4.5
    assert summary.seed_noise(table[table["seed"] == 0], "news_loss")[1] == 0
    assert math.isnan(summary.seed_noise(table[table["seed"] == 0], "news_loss")[0])


def test_differences_need_the_baseline_and_its_seeds(losses, lm_eval):
    table = summary.measures(losses, lm_eval, OBJECTIVES)
    with pytest.raises(InputError, match=r"target\.methods: no 'uniform' to compare with"):
        summary.differences(table, "uniform", 0.95)
    short = table[(table["method"] == "natural") | (table["seed"] == 0)]
    with pytest.raises(InputError, match="method best: cannot be paired with natural on seed 1"):
        summary.differences(short, "natural", 0.95)
    alone = table[table["method"] == "natural"]
    assert summary.differences(alone, "natural", 0.95).empty


def test_every_run_needs_both_losses_and_scores(losses, lm_eval):
    with pytest.raises(InputError, match=r"method best, seed 1: only one of losses\.csv and lm_eval\.csv"):
        summary.measures(losses.iloc[:3], lm_eval, OBJECTIVES)


def test_a_task_without_an_accuracy_is_refused(losses, lm_eval):
    with pytest.raises(InputError, match=r"evaluation\.tasks: word reports perplexity"):
        summary.measures(losses, lm_eval[(lm_eval["task"] != "word") | (lm_eval["metric"] != "acc")], OBJECTIVES)


def test_runs_of_a_method_are_its_seeds():
    frame = pd.DataFrame({"run": ["seed-1", "seed-0"], "news": [1.0, 2.0]})
    rows = summary.of_seeds(frame, "natural", 2)
    assert rows.to_dict("list") == {"method": ["natural"] * 2, "seed": [0, 1], "news": [2.0, 1.0]}
    for seeds in (1, 3):
        with pytest.raises(InputError, match=r"method natural: runs seed-1, seed-0 are not seed-0"):
            summary.of_seeds(frame, "natural", seeds)
