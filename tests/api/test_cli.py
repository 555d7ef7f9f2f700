"""The command: one line from tables to a recommendation and a trainer's file, and one line for bad input."""

from __future__ import annotations

import html
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from regmix.cli.main import main

BEST = np.array([0.2, 0.5, 0.3])


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A swarm whose best mixture is known: two losses and an accuracy."""
    folder = tmp_path_factory.mktemp("swarm")
    rng = np.random.default_rng(0)
    mixtures = rng.dirichlet([1, 1, 1], 32)
    bowl = 3 + ((mixtures - BEST) ** 2).sum(axis=1) + rng.normal(scale=0.005, size=32)
    runs = [f"run-{i}" for i in range(32)]
    pd.DataFrame(mixtures, columns=["web", "books", "code"]).assign(run=runs).to_csv(folder / "ratios.csv", index=False)
    metrics = pd.DataFrame({"run": runs, "bowl": bowl, "web_loss": 3 - mixtures[:, 0], "task_acc": 4 - bowl})
    metrics.to_csv(folder / "metrics.csv", index=False)
    return folder


def regmix(monkeypatch, capsys, *words: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["regmix", *map(str, words)])
    try:
        main()
        code: object = 0
    except SystemExit as stop:
        code = stop.code
    out = capsys.readouterr()
    if isinstance(code, str):
        return 1, out.out, out.err + code
    return int(code or 0), out.out, out.err  # type: ignore[call-overload]


@pytest.fixture
def run(monkeypatch, capsys):
    return lambda *words: regmix(monkeypatch, capsys, *words)


def recommend(run, tables, *words: object) -> tuple[int, str, str]:
    return run("recommend", tables / "ratios.csv", tables / "metrics.csv", "--candidates", 2000, *words)


def test_one_line_gives_the_answer_first_and_the_trainers_file(run, tables, tmp_path):
    code, out, err = recommend(
        run, tables, "--objective", "bowl", "--higher", "task_acc", "--tokens", "100e9", "--to", "olmo-core",
        "--out", tmp_path / "new", "--prior", "web=6,books=3,code=1",
    )  # fmt: skip
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0] == "note: no bound on repetition: --tokens without --available"
    assert lines[1].startswith("use it: predicted gain over the prior 0.")
    assert lines[2] == "objective: bowl"
    assert lines[5].split()[0] == "books"
    assert len(lines) <= 16
    sources = yaml.safe_load((tmp_path / "new/olmo-core.yaml").read_text())["sources"]
    assert {source["source_name"]: source["target_ratio"] for source in sources}["books"] == pytest.approx(0.5, abs=0.1)
    assert "wrote" in err


def test_json_has_units_prior_bounds_and_versions_and_can_be_exported(run, tables, tmp_path):
    words = ("--objective", "bowl", "--higher", "task_acc", "--json", "--tokens", "1e9",
             "--available", "web=1e9,books=1e8,code=1e9")  # fmt: skip
    code, out, err = recommend(run, tables, *words)
    assert code == 0, err
    value = json.loads(out)
    assert value["unit"] == "share of training tokens"
    assert value["bounds"] == {"books": 0.4}
    assert value["weights"]["books"] <= 0.4 + 1e-9
    assert value["prior"]["web"] == pytest.approx(1 / 2.1)
    assert value["gain_realised"] is None
    assert set(value["versions"]) >= {"regmix-workbench", "numpy"}
    path = tmp_path / "mixture.json"
    path.write_text(out)
    code, _, err = run("export", path, "--to", "json", "--to", "megatron-splits", "--out", tmp_path)
    assert code == 0, err
    exported = json.loads((tmp_path / "mixture.json").read_text())
    assert exported["domains"]["books"]["epochs"] <= 4.0001
    for fact in ("prior", "bounds", "gain_predicted", "gain_realised", "versions"):
        assert exported[fact] == value[fact]


def test_a_lone_negative_loss_is_noted_in_the_answer_and_on_the_page(run, tables, tmp_path):
    losses = pd.read_csv(tables / "metrics.csv")
    losses.loc[losses["run"] == "run-3", "bowl"] = -5
    losses.to_csv(tmp_path / "metrics.csv", index=False)
    words = ("recommend", tables / "ratios.csv", tmp_path / "metrics.csv", "--objective", "bowl")
    code, out, err = run(*words, "--higher", "task_acc", "--candidates", 2000, "--page", tmp_path / "page.html")
    assert code == 0, err
    note = "column 'bowl' is below zero only in run-3; check it, since a loss cannot be"
    assert out.startswith("note: ")
    assert note in out
    assert html.escape(note) in (tmp_path / "page.html").read_text()


def test_the_page_opens_with_the_answer_and_loads_nothing(run, tables, tmp_path):
    renamed = tmp_path / "ratios.csv"
    renamed.write_text((tables / "ratios.csv").read_text().replace("books", "<b>books"))
    code, _, err = run("recommend", renamed, tables / "metrics.csv", "--candidates", 2000, "--higher", "task_acc",
                       "--objective", "bowl", "--bound", "web=0.5", "--page", tmp_path / "new/page.html",
                       "--prior", "web=6,<b>books=3,code=1")  # fmt: skip
    assert code == 0, err
    text = (tmp_path / "new/page.html").read_text()
    parts = ("<strong>Use it</strong>", "<p>objective: bowl</p>", "<svg", "<table>")
    assert sorted(parts, key=text.index) == list(parts)
    assert text.index("<h2>Explore mixtures</h2>") < text.index('"presets":{"natural":')
    assert "&lt;b&gt;books" in text
    assert "<b>" not in text
    assert not [word for word in ("http", "<link", "src=", "url(", "@import") if word in text]


def test_a_metric_where_higher_is_better_is_asked_about_and_then_maximised(run, tables):
    code, _, err = recommend(run, tables)
    assert code == 1
    assert err == (
        "error: metric 'task_acc': its name says that higher is better, but lower is assumed; say --higher task_acc, "
        "or rename the column"
    )
    code, _, err = recommend(run, tables, "--objective", "task_acc,bowl", "--higher", "bowl")
    assert code == 1
    assert "say --higher task_acc" in err
    code, out, err = recommend(run, tables, "--objective", "task_acc", "--higher", "task_acc", "--json")
    assert code == 0, err
    value = json.loads(out)
    assert value["weights"]["books"] == pytest.approx(0.5, abs=0.1)
    metric = value["metrics"]["task_acc"]
    assert metric["higher_is_better"]
    assert 1 > metric["predicted"] > metric["at_prior"] > 0


def test_a_limit_and_the_worst_case_move_the_mixture(run, tables):
    def chosen(*words: object) -> dict[str, float]:
        code, out, err = recommend(run, tables, "--higher", "task_acc", "--json", *words)
        assert code == 0, err
        return json.loads(out)["weights"]

    free = chosen("--objective", "bowl")
    assert chosen("--objective", "bowl", "--limit", "web_loss=2.5")["web"] > 0.45 > free["web"] + 0.1
    worst = chosen("--objective", "bowl,web_loss", "--worst-case")
    assert free["web"] + 0.1 < worst["web"] < 0.9


def test_proposals_are_new_mixtures_that_the_next_round_can_train(run, tables, tmp_path):
    words = ("propose", tables / "ratios.csv", tables / "metrics.csv", "--candidates", 2000, "--objective", "bowl",
             "--higher", "task_acc", "--count", 3, "--out", tmp_path)  # fmt: skip
    code, out, err = run(*words, "--bound", "books=0.4")
    assert code == 0, err
    first, _, *lines = out.splitlines()
    assert first.startswith("another round is expected to gain at most 0.")
    assert len(lines) == 3
    proposals = pd.read_csv(tmp_path / "proposals.csv")
    assert list(proposals) == ["run", "web", "books", "code"]
    np.testing.assert_allclose(proposals[["web", "books", "code"]].sum(axis=1), 1)
    assert proposals["books"].max() <= 0.4 + 1e-9
    code, out, err = run(*words, "--to", "olmix", "--noise", 1, "--json")
    assert code == 0, err
    value = json.loads(out)
    mixes = [yaml.safe_load((tmp_path / f"{row['run']}.yaml").read_text())["mix"] for row in value["proposals"]]
    for row, mix in zip(value["proposals"], mixes, strict=True):
        assert {name: part["weight"] for name, part in mix.items()} == pytest.approx(
            {name: row[name] for name in ("web", "books", "code") if row[name] > 0}, abs=1e-9
        )
    assert run(*words, "--noise", 1)[1].startswith("stop: ")
    assert run(*words, "--noise", 1e-6)[1].startswith("continue: ")
    assert "--to: 'nemo' is not one of csv, olmix, regmix" in run(*words, "--to", "nemo")[2]


BAD = {
    "no such metric": (("--objective", "b"), "objective: losses have no column 'b'"),
    "no number": (("--objective", "bowl=x"), "--objective: bowl=x: expected NAME=NUMBER"),
    "twice": (("--bound", "web=1,web=0.5"), "--bound: web is given twice"),
    "no domain": (("--bound", "law=0.5"), "bounds: unknown domain 'law'"),
    "no format": (("--to", "deepspeed"), "--to: 'deepspeed' is not one of"),
    "no tokens": (("--available", "web=1", "--tokens", "9"), "available_tokens: no tokens of books"),
    "too few": (
        ("--available", "web=1,books=1,code=1", "--tokens", "100"),
        "constraints.max_epochs = 4: the bounds of all domains sum to 0.12",
    ),
    "documents": (("--to", "datasets"), "--to datasets: it draws documents"),
    "unkept": (
        ("--objective", "bowl", "--limit", "web_loss=1.9"),
        "limits: no mixture satisfies them; at the best one web_",
    ),
    "zero": (("--tokens", "0"), "--tokens: 0: must be 1 or more"),
    "endless": (("--tokens", "inf"), "--tokens: inf: must be 1 or more"),
    "less than none": (("--available", "web=-1,books=1,code=1"), "available_tokens.web = -1"),
    "template": (("--paths", "data"), "has no {domain}"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_no_file(run, tables, tmp_path, case):
    words, message = BAD[case]
    code, out, err = recommend(run, tables, "--higher", "task_acc", "--out", tmp_path / "out", *words)
    assert code == 1
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_help_is_quick_to_come_and_names_the_formats(tmp_path):
    completed = subprocess.run(
        [sys.executable, "-m", "regmix", "recommend", "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert "megatron-splits" in completed.stdout.replace("\n", " ").replace("│", "")
    assert "RATIOS" in completed.stdout
