"""The chapters and the answer: what they say must follow from the numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from regmix.core.objective import BITS, Objective
from regmix.evaluation.decision import EXTRAPOLATES, UNCLEAR, USE
from regmix.mixture.stopping import Outlook
from regmix.statistics import verdicts
from reports.page.section import Section
from reports.run.answer import answers, cards
from reports.run.picture import picture
from reports.run.story import Story
from tests.reports.artifacts import objective_headline

PRIOR = {"news": 0.7, "law": 0.2, "drama": 0.1}
META = {"parameters": {"body": 1000}, "train_tokens": 2000}
NAMES = ("corpora", "models", "design", "regression", "mixtures", "targets", "invariance", "dynamic")


def chosen(gain: tuple[float, float, float] = (0.25, 0.1, 0.4), distance: float = 0.1) -> dict[str, Any]:
    """mixture_choose's file of an objective, in which runs are 0.3 apart."""
    return {
        "weights": {"news": 0.1, "law": 0.895, "drama": 0.005}, "spread": dict.fromkeys(PRIOR, 0.02),
        "gain": dict(zip(("value", "low", "high"), gain, strict=True)),
        "support": {"distance": distance, "typical": 0.3},
    }  # fmt: skip


def chapter_texts(headlines: dict, **more: Any) -> dict[str, str]:
    """The text of each chapter by its title."""
    files = more.pop("chosen", {name: chosen() for name in headlines})
    outlooks = more.pop("outlooks", {name: Outlook(0.01, 0.02, 1.0) for name in headlines})
    tokens = dict.fromkeys(PRIOR, 5000)
    story = Story(headlines, {"random": 4, "anchor": 1, "heldout": 12}, tokens, PRIOR, files, outlooks, {"gp": 1.0},
                  more.pop("kept", pd.DataFrame()), META, META)  # fmt: skip
    return {part.title: part.prose for part in story.chapters(dict.fromkeys(NAMES, Section("", ())))}


def test_the_chapters_flip_with_the_numbers():
    good = chapter_texts({"news": objective_headline()})
    assert list(good) == ["Corpora and proxies", "From mixture to loss", "The choice", "Targets", "Schedules", "Limits"]
    assert "the regressor is better for `news`" in good["From mixture to loss"]
    assert "proxies trained on the choice are better for `news`. Their gain" in good["The choice"]
    assert "the targets are better for `news`" in good["Targets"]
    bad = chapter_texts(
        {"news": objective_headline(margin=(-0.3, -0.5, -0.1), gain=(-0.2, -0.3, -0.1), target=(0.2, 0.1, 0.3))}
    )
    assert [bad[title].count("worse for `news`") for title in list(bad)[1:4]] == [1, 1, 1]
    even = chapter_texts(
        {"news": objective_headline(margin=(0.3, -0.1, 0.5), gain=(0.2, -0.1, 0.3), target=(-0.2, -0.3, 0.1))}
    )
    assert [even[title].count(f"{verdicts.SAME} for `news`") for title in list(even)[1:4]] == [1, 1, 1]
    mixed = chapter_texts({"news": objective_headline(), "broad": objective_headline(gain=(0.2, -0.1, 0.3))})[
        "The choice"
    ]
    assert f"better for `news`; {verdicts.SAME} for `broad`." in mixed


def test_proxies_and_targets_are_reconciled():
    assert (
        "agree in the comparison with natural for every objective"
        in chapter_texts({"news": objective_headline()})["Targets"]
    )
    apart = chapter_texts({"news": objective_headline(), "broad": objective_headline(target=(0.2, 0.1, 0.3))})[
        "Targets"
    ]
    assert "agree in the comparison with natural for `news` alone" in apart


def test_far_choices_and_further_rounds_are_named():
    headlines = {"news": objective_headline(), "broad": objective_headline()}
    near = chapter_texts(headlines)["The choice"]
    assert "no prediction extrapolates" in near
    assert "stop here" in near
    files = {"news": chosen(), "broad": chosen(distance=0.4)}
    far = chapter_texts(
        headlines, chosen=files, outlooks={"news": Outlook(0.03, 0.02, 1.0), "broad": Outlook(0.01, 0.02, 1.0)}
    )
    assert "For `broad` the choice lies farther from the runs" in far["The choice"]
    assert "is worth it for `news`." in far["The choice"]
    outside = {"news": chosen(gain=(0.5, 0.4, 0.6)), "broad": chosen()}
    assert "for 1 of 2 objectives" in chapter_texts(headlines, chosen=outside)["The choice"]


def test_without_baseline_interval_or_target():
    bare = objective_headline(margin=(None, None, None), gain=(0.2, None, None))
    del bare["target"]
    chapters = chapter_texts({"news": bare})
    assert "needs no proxies" not in chapters["From mixture to loss"]
    assert f"{verdicts.UNKNOWN} for `news`" in chapters["The choice"]
    assert chapters["Targets"] == "No target was trained on a chosen mixture."


AIMS = {
    "news": (Objective.loss("news"), "loss on news"),
    "reviews": (Objective.loss("reviews"), "loss on reviews, on which no model trains"),
    "skills": (Objective.mean({"reviews": 1, "law": 1}), "mean loss on reviews and law"),
    "broad": (Objective.mean(dict.fromkeys(PRIOR, 1)), "mean loss on all 3 training domains"),
    "qa": (Objective.mean({"a": 1, "b": 1}, BITS), "bits per byte of the answers of 2 tasks"),
}


@pytest.mark.parametrize("name", AIMS)
def test_an_answer_says_what_it_aims_at(name):
    objective, words = AIMS[name]
    (answer,) = answers({name: objective_headline()}, {name: chosen()}, {name: objective}, PRIOR, 1000)
    assert answer.aim == words


def test_an_answer_has_weights_tokens_and_differences():
    headline = objective_headline(target=(-0.2, -0.3, -0.1))
    rivals = headline["target"]["rivals"]
    rivals["best_proxy"] = {"method": "best", "value": 0.01, "value_low": 0.005, "value_high": 0.015}
    (answer,) = answers({"news": headline}, {"news": chosen()}, {"news": Objective.loss("news")}, PRIOR, 100_000)
    assert [(bar.label, bar.texts) for bar in answer.bars] == [
        ("law", ("0.90", "90 k")), ("news", ("0.10", "10 k")), ("drama", ("0.01", "500"))
    ]  # fmt: skip
    assert [(gain.label, gain.kind) for gain in answer.gains] == [("natural", "better"), ("best proxy", "same")]


def test_the_decision_of_a_card_is_that_of_the_rule():
    untrained = objective_headline(gain=(None, None, None))
    del untrained["target"]
    headlines = {"news": objective_headline(), "broad": untrained, "law": objective_headline(target=(-0.2, -0.3, 0.1))}
    files = {name: chosen(distance=0.4) for name in headlines}
    all_answers = answers(headlines, files, dict.fromkeys(headlines, Objective.loss("news")), PRIOR, 1000)
    assert [answer.decision.word for answer in all_answers] == [USE, EXTRAPOLATES, UNCLEAR]
    widget = cards(all_answers)
    assert widget.html.count("<article") == 3
    for answer in all_answers:
        assert f"- **{answer.name}** (loss on news): {answer.decision}." in widget.text


def test_the_picture_has_the_objectives_with_targets_and_the_same_bytes_again():
    untrained = objective_headline()
    del untrained["target"]
    headlines = {"news": objective_headline(), "broad": untrained}
    all_answers = answers(
        headlines, {n: chosen() for n in headlines}, dict.fromkeys(headlines, Objective.loss("news")), PRIOR, 1000
    )
    assert picture(all_answers) == picture(all_answers)
    assert ">news</text>" in picture(all_answers)
    assert ">broad</text>" not in picture(all_answers)
    assert ">broad</text>" in picture(all_answers[1:])  # no objective has targets: all are shown


def test_whether_schedules_pay_has_a_line_for_each_method():
    part = {"best_static": "mixed", "n": 3, "methods": {
        "moving": {"less": {"mixed": {"value": 0.1, "low": 0.09, "high": 0.11}}}}}  # fmt: skip
    text = chapter_texts({"news": objective_headline() | {"dynamic": part}})["Schedules"]
    assert "on `news` to change the mixture" in text
    assert "RegMix-D does? No. Against `mixed`" in text
    assert "- `moving` +0.100 [+0.090, +0.110], worse" in text
    assert (
        chapter_texts({"news": objective_headline()})["Schedules"]
        == "No method changes the mixture while its target trains."
    )
