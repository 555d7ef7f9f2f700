"""A stage that fails on a damaged file names that file, whatever the error was."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from regmix.core.errors import InputError
from regmix.core.files import prune, writing
from stages.common import run as stages_run
from stages.common.intact import damaged


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A stage's outputs, as DVC records them: a folder of two files, and a file."""
    monkeypatch.chdir(tmp_path)
    md5 = {}
    for name, text in {"data/made/a.csv": "x\n1\n", "data/made/b/c.json": "{}\n", "metrics.json": "1\n"}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        md5[name] = hashlib.md5(text.encode()).hexdigest()
    entries = [{"relpath": name.removeprefix("data/made/"), "md5": md5[name]} for name in md5 if "made" in name]
    digest = hashlib.md5(json.dumps(entries).encode()).hexdigest()
    listing = tmp_path / ".dvc/cache/files/md5" / digest[:2] / f"{digest[2:]}.dir"
    listing.parent.mkdir(parents=True)
    listing.write_text(json.dumps(entries))
    (tmp_path / "dvc.lock").write_text(
        f"schema: '2.0'\nstages:\n  make:\n    cmd: make\n    outs:\n    - path: data/made\n      md5: {digest}.dir\n"
        f"    - path: metrics.json\n      md5: {md5['metrics.json']}\n"
    )
    return tmp_path


def blamed(*paths: str) -> list[str]:
    return [path.name for path in damaged(map(Path, paths), ["--out", "data/read"])]


def test_whole_outputs_are_not_blamed(project):
    assert blamed("data/made", "metrics.json", "data") == []


def test_changed_missing_and_foreign_files_are_found_wherever_the_path_points(project):
    (project / "data/made/a.csv").write_text("x\n2\n")
    (project / "data/made/b/c.json").unlink()
    (project / "data/made/own.txt").touch()
    for path in ("data/made", "data", "data/made/a.csv"):
        assert blamed(path) == ["a.csv", "c.json", "own.txt"]
    assert blamed("metrics.json") == []
    (project / "metrics.json").write_text("")
    assert blamed("metrics.json") == ["metrics.json"]


def test_what_the_failing_stage_itself_writes_is_not_blamed(project):
    """DVC removes it before it runs the stage, so it is always missing."""
    lock = project / "dvc.lock"
    lock.write_text(lock.read_text().replace("cmd: make", "cmd: python -m make --out data/read"))
    (project / "metrics.json").unlink()
    assert blamed("metrics.json") == []
    assert [path.name for path in damaged([Path("metrics.json")], ["--out", "elsewhere"])] == ["metrics.json"]


@pytest.mark.parametrize("lock", ["", "a: [", "[1]", "stages: {make: 1}", "stages: {make: {outs: [1]}}"])
def test_a_damaged_lock_file_blames_nothing(project, lock):
    (project / "dvc.lock").write_text(lock)
    assert blamed("data") == []


def failing(*, source: Path) -> None:
    raise KeyError(source.name)


def faulty(*, source: Path) -> None:
    raise InputError(f"{source}: no column y")


@pytest.fixture
def says(project, monkeypatch, capsys):
    def call(stage) -> str:
        monkeypatch.setattr("sys.argv", ["stage", "--source", "data/made"])
        monkeypatch.setattr(stages_run, "check_loaded", lambda: None)
        with pytest.raises((SystemExit, KeyError)) as error:
            stages_run.run(stage)
        return str(error.value)

    return call


def test_any_error_of_a_stage_names_its_damaged_inputs(project, says):
    assert says(failing) == "'made'"  # a fault of the code, with its traceback
    (project / "data/made/a.csv").write_text("")
    line = "error: data/made/a.csv: is not what its stage wrote; delete it and run `dvc repro`"
    assert says(failing) == line
    assert says(faulty) == f"error: data/made: no column y\n{line}"


def test_parts_without_the_mark_of_their_stage_stay(tmp_path):
    for name in ("kept/losses.csv", "stale/losses.csv", "own/thesis.tex", "mine/losses.csv", "mine/a", "losses.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    prune(tmp_path, ["kept"], "losses.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"kept", "own", "mine", "losses.csv"}
    with pytest.raises(InputError, match=r"nowhere: no such folder"):
        prune(tmp_path / "nowhere", [], "losses.csv")


def test_a_folder_with_foreign_files_is_not_replaced(tmp_path):
    out = tmp_path / "out"
    for text in ("first", "second"):
        with writing(out) as scratch:
            (scratch / "a.txt").write_text(text)
    (out / "thesis.tex").touch()
    with (
        pytest.raises(InputError, match=r"out: holds thesis\.tex, which does not belong there"),
        writing(out) as scratch,
    ):
        (scratch / "a.txt").write_text("third")
    assert (out / "a.txt").read_text() == "second"
    assert {path.name for path in tmp_path.iterdir()} == {"out", ".out.partial"}
    (out / "thesis.tex").unlink()
    with pytest.raises(KeyError), writing(out):
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
