"""The analyses of the published runs: known answers on the tables, where they can be had, and laws that always hold."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from regmix.core.errors import InputError
from regmix.core.files import write_csv
from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.published import costs, early_stopping, replay, settings
from regmix.published.tables import SOURCES
from regmix.regression.assess import no_proxy
from regmix.regression.interface import bind, options
from regmix.statistics import correlations, metrics, sign_tests
from regmix.trajectory import size_correction
from reports.page import render
from reports.page.section import Section, Table
from reports.papers import claims, claims_page, figures, methods
from stages.published import paper
from stages.published.published_runs import published_runs
from stages.published.published_sets import as_printed, read_sets
from tests.paths import ROOT
from tests.published.test_published import IMPORTS, STORED, with_remote

SETTINGS = settings.Published.load(ROOT / "tests/fixtures/published.yaml")
TABLES = ROOT / "published/tables"
PILE = Objective.loss("pile_cc")
DRAWN = {"resamples": 200, "level": 0.95, "seed": 0}
SETS = ("test_1m", "test_60m", "test_1b")


@cache
def sets() -> dict[str, Runs]:
    """The published runs as published_fit sees them: written and read back, with the weights as printed."""
    with tempfile.TemporaryDirectory() as folder:
        tables, out = Path(folder, "tables"), Path(folder, "runs")
        tables.mkdir()
        for file, path in STORED.items():
            shutil.copy(path, tables / file)
        published_runs(SETTINGS, tables=tables, out=out)
        return as_printed(read_sets(out), tables)


def published(name: str) -> Runs:
    return sets()[name]


@cache
def ranks(name: str) -> list[float]:
    """Spearman x 100 at 1M, 60M and 1B of a regressor of published/params.yaml."""
    train = published("train_1m")
    with threadpool_limits(limits=1):
        model = bind(name, SETTINGS.regressors[name]).fit(train.mixtures, train.objective(PILE), 0)
    return [rho(published(name), model.mean(published(name).mixtures)) for name in SETS]


def rho(runs: Runs, predicted: np.ndarray) -> float:
    return 100 * float(metrics.spearman(runs.objective(PILE), predicted))


@with_remote
@pytest.mark.parametrize(
    ("name", "printed", "within"),
    [
        ("ridge", [90.08, 89.26, 88.01], 0.3),  # the paper's own row
        ("lightgbm_paper", [99.04, 98.60, 96.17], 0.2),
        ("lightgbm", [99.12, 98.63, 96.14], 0.2),
        ("gp", [99.42, 99.04, 96.99], 0.3),
        ("gp_log", [99.40, 98.96, 96.96], 0.3),
        ("log_linear", [96.36, 95.84, 98.65], 0.3),
        ("bimix", [81.7, 81.38, 98.08], 0.05),  # by the weight of Pile-CC alone: as without any proxy
        ("autoscale", [98.50, 98.25, 89.91], 0.3),
    ],
)
def test_table_2(name, printed, within):
    np.testing.assert_allclose(ranks(name), printed, rtol=0, atol=within)


@with_remote
def test_without_any_proxy():
    orders = [no_proxy(published(name), PILE) for name in SETS]
    correlations = [rho(published(name), order) for name, order in zip(SETS, orders, strict=True) if order is not None]
    np.testing.assert_allclose(correlations, [81.7, 81.4, 98.08], rtol=0, atol=0.05)


@with_remote
def test_the_notebook_stops_after_613_trees():
    weights = {split: published(split).mixtures for split in SOURCES}
    losses = {split: published(split).objective(PILE) for split in SOURCES}
    chosen = options("lightgbm_paper", SETTINGS.regressors["lightgbm_paper"])
    trees, predictions = early_stopping.stops(weights, weights, losses, "train_1m", "test_1m", chosen, SETTINGS.stop)
    assert trees["lightgbm_notebook"] == 613
    for name, printed in (("notebook", [98.92, 98.49, 96.51]), ("divided", [99.04, 98.60, 96.17])):
        correlations = [rho(published(split), predictions[f"lightgbm_{name}"][split]) for split in SETS]
        np.testing.assert_allclose(correlations, printed, rtol=0, atol=0.01)
    stopped = [rho(published(split), predictions["lightgbm_stopped"][split]) for split in SETS]
    np.testing.assert_allclose(stopped, [98.86, 98.43, 96.15], rtol=0, atol=0.2)


@with_remote
def test_the_stop_that_is_shown_is_that_of_the_last_part():
    sets = {split: published(split) for split in SOURCES}
    chosen = options("lightgbm_paper", SETTINGS.regressors["lightgbm_paper"]).model_copy(update={"trees": 60})
    stop = SETTINGS.stop.model_copy(update={"share": 0.5})
    every = early_stopping.stops_by_part(sets, "train_1m", "pile_cc", chosen, stop)
    weights = {split: runs.mixtures for split, runs in sets.items()}
    losses = {split: runs.objective(PILE) for split, runs in sets.items()}
    trees, predictions = early_stopping.stops(weights, weights, losses, "train_1m", "test_1m", chosen, stop)
    last = every[every["part"] == 1].set_index("split")
    assert every["part"].tolist() == [0] * 3 + [1] * 3
    assert last["trees"].unique().tolist() == [trees["lightgbm_stopped"]]
    shown = [rho(sets[split], predictions["lightgbm_stopped"][split]) for split in SETS]
    assert (100 * last.loc[list(SETS), "spearman"]).tolist() == shown


def test_parts_of_the_runs_are_set_aside_in_turn():
    parts = early_stopping.parts(23, 0.1)
    assert len(parts) == 10
    assert np.concatenate([aside for _, aside in parts]).tolist() == list(range(23))
    assert all(sorted([*rest, *aside]) == list(range(23)) for rest, aside in parts)


@with_remote
def test_figure_15_and_beta():
    small, middle = published("test_1m").losses, published("test_60m").losses
    table = size_correction.correlations(small, middle, list(small), **DRAWN)
    own = 100 * table[table["first"] == table["second"]].set_index("first")["value"]
    assert own["pile_cc"] == pytest.approx(99.41, abs=0.01)
    assert own.between(98.0, 99.81).all()
    large = published("test_1b")
    train = published("train_1m")
    gp = bind("gp", SETTINGS.regressors["gp"])
    with threadpool_limits(limits=1):
        predicted = gp.fit(train.mixtures, train.objective(PILE), 0).mean(large.mixtures)
    assert size_correction.exponents(predicted, large.objective(PILE), 1000).mean() == pytest.approx(0.087, abs=0.001)
    corrected = size_correction.corrected(large.objective(PILE), 1000, 0.05)
    assert (corrected.min(), corrected.max()) == (pytest.approx(3.98, abs=0.005), pytest.approx(4.72, abs=0.005))


@with_remote
def test_figure_5a():
    printed = pd.read_csv(TABLES / "regmix_g_models.csv")
    intact = (printed["truncated"] == 0).to_numpy()
    assert intact.sum() == 61
    tasks = printed.loc[intact, ["hellaswag", "piqa", "lambada", "logiqa", "average"]].reset_index(drop=True)
    table = correlations.correlations(-published("test_1b").losses[intact].reset_index(drop=True), tasks, **DRAWN)
    own = table[table["domain"] == "pile_cc"].set_index("task")["value"]
    np.testing.assert_allclose(own, [0.92, 0.91, 0.85, -0.33, 0.91], rtol=0, atol=0.006)
    assert table.loc[table["value"].idxmax(), "domain"] == "pile_cc"


def test_an_exponent_takes_the_large_loss_to_the_small_one():
    small, large = np.array([6.0, 5.5]), np.array([3.0, 2.9])
    for beta, low, high in zip(size_correction.exponents(small, large, 1000), small, large, strict=True):
        assert size_correction.corrected(np.array([high]), 1000, beta) == pytest.approx(low)


def test_cost_by_body_and_in_full():
    shares = costs.shares(costs.runs(pd.read_csv(TABLES / "regmix_9_shapes.csv")))
    assert shares["swarm_share_of_1b_body"] == pytest.approx(0.024, abs=0.001)
    assert shares["swarm_share_of_1b_full"] == pytest.approx(0.24, abs=0.01)


def test_a_sign_test_counts_tasks_and_leaves_out_ties():
    table = pd.DataFrame({"a": [2.0, 2.0, 2.0, 2.0, 2.0, 1.0], "b": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]})
    row = sign_tests.compare(table, **DRAWN).iloc[0]
    assert (row["wins"], row["ties"], row["losses"], row["p"]) == (5, 1, 0, 2 * 0.5**5)
    assert row["value"] == pytest.approx(5 / 6)


def test_like_for_like_regmix_beats_the_best_of_64():
    four = pd.read_csv(TABLES / "regmix_4_methods.csv").set_index("task").drop(index=["average", "arc_challenge"])
    models = pd.read_csv(TABLES / "regmix_g_models.csv")
    assert four["regmix"].mean() == pytest.approx(49.0, abs=0.05)
    assert models.loc[models["truncated"] == 0, list(four.index)].mean(axis=1).max() == pytest.approx(47.9, abs=0.05)


def test_a_prediction_of_the_others_mean_explains_nothing():
    true = np.random.default_rng(0).normal(size=40)
    others = (true.sum() - true) / 39
    assert correlations.explained(true, others, **DRAWN)[0].value == pytest.approx(0)
    assert correlations.explained(true, true, **DRAWN)[0].value == 1


def test_a_margin_is_of_the_same_resamples():
    rng = np.random.default_rng(0)
    true = rng.normal(size=60)
    good = true + rng.normal(scale=0.1, size=60)
    same = metrics.margin(true, good, good, **DRAWN)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert metrics.margin(true, good, -true, **DRAWN).low > 0


def test_mixtures_along_a_line_keep_the_others_proportions():
    grid = replay.along(np.array([0.2, 0.5, 0.3]), 1, [0.0, 0.5, 1.0])
    np.testing.assert_allclose(grid, [[0.4, 0.0, 0.6], [0.2, 0.5, 0.3], [0, 1, 0]])


def test_verdicts_follow_the_numbers():
    assert claims.verdict(True, True) == claims.HOLDS
    assert claims.verdict(True, False) == claims.PARTLY
    assert claims.verdict(False) == claims.FAILS
    table = pd.DataFrame({"a": [2.0, 3.0, 4.0], "b": [1.0, 1.5, 2.0]})
    signs = sign_tests.compare(table, **DRAWN).assign(table="t")
    averages = pd.DataFrame({"table": "t", "method": ["a", "b"], "tasks": 3, "average": table.mean().to_numpy()})
    numbers = methods.figures(signs, averages)["t"]
    assert methods._pair("p", "q", "a beats b", numbers, "a", "b").verdict == claims.HOLDS
    assert methods._pair("p", "q", "b beats a", numbers, "b", "a").verdict == claims.FAILS


def test_spearman_is_printed_times_100():
    row = {"regressor": "ridge", "objective": "pile_cc", "split": "test_1m", "n": 256}
    frame = pd.DataFrame(
        [
            row | {"metric": "spearman", "value": 0.9, "low": 0.8, "high": 0.95},
            row | {"metric": "mse", "value": 0.02, "low": 0.01, "high": 0.03},
        ]
    )
    printed = figures.table2(frame, "pile_cc")["ridge"]
    assert (printed["spearman_1m"], printed["spearman_1m_low"], printed["mse_1m"]) == (90, 80, 0.02)


def test_a_page_finds_its_parts_in_their_own_folder(tmp_path):
    frame = pd.DataFrame({"a": ["1"]})
    parts = Section("Numbers", (Table("numbers", "Some.", frame, frame),))
    render.write(tmp_path, [parts], write_csv, title="A page", name="page", beside="page", rules="td { color: red }")
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == {
        "page.md", "page.html", "page/tables/numbers.csv", "page/tables/numbers.md",
    }  # fmt: skip
    assert "Numbers: `page/tables/numbers.csv`" in (tmp_path / "page.md").read_text()
    html = (tmp_path / "page.html").read_text()
    assert "<title>A page</title>" in html
    assert "td { color: red }</style>" in html


def test_a_claims_verdicts_are_counted():
    rows = [claims.Claim("p", "q", "r", "s", "t", word, "w") for word in (claims.HOLDS, claims.HOLDS, claims.FAILS)]
    page = claims_page.page(rows)
    assert page.parts[0] == claims_page.tally(
        [row.verdict for row in rows], (claims.HOLDS, claims.PARTLY, claims.FAILS)
    )
    assert page.parts[0].text == "holds: 2; does not hold: 1"
    assert "3 in all: 2 × *holds* and 1 × *does not hold*" in page.prose
    assert page.tables["claims"].values["verdict"].tolist() == [claims.HOLDS, claims.HOLDS, claims.FAILS]


def test_the_settings_name_regressors_that_are_there():
    values = SETTINGS.model_dump()
    for key, name in (("downstream", ["oracle"]), ("paper_regressor", "oracle"), ("ensemble", ["ridge", "oracle"])):
        with pytest.raises(ValueError, match="unknown regressor 'oracle'"):
            settings.Published.model_validate(values | {key: name})


def test_without_tables_or_remote_one_line_says_both_ways(tmp_path, monkeypatch):
    ran: list[str] = []
    monkeypatch.setattr(paper, "FOLDER", tmp_path)
    monkeypatch.setattr(paper, "_repro", ran.append)
    with pytest.raises(InputError, match=r"make paper REMOTE=DIR.*dvc update") as error:
        paper.paper(None)
    assert "\n" not in str(error.value)
    assert ran == ["published_tables"]
    with pytest.raises(InputError, match="not a DVC remote"):
        paper.paper(tmp_path)


@with_remote
@pytest.mark.parametrize(
    ("file", "edit", "message"),
    [
        (
            "train_pile_loss_1m.csv",
            lambda lines: [*lines[:40], "x" + lines[40], *lines[41:]],
            r"train_pile_loss_1m\.csv: line 41: column 'index': 'x40' is not a row from 1 to 512",
        ),
        (
            "test_pile_loss_60m.csv",
            lambda lines: [*lines[:7], lines[7].replace(".", "o", 1), *lines[8:]],
            r"test_pile_loss_60m\.csv: row 7: column 'metric/the_pile_\w+_val_loss': '\d+o\d+' is not a number",
        ),
        (
            "test_mixture_1B.csv",
            lambda lines: lines[:8] + lines[9:],
            r"test_mixture_1B\.csv: row 7 is missing in 'index'",
        ),
        (
            "train_mixture_1m.csv",
            lambda lines: [",".join([row[0], row[2], row[1], *row[3:]]) for row in (line.split(",") for line in lines)],
            r"train_mixture_1m\.csv: column 2 is 'train_the_pile_freelaw', not 'train_the_pile_arxiv': columns are",
        ),
        (
            "train_mixture_1m.csv",
            lambda lines: ['index,"'],
            r"train_mixture_1m\.csv: cannot be read as CSV \(.*EOF inside string",
        ),
        (
            "train_mixture_1m.csv",  # still a number: only the md5 tells
            lambda lines: [lines[0], *(line.replace("0.001", "0.002", 1) for line in lines[1:])],
            r"train_mixture_1m\.csv: not the published file, by its md5",
        ),
    ],
)
def test_make_paper_refuses_a_changed_table_in_one_line(tmp_path, monkeypatch, file, edit, message):
    monkeypatch.setattr(paper, "FOLDER", tmp_path)
    (tmp_path / "data").mkdir()
    for name, path in STORED.items():
        shutil.copy(path, tmp_path / "data" / name)
        shutil.copy(IMPORTS[name], tmp_path / f"{name}.dvc")
    assert paper._changed() == []
    table = tmp_path / "data" / file
    lines = table.read_text().splitlines()
    table.unlink()
    table.write_text("\n".join(edit(lines)) + "\n")
    with pytest.raises(InputError, match=message) as error:
        paper.paper(None)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith("delete it and run again")
