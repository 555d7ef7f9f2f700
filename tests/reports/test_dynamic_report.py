"""The section on dynamic mixing: its words follow from the numbers, whatever artifacts methods leave."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regmix import params as schema
from regmix.core.runs import runs
from regmix.core.schedule import Schedule
from regmix.evaluation import dynamic_mixing, rank_invariance
from regmix.statistics import verdicts
from regmix.target.trained_methods import Method
from reports.page.formats import NOTED, marked
from reports.run.target import dynamic_mixing as chapter
from reports.run.target import regressor_queries, schedules, trajectory_errors
from tests.reports.artifacts import MINUS, TRAINED, Artifacts, errors, query, switching, values

TARGET = {"flops_a_token": {"body": 1.0, "full": 10.0}, "train_tokens": 100}
STATIC = switching([0.4], [0])
SWITCHED = switching([0.4, 0.9], [0, 0.5])


def method(
    name: str, kind: str = "natural", objective: str | None = None, schedule: Schedule = STATIC, **more
) -> Method:
    fields: dict[str, Any] = {"facts": {}, "tables": {}, "spent": [], "states": {}, "own": False}
    fields |= {"schedules": {"seed-0": schedule, "seed-1": schedule}, "trajectories": pd.DataFrame()}
    fields |= {"available": dict.fromkeys(TRAINED, 100)}
    fields |= {"ledger": pd.DataFrame({"run": ["seed-0", "seed-1"], "news": [200, 400], "law": 50, "drama": 0})}
    return Method(name=name, kind=kind, objective=objective, **(fields | more))


def methods(**more: Method) -> dict[str, Method]:
    """A baseline, a recommended mixture, the objective alone, and one that switches."""
    cost = {"what": "proxies", "trained": 5, "scored": 0, "flops": {"body": 50.0, "full": 2000.0}}
    defaults = [
        method("natural"),
        method("mixed", "regmix", "news"),
        method("alone", "objective_only", "news"),
        method("moving", "some_kind", "news", SWITCHED, spent=[cost]),
    ]
    return {m.name: m for m in defaults} | more


def measured(**less: list[float]) -> pd.DataFrame:
    """natural's loss rises by the seed, the others' are apart from it by ``less``; mixed about -0.2 and alone -0.1."""
    wobble = [0.0, 0.001, -0.001]
    apart = {"natural": [0.0] * 3, "mixed": [-0.2 + w for w in wobble], "alone": [-0.1 + w for w in wobble]} | less
    seeds = range(min(map(len, apart.values())))
    rows = [[m, s, "loss", "news_loss", 5 + 0.3 * s + offsets[s]] for m, offsets in apart.items() for s in seeds]
    return pd.DataFrame(rows, columns=["method", "seed", "group", "measure", "value"])


def compare(measures: pd.DataFrame, trained: dict[str, Method] | None = None) -> dict[str, Any]:
    return dynamic_mixing.compare(trained or methods(), measures, "broad", TARGET, 0.95)


@pytest.mark.parametrize(
    ("moving", "opening", "word"),
    [
        ([-0.3, -0.301, -0.302], "Yes", "better"),
        ([-0.1, -0.101, -0.102], "No", "worse"),
        ([-0.1, -0.2, -0.31], "Not shown", verdicts.SAME),
        ([-0.3], "Undecided", verdicts.UNKNOWN),
    ],
)
def test_the_answer_follows_the_paired_interval_to_the_best_static_method(moving, opening, word):
    part = compare(measured(moving=moving))["news"]
    assert part["best_static"] == part["regmix"] == "mixed"
    assert verdicts.against_best_static(part) == {"moving": word}
    text = chapter._answer("news", part, methods(), 0.95)
    assert f"while a target trains? {opening}.**" in text
    assert text.count(f": {word}.") >= 1
    assert ("better" in text) == ("better" in {verdicts.against(part["methods"]["moving"], o) for o in methods()
                                               if o != "moving"})  # fmt: skip
    assert ("Each method has one seed" in text) == (len(moving) == 1)
    assert not re.search(r"\bnan\b|None", text)


def test_the_numbers_are_those_of_the_runs():
    part = compare(measured(moving=[-0.3, -0.31, -0.32]))["news"]
    moving = part["methods"]["moving"]
    assert moving["less"]["natural"]["value"] == pytest.approx(-0.31)
    assert moving["less"]["mixed"]["value"] == pytest.approx(-0.11)
    assert moving["less"]["alone"]["value"] == pytest.approx(-0.21)
    assert moving["cost"] == {"body": 0.5, "full": 2.0}
    assert part["noise"] == pytest.approx(0.3, abs=0.01)  # natural's; pairing takes it out
    assert (part["n"], part["noise_free"]) == (3, 8)
    text = chapter._answer("news", part, methods(), 0.95)
    assert "Choosing its mixtures cost 50% of one target counted body only and 2 times one counted in full." in text
    assert f"minus `mixed` (the chosen mixture) {MINUS}0.110 [{MINUS}" in text
    assert "The 3 intervals are not corrected for multiple comparisons." in text


def test_every_pair_is_reported_once_and_one_without_an_objective_counts():
    more = method("wandering", schedule=switching(np.linspace(0, 0.9, 30).tolist(), np.linspace(0, 0.9, 30).tolist()))
    part = compare(measured(moving=[-0.3, -0.31, -0.3], wandering=[-0.1, 0.1, 0.0]), methods(wandering=more))["news"]
    assert list(part["methods"]) == ["moving", "wandering"]
    assert "wandering" not in part["methods"]["moving"]["less"]
    assert "moving" in part["methods"]["wandering"]["less"]
    assert verdicts.dynamic_pays(part) == "Not all do"
    assert chapter._answer("news", part, methods(wandering=more), 0.95).count("It aims at no objective") == 1


def test_the_best_static_method_is_the_best_and_none_that_changes():
    part = compare(measured(alone=[-0.4, -0.41, -0.4], moving=[-0.9, -0.9, -0.91]))["news"]
    assert part["best_static"] == "alone"
    text = chapter._answer("news", part, methods(), 0.95)
    assert "lowest mean loss is `alone`; picking it after the fact" in text
    assert "Differences from `mixed`, the static mixture that RegMix recommends: `moving`" in text


def test_no_dynamic_method_at_all():
    still = {name: m for name, m in methods().items() if name != "moving"}
    assert compare(measured(), still) == {}
    only = methods(moving=method("moving"))
    assert compare(measured(moving=[0.0] * 3), only) == {}
    # One that was asked, and kept its mixture, is dynamic; one that aims at nothing falls back on the given objective.
    asked = method("moving", states={"seed-0": {"queries": [query(0.5, 5.5)]}})
    assert asked.dynamic
    assert not asked.changes
    broad = measured(moving=[0.0] * 3).assign(measure="broad_loss")
    assert list(compare(broad, methods(moving=asked))) == ["broad"]


# Methods and their artifacts.


def test_a_method_is_classified_by_its_artifacts():
    assert method("m").static is not None
    assert method("m", own=True).static is None
    assert method("m", schedule=SWITCHED).static is None
    assert method("m", schedule=SWITCHED).changes
    apart = {"seed-0": STATIC, "seed-1": switching([0.5], [0])}
    assert method("m", schedules=apart).static is None  # constant, but not one mixture
    knot = STATIC.switched(0.5, STATIC.mixtures[0])
    assert np.array_equal(method("m", schedule=knot).static.knots, [0])


def test_rank_invariance_takes_the_realised_mixture_of_the_corpus_own_text(tmp_path):
    world = Artifacts(tmp_path, schema.parse(values()))
    frame = pd.read_csv(tmp_path / "confirmed/mixtures.csv")
    confirming = runs(frame, pd.read_csv(tmp_path / "confirmed/losses.csv"), TRAINED)
    candidates = {"own": method("own", schedule=Schedule.static(TRAINED, world.PRIOR), own=True),
            "same": method("same", schedule=Schedule.static(TRAINED, world.PRIOR))}  # fmt: skip
    static = {name: m.static for name, m in candidates.items() if m.static}
    assert rank_invariance.pairs(confirming, static) == {"same": "natural"}


# Queries and beta.


def test_queries_outside_are_flagged_and_counted_over_all_runs():
    far, beyond = query(0.25, 5.5, distance=0.9), query(0.5, 6.3, raw_loss=6.0)
    asked = method("m", states={"seed-0": {"queries": [query(0.1, 5.5), far]}, "seed-1": {"queries": [beyond]}})
    text, table = regressor_queries.asked({"m": asked})
    assert "`m`: 2 of 3 queries over 2 runs" in text
    assert table.shown["Outside"].tolist() == ["no", "mixture"]  # the first run's
    assert table.shown["Distance (limit)"].tolist() == ["0.10 (0.50)", f"{marked('0.90', NOTED)} (0.50)"]
    assert table.values["gap"].tolist() == pytest.approx([0, 0, 0.8])
    _, table = regressor_queries.asked({"m": method("m", facts={"queries": [beyond]})})
    assert table.shown["Loss"].tolist() == [f"{marked('6.300', NOTED)} (6.000)"]
    assert table.shown["Method"].tolist() == ["m, plan"]
    assert regressor_queries.asked({"m": method("m")}) is None


def test_beta_beside_the_papers():
    pairs = pd.DataFrame({"run": ["a", "b"], "fraction": 0.5, "small": [6.0, 6.0], "large": [3.0, 3.0]})
    facts = {"beta": {"value": 1.0, "low": 0.9, "high": 1.1, "runs": 2}, "ratio": 2.0}
    states = {"seed-0": {"queries": [query(0.5, 5.8, raw_loss=2.9), query(0.6, 6.2, raw_loss=3.1)]}}
    text, table = regressor_queries.exponents({"m": method("m", facts=facts, tables={"beta": pairs}, states=states)})
    assert table.values["error"].tolist() == pytest.approx([0, 6 - 3 * 2**0.05])
    assert table.values[["below", "above"]].to_numpy().tolist() == [[0, 1], [2, 0]]
    assert "beta = 1.000 [0.900, 1.100], fitted to 2 runs" in text
    assert "put 2 of 2 of the same losses below" in text
    assert text.endswith("the paper's errs by 2.894 nats, the fitted one by 0.000.")
    fixed_beta = facts | {"beta": {"value": regressor_queries.PAPER_BETA}}
    text, table = regressor_queries.exponents({"m": method("m", facts=fixed_beta, states=states)})
    assert len(table.values) == 1
    assert "as set" in text
    assert "would multiply" not in text
    assert regressor_queries.exponents({"m": method("m")}) is None


# Schedules, epochs, errors.


def test_a_panel_for_every_method_that_changes():
    compare = schedules.weights(methods(), {"moving": STATIC})
    assert [axes.get_title("left") for axes in compare.drawing.axes if axes.get_visible()] == ["moving"]
    axes = compare.drawing.axes[0]
    line = next(line for line in axes.get_lines() if line.get_label() == "news")
    assert line.get_xdata().tolist() == [0, 0.5, 1]
    assert line.get_ydata().tolist() == pytest.approx([0.4, 0.9, 0.9])
    other = {"seed-0": SWITCHED, "seed-1": STATIC}
    drawn = schedules.weights({"m": method("m", schedules=other)}, {}).drawing.axes[0]
    assert drawn.get_title("left") == "m, mean of 2"
    assert next(line for line in drawn.get_lines() if line.get_label() == "news").get_ydata()[1] == pytest.approx(0.65)
    assert schedules.weights({"m": method("m")}, {}) is None
    both = schedules.weights(
        {"low": method("low", schedule=switching([0.4, 0.3], [0, 0.5])), "high": method("m", schedule=SWITCHED)}, {}
    )
    assert all(axes.get_ylim()[1] > 0.9 for axes in both.drawing.axes)  # the first panel does not cut off the second


def test_a_mean_of_one_pass_can_hide_a_run_that_repeats():
    uneven = pd.DataFrame({"run": ["seed-0", "seed-1"], "news": [150, 50], "law": 0, "drama": 0})
    text, _ = schedules.epochs({"a": method("a", ledger=uneven)}, 4)
    assert "1.00 times over a run (mean over 2 seeds). Weights" in text


def test_epochs_name_the_largest_and_who_is_above_the_bound():
    text, table = schedules.epochs(
        {"a": method("a"), "b": method("b", own=True, available=dict.fromkeys(TRAINED, 50))}, 4
    )
    assert table.values[["news", "law", "drama"]].to_numpy().tolist() == [[3, 0.5, 0], [6, 1, 0]]
    assert text.startswith("`b` reads a domain most often: `news`, 6.00 times over a run (mean over 2 seeds).")
    assert text.endswith("Methods above that: `b`.")
    assert table.shown["Method"].tolist() == ["a", "b (own text)"]
    assert table.shown["news"].tolist() == ["3.00", marked("6.00", NOTED)]
    text, _ = schedules.epochs({"a": method("a", available=dict.fromkeys(TRAINED, 1000))}, 4)
    assert "0.30 times over a run (mean over 2 seeds), and no run repeats any text." in text
    assert text.endswith("above that: none.")


def test_errors_keep_the_baseline_once_and_judge_by_the_last_step():
    text, table, figure = trajectory_errors.errors(errors())
    assert table.shown["By"].tolist() == ["gp", "lightgbm", "mean_drop"] * 2
    assert set(table.shown["Mean absolute error"]) >= {"0.116 [0.106, 0.126]", "0.496 [0.486, 0.506]"}
    comparison = "with 2 switches `gp` 0.116 [0.106, 0.126] against `mean_drop` 0.496 [0.486, 0.506]: better"
    assert text.count(comparison) == 2  # one step and rolled out
    assert len(figure.drawing.axes) == 2
    poor = errors()
    poor.loc[poor["predictor"] == "model", ["mae", "mae_low", "mae_high"]] = [0.49, 0.45, 0.53]
    assert trajectory_errors.errors(poor)[0].count("the intervals overlap") == 2
    poor.loc[poor["predictor"] == "model", ["mae", "mae_low", "mae_high"]] = [0.9, 0.8, 1.0]
    assert trajectory_errors.errors(poor)[0].count(": worse") == 2


def test_the_section_without_dynamic_methods_says_so(tmp_path):
    cut = values()
    for name in ("planned", "steered", "wandering"):
        del cut["target"]["methods"][name]
    settings = schema.parse(cut)
    still = {name: replace(m, name=name) for name, m in methods().items() if name != "moving"}
    section = chapter.dynamic_mixing(settings, still, {}, pd.DataFrame(), pd.DataFrame(), errors(), TARGET)
    assert section.parts[0].startswith("No method changes the mixture while its target trains")
    assert "Does it pay" not in section.prose
    assert list(section.tables) == ["trajectory_errors", "epochs"]
    assert list(section.figures) == ["trajectory_errors"]
