"""What `make repro` prints while a pipeline runs, on pipelines of a few shell commands."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from profiles.durations import Durations, left, spent
from tests.paths import ROOT

PIPELINE = """\
stages:
  code_digest: {cmd: cat code > digest, deps: [code], outs: [digest]}
  first: {cmd: cat digest text > first, deps: [digest, text], outs: [first]}
  part:
    foreach: [a, b]
    do:
      cmd: cat first > part-${item}
      deps: [first]
      outs: ["part-${item}"]
  other: {cmd: "cat digest other_text && cp other_text other", deps: [digest, other_text], outs: [other]}
  last: {cmd: COMMAND, deps: [part-a, part-b, other], outs: [last]}
"""


def pipeline(folder: Path, last: str = "cat part-a part-b other > last") -> Path:
    (folder / "dvc.yaml").write_text(PIPELINE.replace("COMMAND", json.dumps(last)))
    for name in ("code", "text", "other_text"):
        (folder / name).write_text(f"{name}\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["dvc", "init", "-q"], cwd=folder, check=True)
    return folder


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]


def repro(folder: Path, module: str = "profiles.repro") -> subprocess.CompletedProcess[str]:
    words = ["repro"] if module == "dvc" else []
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command(module, *words), cwd=folder, env=environment, capture_output=True, text=True)


def stages(completed: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in completed.stdout.splitlines() if line.startswith("[")]


def test_each_stage_that_runs_has_one_line_that_counts_what_is_still_to_run(tmp_path):
    completed = repro(pipeline(tmp_path))
    assert completed.returncode == 0, completed.stderr
    assert not completed.stderr
    names = [line.split("] ")[1] for line in stages(completed)]
    assert sorted(names) == ["first", "last", "other", "part@a", "part@b"]
    assert stages(completed)[-1] == "[5/5] last"
    assert "5 stages in" in completed.stdout
    assert not re.search(r"Running stage|^> |Updating lock|To track", completed.stdout, flags=re.M)
    assert set(Durations.read(tmp_path, ()).times) == set(names)

    completed = repro(tmp_path)
    assert (completed.returncode, stages(completed)) == (0, [])
    assert "up to date" in completed.stdout

    (tmp_path / "text").write_text("another\n")
    completed = repro(tmp_path)
    assert [line.split()[0] for line in stages(completed)] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    (tmp_path / "text").write_text("text\n")  # as before: all comes from the cache, and no time is recorded
    completed = repro(tmp_path)
    assert stages(completed)[0] == "[1/4] first (from the cache)"
    assert len(Durations.read(tmp_path, ()).times["first"]) == 2


def test_a_stage_that_fails_shows_what_it_said_and_ends_as_in_dvc(tmp_path):
    pipeline(tmp_path, last="echo 'error: no such thing' >&2; exit 3")
    completed, plain = repro(tmp_path), repro(tmp_path, "dvc")
    assert completed.returncode == plain.returncode != 0
    assert completed.stderr == plain.stderr
    assert "error: no such thing" in completed.stderr
    assert "failed to reproduce 'last'" in completed.stderr
    assert set(Durations.read(tmp_path, ()).times) == {"first", "other", "part@a", "part@b"}


def test_an_interrupt_reaches_the_stage_and_ends_the_run(tmp_path):
    pipeline(tmp_path, last="trap 'touch interrupted; exit 1' INT; touch started; sleep 60 & wait")
    with subprocess.Popen(
        command("profiles.repro"), cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        while not (tmp_path / "started").exists():
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(50)
    assert (tmp_path / "interrupted").exists()


def test_the_longer_of_a_stages_last_two_times_counts():
    durations = Durations({"a": [300.0, 2.0]}, {"a": 1.0, "b@x": 40.0})
    assert durations.left(["a", "b@x", "never timed"]) == 340
    durations.record("a", 3.0)
    assert durations.times["a"] == [2.0, 3.0]


@pytest.mark.parametrize(("took", "factor"), [(100.0, 2.0), (1e4, 4.0), (1.0, 0.5)])
def test_a_slow_machine_makes_what_is_left_longer_within_bounds(took, factor):
    durations = Durations({}, {"a": 50.0, "b": 10.0})
    durations.record("new", 1000.0)  # what was never timed says nothing of the machine
    assert durations.left(["b"]) == 10
    durations.record("a", took)
    assert durations.left(["b"]) == 10 * factor


def test_a_benchmark_of_other_settings_is_not_used(tmp_path):
    (tmp_path / "profiles").symlink_to(ROOT / "profiles")
    text = (ROOT / "tests/fixtures/params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text)
    seconds = {"target_train": {"seconds": 90.0}, "regression_fit": {"seconds": 20.0}}
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/results.json").write_text(json.dumps({"stages": {"profile": None, "stages": seconds}}))
    stages = ["target_train", "regression_fit@a", "regression_fit@b", "unknown"]
    durations = Durations.read(tmp_path, stages)
    assert [durations.expected(stage) for stage in stages] == [90, 10, 10, 0]
    (tmp_path / "params.yaml").write_text(re.sub("domain_chars: [0-9]+", "domain_chars: 5", text))
    assert Durations.read(tmp_path, stages).expected("target_train") == 0


@pytest.mark.parametrize(
    ("seconds", "text", "ahead"),
    [(10, "10 s", "under a minute"), (70, "70 s", "about 2 min"), (725, "12 min", "about 12 min"),
     (2.5 * 3600, "2.5 h", "about 2.5 h")],
)  # fmt: skip
def test_times_are_rounded(seconds, text, ahead):
    assert (spent(seconds), left(seconds)) == (text, ahead)
