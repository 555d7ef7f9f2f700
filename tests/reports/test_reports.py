"""The report: what it says must follow from the numbers, whatever the numbers and the parameters are."""

from __future__ import annotations

import io
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regmix import params as schema
from regmix.core.errors import InputError
from regmix.core.files import write_csv, write_json
from regmix.core.model_shape import ModelShape
from regmix.core.objective import Objective
from regmix.core.runs import runs
from regmix.core.schedule import Schedule
from regmix.evaluation import rank_invariance, summary
from regmix.regression import assess, ranking
from regmix.statistics import verdicts
from reports import headline, readme
from reports.page import formats, render, style
from reports.page.section import Figure, Section, Table, Widget
from reports.run.swarm import models
from reports.run.target import targets
from reports.run.target.rank_invariance import rank_invariance as invariance_section
from tests.paths import ROOT
from tests.reports.artifacts import ALL, MINUS, TASKS, TRAINED, Artifacts, values
from tests.reports.test_page import visible


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are made but not drawn, which takes most of the time."""
    monkeypatch.setattr(render, "drawn", lambda figure: {"svg": b"<svg></svg>", "png": b"png"})


class Links(HTMLParser):
    """Ids, targets of links, and all that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key == "id":
                self.ids.append(value or "")
            elif key == "href" and tag == "a":
                self.links.append(value or "")
            elif key in ("src", "href", "srcset", "poster", "data", "action"):
                self.fetched.append(value or "")


# Formats and words.


@pytest.mark.parametrize(
    ("value", "digits", "sign", "text"),
    [
        (-1.25, 1, False, f"{MINUS}1.2"), (-0.001, 2, True, "0.00"), (0.5, 2, True, "+0.50"),
        (math.nan, 2, True, formats.MISSING), (None, 2, False, formats.MISSING), (math.inf, 2, False, formats.MISSING),
    ],
)  # fmt: skip
def test_fixed(value, digits, sign, text):
    assert formats.fixed(value, digits, sign) == text


def test_formats():
    assert formats.interval(0.5, 0.25, 0.75, 2) == "0.50 [0.25, 0.75]"
    assert formats.interval(0.5, math.nan, None, 2) == "0.50"
    assert formats.interval(math.nan, 0.1, 0.2) == formats.MISSING
    assert formats.plus_minus(1.0, math.nan, 1) == "1.0"
    assert formats.count(1234567) == "1\u202f234\u202f567"
    assert formats.power(4.1e18).endswith("10\u00b9\u2078")
    assert [formats.percent(v) for v in (0.0231, 0.24, 0.9993, 1.0)] == ["2.3%", "24%", "99.9%", "100%"]
    assert [formats.relative(v) for v in (0.24, 7.92, 250.0)] == ["24% of", "7.9 times", "250 times"]
    assert [formats.counted(n, "seed") for n in (1, 3)] == ["1 seed", "3 seeds"]
    assert [formats.listed(items) for items in ([], ["a"], ["a", "b", "c"])] == ["none", "a", "a, b and c"]


# Regression.


def test_best_never_looks_at_held_out_runs():
    columns = ["regressor", "objective", "split", "metric", "value", "low", "high", "n"]
    rows = [
        ["a", "o", "cv", "spearman", 0.5],
        ["b", "o", "cv", "spearman", 0.6],
        ["no_proxy", "o", "cv", "spearman", 1],
    ]
    rows += [["c", "o", "cv", "spearman", math.nan]]
    frame = pd.DataFrame([[*row, 0, 1, 9] for row in rows], columns=columns)
    for a, b in ((0.0, 1.0), (1.0, 0.0)):
        heldout = [["a", "o", "heldout", "spearman", a, 0, 1, 5], ["b", "o", "heldout", "spearman", b, 0, 1, 5]]
        assert ranking.best(pd.concat([frame, pd.DataFrame(heldout, columns=columns)]), "o") == "b"


def test_a_regressor_equal_to_the_baseline_is_not_over_it():
    rng = np.random.default_rng(1)
    table = rng.dirichlet(np.ones(3), size=8)
    names = [f"r{i}" for i in range(8)]
    frame = pd.DataFrame({"run": names, "kind": "heldout", "seed": 0, **dict(zip(TRAINED, table.T, strict=True))})
    losses = pd.DataFrame({"run": names, **{d: rng.normal(size=8) + 5 for d in ALL}})
    weights = {
        "news": Objective.loss("news"),
        "broad": Objective.mean(dict.fromkeys(TRAINED, 1)),
        "reviews": Objective.loss("reviews"),
    }
    predictions = [
        pd.DataFrame({"objective": o, "split": "heldout", "run": names[::-1], "true": losses["news"].to_numpy()[::-1],
                      "predicted": -table[::-1, 0]})
        for o in weights
    ]  # fmt: skip
    settings = schema.parse(values()).regression
    margins = ranking.over_no_proxy({"same": pd.concat(predictions)}, runs(frame, losses, TRAINED), weights, settings)
    assert list(margins["objective"]) == ["news"]  # the others have no such baseline
    assert margins[["difference", "low", "high"]].to_numpy().tolist() == [[0, 0, 0]]


# Cost.


def test_the_papers_share_is_what_its_shapes_say():
    meta = {"shape": vars(ModelShape(1, 1, 8, 16, 8, 64)), "parameters": {"body": 10, "all": 20}, "train_tokens": 100,
            "flops_a_token": {"body": 60.0, "attention": 80.0, "full": 100.0}}  # fmt: skip
    section = models.models(meta, meta, {"swarm": 1, "confirmation": 1, "targets": 1})
    small, large = ModelShape(2, 8, 256, 512, 2048, 50432).flops(), ModelShape(22, 16, 2048, 5632, 2048, 50432).flops()
    last = section.tables["flops"].values.iloc[-1]
    for key in models.COUNTS:
        assert last[f"flops_{key}"] == pytest.approx(512 * small[key] / (25 * large[key]))
    assert f"Counted in full, the paper's swarm costs {formats.percent(last['flops_full'])} of one" in section.prose
    assert "saves nothing" not in section.prose  # one proxy costs what the target does
    assert "saves nothing" in models.models(meta, meta, {"swarm": 2, "confirmation": 1, "targets": 1}).prose


# Targets and invariance.


def measured(difference: list[float]) -> pd.DataFrame:
    """A baseline at 5 on every seed and a method apart from it by ``difference``."""
    rows = [["natural", s, "loss", "news_loss", 5.0] for s in range(len(difference))]
    rows += [["m", s, "loss", "news_loss", 5.0 + d] for s, d in enumerate(difference)]
    return pd.DataFrame(rows, columns=["method", "seed", "group", "measure", "value"])


@pytest.mark.parametrize(
    ("difference", "word"),
    [
        ([-0.1, -0.11, -0.12], "better: `m`"), ([0.1, 0.11, 0.12], "worse: `m`"),
        ([-0.001, -0.0011, -0.0012], f"{targets.SMALL}: `m`"),
        ([-0.1, 0.1, 0.0], f"{verdicts.SAME}: `m`"), ([-0.1], f"{verdicts.UNKNOWN}: `m`"),
    ],
)  # fmt: skip
def test_targets_are_worded_by_their_paired_interval(difference, word):
    paired = summary.differences(measured(difference), "natural", 0.95)
    text = targets._prose(paired, {"news": Objective.loss("news")}, ["natural", "m"], len(difference), 0.95)
    assert f"- **news loss**: against `natural`, {word}" in text
    assert f"{len(difference)} target{'s' if len(difference) > 1 else ''}." in text
    assert ("no difference can be distinguished from chance" in text) == (len(difference) == 1)


def test_invariance_of_an_order_that_is_kept_and_one_that_is_reversed():
    names = ["a", "b", "c", "d", "e"]
    table = np.random.default_rng(0).dirichlet(np.ones(3), size=5)
    frame = pd.DataFrame({"run": names, "kind": names, "seed": 0, **dict(zip(TRAINED, table.T, strict=True))})
    small = np.arange(5.0)
    confirming = runs(frame, pd.DataFrame({"run": names, **dict.fromkeys(ALL, small)}), TRAINED)
    plans = {f"m_{kind}": Schedule.static(TRAINED, row) for kind, row in zip(names, confirming.mixtures, strict=True)}
    plans["switches"] = plans["m_a"].switched(0.5, table[1])
    same = rank_invariance.pairs(confirming, plans)
    assert same == {f"m_{kind}": kind for kind in names}
    large = pd.DataFrame({"method": list(same), "seed": 0, "news": small, "law": -small, "drama": [1, 0, 2, 4, 3.0]})
    measures = {d: Objective.loss(d) for d in TRAINED}
    table = rank_invariance.correlations(confirming, large, same, measures, 0.95)
    by_measure = table.set_index("measure")
    assert by_measure["value"].tolist() == pytest.approx([1, -1, 0.8])
    assert by_measure.loc["news", "p"] == pytest.approx(2 / 120)  # of all orders, this one and its reverse
    assert by_measure[["low", "high"]].isna().all(axis=None)  # one seed each
    text = invariance_section(table, confirming, large, same, measures, 0.95).prose
    assert (
        "preserved beyond chance for news; reversed beyond chance for law; not distinguishable from chance for drama"
        in text
    )
    pair = {"m_a": "a"}
    none = rank_invariance.correlations(confirming, large, pair, measures, 0.95)
    few = invariance_section(none, confirming, large, pair, measures, 0.95)
    assert few.prose.startswith("1 mixture was trained at both scales")


# The whole report.


def test_the_page_stands_alone_and_its_tables_are_its_numbers(tmp_path, undrawn):
    Artifacts(tmp_path, schema.parse(values())).run()
    out = tmp_path / "reports"
    page, text = (out / "report.html").read_text(), (out / "report.md").read_text()
    links = Links()
    links.feed(page)
    assert links.links
    assert {link.removeprefix("#") for link in links.links} <= set(links.ids)
    assert all(link.startswith("#") for link in links.links)
    assert len(links.ids) == len(set(links.ids))
    assert not links.fetched
    outward = re.compile(r"@import|url\((?!#)|https?://(?!arxiv|www\.w3\.org/2000/svg)")
    assert not outward.search(page.split("params.yaml</h3>")[0])
    for content in (page, text):
        assert str(tmp_path) not in content
        assert str(ROOT) not in content
        assert not re.search(r"\bnan\b|NaN|None\b", content.split("### params.yaml")[0].split("params.yaml</h3>")[0])
    assert len(visible(page)) < 2500
    assert (out / "answer.svg").read_text().startswith("<svg ")
    for figure in re.findall(r"\(figures/(\w+)\.svg\)", text):
        assert (out / "figures" / f"{figure}.png").is_file()

    # What is shown is what the CSV has, cell by cell, for one table of plain numbers and one of intervals.
    domains = pd.read_csv(out / "tables/target_domains.csv")
    lines = (out / "tables/target_domains.md").read_text().splitlines()[2:]
    for line, row in zip(lines, domains.itertuples(index=False), strict=True):
        assert [cell.strip() for cell in line.strip("|").split("|")] == [row[0], *map(formats.fixed, row[1:])]
    paired = pd.read_csv(out / "tables/targets_paired.csv")
    shown = pd.read_csv(
        io.StringIO((out / "tables/targets_paired.md").read_text().replace(" ", "")), sep="|", skiprows=[1]
    )
    part = paired[paired["measure"] == "news_loss"].set_index("method")
    clear = dict(zip(part.index, targets.clear_of_zero(part, 0.95), strict=True))["regmix_news"]
    row = part.loc["regmix_news", ["mean", "low", "high"]].tolist()
    cell = formats.bold(formats.spanned(row, 3, sign=True), clear)
    assert shown.set_index("Method").loc["regmix_news", "newsloss"] == cell.replace(" ", "")

    # Bold means that an interval excludes zero, so what is bold is an interval.
    for path in (out / "tables").glob("*.md"):
        assert all("[" in cell for cell in re.findall(r"\*\*(.*?)\*\*", path.read_text())), path.name

    # Each loss has a column of what tokens are worth; the one objective with proposals has a row for them.
    assert set(pd.read_csv(out / "tables/worth.csv")["loss"]) == set(ALL)
    better = pd.read_csv(out / "tables/regression_better.csv")
    assert set(better["split"]) == {assess.BETTER}
    calibrated = pd.read_csv(out / "tables/calibration.csv").groupby("objective")["at"].agg(list)
    assert calibrated.to_dict() == {"news": ["random", "chosen"], "broad": ["chosen"], "qa": ["chosen"]}

    # The regressors that choose have a row of their own, and what each round promised is shown.
    assert "| *ensemble* |" in (out / "tables/regression.md").read_text()
    assert "The mixture is chosen by an *ensemble*" in text
    outlooks = pd.read_csv(out / "tables/outlooks.csv")
    assert outlooks["after"].tolist() == ["first design", "all rounds", "all rounds", "all rounds"]
    assert outlooks.loc[0, ["proxies", "expected_gain"]].tolist() == [4, 0.5]

    # The answer comes first, as in the README.
    answer = (out / "tables/answer.md").read_text()
    assert text.index("- **news** (loss on news): ") < text.index("Table 1") < text.index("On 6 held-out")
    assert "| chosen mixture | news 0.80, law 0.10, drama 0.10 |" in answer
    summarised, mixture = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("metrics", "mixture"))
    assert readme.objectives(summarised, mixture).splitlines()[2:] == answer.splitlines()[2:]

    # Headline numbers are those of the tables.
    headlines = json.loads((tmp_path / "judged/headlines.json").read_text())
    rounded = json.loads((tmp_path / "metrics.json").read_text())
    assert rounded["news"]["minus_natural"] == pytest.approx(headlines["news"]["target"]["difference"], abs=0.005)
    assert rounded["news"]["regret"] == 0.01
    assert "minus_natural" in rounded["broad"]
    assert f"- **news** (loss on news): {rounded['news']['verdict']}; " in text

    # An objective of tasks is in its own unit; domains are domains alone.
    assert "unit" not in rounded["news"]
    assert (rounded["qa"]["unit"], headlines["qa"]["unit"]) == ("bits per byte", "bits per byte")
    assert "- **qa** (bits per byte of the answers of 1 task): " in text
    assert " bits per byte " in text.split("- **qa** (bits per byte of the answers of 1 task): ")[1].split("\n")[0]
    assert "(nats per token (qa: bits per byte), lower is better)" in text
    assert list(domains.columns) == ["method", *ALL]
    assert set(pd.read_csv(out / "tables/invariance.csv")["measure"]) >= {"qa", "law (domain)"}

    # What right answers cost, and scores beside those of a guess.
    shown = (out / "tables/target_tasks.md").read_text()
    assert "continuation news (25)" in shown.splitlines()[0]
    assert "last word news (0)" in shown.splitlines()[0]
    assert "| natural | 37.5 ± 12.5° | 0.0 ± 0.0° |" in shown
    bits = pd.read_csv(out / "tables/target_answers.csv")
    assert set(bits["measure"]) == {"average_bits", *(f"{task}_bits" for task in TASKS)}
    evaluated = pd.read_csv(tmp_path / "evaluated/losses.csv")
    row = bits[(bits["method"] == "natural") & (bits["measure"] == f"{TASKS[1]}_bits")].iloc[0]
    assert row["mean"] == pytest.approx(evaluated.loc[evaluated["method"] == "natural", TASKS[1]].mean())

    # Methods that change their mixture, by what they left: one aims at nothing, none aims at the other objective.
    assert "dynamic" not in headlines["broad"]
    part = headlines["news"]["dynamic"]
    assert list(part["methods"]) == ["planned", "steered", "wandering"]
    assert (part["best_static"], part["regmix"], part["alone"], part["n"]) == ("only", "regmix_news", "only", 3)
    measures = pd.read_csv(out / "tables/dynamic_news.csv")
    row = measures[(measures["method"] == "planned") & (measures["less"] == "natural")].iloc[0]
    assert row["measure"] == "news_loss"
    less = part["methods"]["planned"]["less"]["natural"]
    assert [less["value"], less["low"], less["high"]] == pytest.approx(row[["mean", "low", "high"]].tolist())
    assert part["methods"]["steered"]["queries"] == 6  # two a seed, of which one lies outside
    assert part["methods"]["steered"]["outside"] == 3
    assert "Does it pay on `news` to change the mixture" in text.split("## A.")[0]
    assert len(pd.read_csv(out / "tables/queries.csv")) == 7  # one planned
    assert set(pd.read_csv(out / "tables/epochs.csv")["method"]) >= {"picked", "wandering"}


def one_objective(cut: dict) -> None:
    cut["objectives"] = {"reviews": {"reviews": 1}}
    cut["trajectory"]["objective"] = "reviews"
    cut["mixture"]["fronts"]["pairs"] = []
    cut["target"]["methods"] = {"natural": {"kind": "natural"}}


def one_regressor(cut: dict) -> None:
    cut["regressors"] = {"gp": cut["regressors"]["gp"]}
    cut["mixture"]["risk"] = 0
    cut["target"]["methods"].pop("only")
    cut["objectives"]["broad"] = {"mean": "trained", "within": 0.3}


def one_seed(cut: dict) -> None:
    cut["target"]["seeds"] = 1
    cut["objectives"]["worst"] = {"worst": "trained"}
    cut["mixture"] |= {"refit": True, "confirm": {"seeds": 1}}


@pytest.mark.parametrize("change", [one_objective, one_regressor, one_seed])
def test_other_parameters_make_a_report_too(tmp_path, undrawn, change):
    cut = values()
    change(cut)
    Artifacts(tmp_path, schema.parse(cut), heldout=0 if change is one_objective else 6, repeats=0).run()
    text = (tmp_path / "reports/report.md").read_text().split("### params.yaml")[0]
    assert not re.search(r"\bnan\b|\b1 (targets|seeds|objectives|domains)\b|\bnone is\b", text)
    story = text.split("## A.")[0]
    assert ("6 held-out mixtures" in story) == (change is not one_objective)
    assert ("As in the paper, one regressor, `gp`, predicts" in text) == (change is one_regressor)
    assert ("the mean mixture of the swarm is replaced" in text) == (change is not one_regressor)  # a linear model
    assert ("a second simulation chose" in text) == (change is one_seed)
    assert ("nothing is compared" in text) == (change is one_objective)
    assert ("No method changes the mixture" in text) == (change is one_objective)
    assert ("Between two objectives" in text) == (change is not one_objective)
    assert ("RegMix-D does? Undecided" in story) == (change is one_seed)
    assert ("Guardrails on targets" in text) == (change is one_regressor)
    if change is one_regressor:  # the domain that regmix_broad gives least
        row = pd.read_csv(tmp_path / "reports/tables/target_guardrails.csv").iloc[0]
        assert (row["objective"], row["method"], row["domain"], row["within"]) == (
            "broad",
            "regmix_broad",
            "drama",
            0.3,
        )
        assert row["mean"] == pytest.approx(2 * (math.sqrt(0.5) - math.sqrt(0.1)), abs=0.1)
        assert "| 0.300 | broken |" in (tmp_path / "reports/tables/target_guardrails.md").read_text()
    if change is one_seed:
        assert verdicts.UNKNOWN in text
        assert "better for" not in story.split("trained on the choice are ")[1].split(". ")[0]


def test_drawing_and_rendering_twice_gives_the_same_bytes(tmp_path):
    def section() -> Section:
        drawing, axes = style.panels(1, 2, 1.5)
        axes[0, 0].scatter([1, 2], [3, 4], label="points")
        style.heat(axes[0, 1], np.eye(2), ["a", "b"], ["c", "d"], cmap="Blues", span=(0, 1), texts=[["0", "1"]] * 2)
        style.legend_above(drawing)
        frame = pd.DataFrame({"Name": ["a|b"], "Value": [f"{MINUS}1.5"]})
        table = Table("numbers", "Some *numbers*.", frame, pd.DataFrame({"value": [-1.5]}))
        widget = Widget("<p id=raw>As it is</p>", "*In words.*")
        return Section("What & why", ("Text.", table, Figure("drawing", "Points.", 'Two "panels".', drawing), widget))

    for name in ("first", "second"):
        render.write(tmp_path / name, [section()], write_csv, title="A report")
    files = {path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file()}
    assert {str(file) for file in files} >= {"report.md", "figures/drawing.svg", "figures/drawing.png"}
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes(), file
    assert not re.search(rb"<dc:date|Matplotlib v", (tmp_path / "first/figures/drawing.svg").read_bytes())
    text = (tmp_path / "first/report.md").read_text()
    assert "| a\\|b | \N{MINUS SIGN}1.5 |" in text
    assert "| :--- | ---: |" in text
    assert "*In words.*" in text
    assert "<p id=raw>As it is</p>" in (tmp_path / "first/report.html").read_text()


# The command that prints three numbers.


ROW = {"spearman": 0.98, "gain_predicted": 0.3, "gain_realised": 0.31}
FEW = {
    "news": ROW | {"minus_natural": -0.2, "minus_natural_ci": 0.01, "minus_single": 0.01, "minus_single_ci": None,
                   "verdict": "use it: better than natural, no clear difference from the best single domain"},
    "broad": ROW,
}  # fmt: skip
WEIGHTS = {name: {"weights": {"news": 0.6, "law": 0.395, "drama": 0.005}, "spread": {}} for name in FEW}


def headline_part(**target: Any) -> dict[str, Any]:
    """An objective's part of headlines.json, as far as the last lines of a run need it."""
    gain = dict.fromkeys(("predicted_gain", "realised_gain", "realised_gain_low", "realised_gain_high"), 0.3)
    return {"unit": "nats per token", "mixture": gain | {"realised_gain_low": 0.2, "realised_gain_high": 0.4}} | target


CHOSEN: dict[str, Any] = {
    "weights": {"tweets": 0.005, "law": 0.395, "news": 0.6},
    "spread": {"tweets": 0.001, "law": 0.08, "news": 0.125},
    "gain": {"value": 0.3, "low": 0.2, "high": 0.4},
    "support": {"distance": 0.1, "typical": 0.2},
}


def test_the_last_lines_are_each_mixture_with_its_decision_the_page_and_what_is_next():
    rivals = {"natural": {"value": -0.2, "value_low": -0.21, "value_high": -0.19}}
    headlines = {"news": headline_part(target={"rivals": rivals}), "broad": headline_part()}
    lines = headline.headline(headlines, dict.fromkeys(headlines, CHOSEN), Path("r.html")).splitlines()
    assert lines[:5] == [
        "news: news 0.60 ± 0.12, law 0.40 ± 0.08, others 0.01",
        "  use it: better than natural; 0.20 ± 0.01 nats per token below natural",
        "broad: news 0.60 ± 0.12, law 0.40 ± 0.08, others 0.01",
        "  use it: proxies trained on it gain 0.3 ± 0.1 nats per token over natural; no target was trained",
        "page: r.html",
    ]
    assert "dvc exp run -S mixture.risk=2 mixture_choose" in lines[-1]


def test_the_last_lines_name_a_few_domains_and_sum_the_others():
    many = {f"d{i}": 0.1 for i in range(10)}
    last = headline.headline({"a": headline_part()}, {"a": CHOSEN | {"weights": many, "spread": many}}, Path("r.html"))
    assert last.splitlines()[0].startswith("a: d0 0.10 ± 0.10, d1 0.10")
    assert last.splitlines()[0].endswith("d5 0.10 ± 0.10, others 0.40")


def test_before_a_run_the_last_lines_are_one_error(tmp_path):
    headlines, chosen, page = tmp_path / "headlines.json", tmp_path / "chosen", tmp_path / "report.html"
    with pytest.raises(InputError, match=r"headlines\.json: missing; run `dvc repro` first"):
        headline.main(headlines, chosen, page)
    chosen.mkdir()
    write_json(chosen / "news.json", CHOSEN)
    page.touch()
    for content in ({"news": {}}, {"news": headline_part(target={})}):
        write_json(headlines, content)
        with pytest.raises(InputError, match="numbers are missing") as error:
            headline.main(headlines, chosen, page)
        assert "\n" not in str(error.value)


def test_the_table_of_the_readme_has_a_column_per_objective():
    lines = readme.objectives(FEW, WEIGHTS).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| chosen mixture | news 0.60, law 0.40 |")
    assert lines[4].startswith(f"| minus natural | {MINUS}0.20 ± 0.01 | – |")
    assert lines[7].startswith("| minus best single domain | 0.010 | – |")
    assert lines[9].startswith("| minus best proxy | – | – |")
