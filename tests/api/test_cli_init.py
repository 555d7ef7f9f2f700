"""`regmix init` looks at a folder, and a profile follows what it writes."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import pytest
import yaml

from profiles import own, switch
from regmix.core.errors import InputError
from regmix.params import Params, all_faults
from tests.api.test_cli import run  # noqa: F401  (a fixture)
from tests.paths import ROOT


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "texts"
    (folder / "Web-pages").mkdir(parents=True)
    (folder / "Web-pages/a.txt").write_text("one\n\n" * 50)
    (folder / "Web-pages/b.txt").write_text("two\n\n" * 50)
    with gzip.open(folder / "law.jsonl.gz", "wt") as file:
        file.write(json.dumps({"id": "x", "body": "a long notice"}) + "\n")
    pd.DataFrame({"name": ["m"], "text": ["s"]}).to_parquet(folder / "code.parquet")
    (folder / "valid.txt").write_text("held out")
    (folder / "notes.md").write_text("not read")
    return folder


def test_a_folder_becomes_a_small_file(run, texts, tmp_path):  # noqa: F811
    out = tmp_path / "own.yaml"
    code, shown, err = run("init", texts, "--out", out)
    assert code == 0, err
    value = yaml.safe_load(out.read_text())
    assert list(value["domains"]) == ["web_pages", "code", "law", "valid"]
    assert value["domains"]["law"] == {"path": f"{texts}/law.jsonl.gz", "text_field": "body"}
    assert value["domains"]["code"] == {"path": f"{texts}/code.parquet"}
    assert value["validation_only"] == ["valid"]
    assert value["objectives"] == {"target": {"valid": 1}}
    assert "web_pages: 2 files, 500 bytes, trained on" in shown
    assert "make profile" in shown
    code, _, err = run("init", texts, "--out", out)
    assert code == 1
    assert "already exists" in err


@pytest.mark.parametrize("scale", ["smoke", "laptop", "campus", "paper", "scarce"])
def test_every_scale_follows_it_and_goes_back_to_the_byte(run, texts, tmp_path, scale):  # noqa: F811
    run("init", texts, "--out", tmp_path / "own.yaml")
    params = tmp_path / "params.yaml"
    text = (ROOT / "tests/fixtures/params.yaml").read_text()
    params.write_text(text)
    switch.main(scale, params)
    assert all_faults(yaml.safe_load(params.read_text())) == []
    settings = Params.load(params)
    assert list(settings.corpus.domains) == ["web_pages", "code", "law", "valid"]
    assert list(settings.objectives) == ["target"]
    assert all(entry.objectives == ["target"] for entry in settings.swarm.rounds.values())
    assert {m.extras.get("objective") for m in settings.target.methods.values()} == {None, "target"}
    assert "objective_only" not in settings.target.methods  # none of the objective's domains is trained on
    other = params.read_text()
    switch.main("smoke", params)
    switch.main(scale, params)
    assert params.read_text() == other
    (tmp_path / "own.yaml").unlink()
    params.write_text(text)
    switch.main("laptop", params)
    assert params.read_text() == text


def test_own_methods_aim_at_each_objective_and_dynamic_ones_at_the_first(texts, tmp_path, run):  # noqa: F811
    run("init", texts, "--out", tmp_path / "own.yaml")
    file = tmp_path / "own.yaml"
    file.write_text(file.read_text().replace("target: {valid: 1}", "target: {valid: 1}\n  law: {law: 1}"))
    mine = own.Own.read(file)
    assert mine is not None
    values = mine.values(switch.read("laptop"))
    aims: dict[str, list[str]] = {}
    for method in values["target.methods"].values():
        aims.setdefault(method["kind"], []).append(method.get("objective"))
    assert aims["regmix"] == aims["best_single"] == ["target", "law"]
    assert aims["regmix_d_offline"] == ["target"]
    assert aims["objective_only"] == ["law"]
    assert values["mixture.fronts.pairs"] == [["target", "law"]]


WRONG = {
    "one domain": ("domains: {a: {path: x}}\nobjectives: {t: trained}", "domains"),
    "no objective": ("domains: {a: {path: x}, b: {path: y}}\nobjectives: {}", "objectives"),
    "typo": ("domains: {a: {path: x}, b: {path: y}}\nobjectives: {t: trained}\nscale: 3", "scale: unknown key"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG)
def test_a_file_that_says_too_little_is_refused(text, message, tmp_path):
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        own.Own.read(tmp_path / "own.yaml")


def test_a_folder_without_two_domains_is_one_line(run, tmp_path):  # noqa: F811
    (tmp_path / "a.txt").write_text("x")
    for folder, message in ((tmp_path, "holds text for 1 domains"), (tmp_path / "none", "no such folder")):
        code, _, err = run("init", folder, "--out", tmp_path / "own.yaml")
        assert code == 1
        assert message in err
        assert len(err.splitlines()) == 1


def test_names_that_yaml_would_read_otherwise_are_quoted(run, tmp_path):  # noqa: F811
    folder = tmp_path / "t: #x"
    folder.mkdir()
    for name in ("true.txt", "a, b.txt", "c{d}.txt"):
        (folder / name).write_text("text")
    (folder / "e.jsonl").write_text(json.dumps({"on": "a text"}))
    out = tmp_path / "own.yaml"
    assert run("init", folder, "--out", out)[0] == 0
    mine = own.Own.read(out)
    assert mine is not None
    assert {entry.path for entry in mine.domains.values()} == {str(path) for path in folder.iterdir()}
    assert mine.domains["e"].model_extra == {"text_field": "on"}


@pytest.mark.parametrize(
    ("name", "content"), [("c.parquet", b"x"), ("c.jsonl", b"{"), ("c.jsonl.gz", b"x"), ("c.jsonl", b"\xff")]
)
def test_a_broken_file_is_one_line(run, texts, tmp_path, name, content):  # noqa: F811
    (texts / name).write_bytes(content)
    code, _, err = run("init", texts, "--out", tmp_path / "own.yaml")
    assert code == 1
    assert f"{texts / name}: cannot be read" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "own.yaml").exists()
