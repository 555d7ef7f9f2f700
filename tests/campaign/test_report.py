"""docs/reliability.md has the committed results of the campaign, and the tests that it names exist."""

from __future__ import annotations

import ast
import json
import re
import sys

import pytest

from profiles import progress
from tests.campaign import memory, report
from tests.campaign.__main__ import named
from tests.paths import ROOT

PAGE = report.PAGE.read_text(encoding="utf-8")
RESULTS = json.loads(report.RESULTS.read_text())
NAMED = re.findall(r"(tests/\w+/\w+\.py)::(\w+)", PAGE)


def test_the_page_has_the_results_of_the_last_campaign():
    assert report.written(PAGE, RESULTS) == PAGE


def test_no_case_of_the_campaign_ended_badly():
    kinds = {kind for part in RESULTS["parts"].values() for kind in part["kinds"]}
    assert not kinds & set(report.BAD)


def test_every_stage_was_killed_by_every_signal_and_ended_in_the_same_bytes():
    assert {name.split("@")[0] for name in RESULTS["kills"]} == set(progress.stages(ROOT))
    for stage, by_signal in RESULTS["kills"].items():
        assert set(by_signal) == {"SIGKILL", "SIGTERM", "SIGINT"}, stage
        assert all("identical" in outcomes for outcomes in by_signal.values()), stage
    assert sum(RESULTS["parts"]["kills"]["kinds"].values()) >= 100


def test_every_test_that_the_page_names_exists():
    assert len(NAMED) > 30
    for file, name in NAMED:
        body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
        assert name in {node.name for node in body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"


def test_every_file_or_folder_of_tests_that_the_page_names_exists():
    for path in re.findall(r"\btests/[\w/]+(?:\.\w+)?", PAGE):
        assert (ROOT / path).exists(), path


def test_a_campaign_has_the_parts_that_are_named_or_all(capsys):
    assert (named([]), named(["kills", "damage"])) == ([], ["kills", "damage"])
    with pytest.raises(SystemExit):
        named(["floods"])
    assert "unknown part 'floods'; use some of inputs, " in capsys.readouterr().err


def test_peaks_of_memory_are_a_column_per_profile():
    profiles = {"smoke": {"planned": 2, "stages": {"report": 90}}, "laptop": {"planned": 41, "stages": {"report": 99}}}
    assert "| report | 90 | 99 |" in report.memory({"memory": profiles})
    assert "| largest models, by `make plan` | 2 | 41 |" in report.memory({"memory": profiles})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what share of its pages a process has")
def test_the_peak_of_a_stage_is_that_of_its_process(tmp_path):
    stage = ["-m", "stages.code_digest", "--pipeline", "root", "--out", str(tmp_path / "code_digest")]
    starter = f"import subprocess, sys; subprocess.run([sys.executable, *{stage}], check=True)"
    code, peaks = memory.peaks([sys.executable, "-c", starter])
    assert code == 0
    assert list(peaks) == ["code_digest"]
    assert 10 * 2**20 < peaks["code_digest"] < 2**31


def test_a_unit_that_a_kill_cut_short_is_not_finished(tmp_path):
    case = {"stage": "target/dvc.yaml:target_train", "signal": "SIGINT", "kind": "identical", "printed": ""}
    line = json.dumps({"unit": "target_train", "seconds": 90.4, "cases": [case]})
    (tmp_path / "kills.jsonl").write_text(f"{line}\n{line[:50]}")
    results = report.gather(tmp_path, 0, (0, 1))
    assert results["parts"]["kills"] == {"units": 1, "seconds": 90, "kinds": {"identical": 1}}
    assert results["kills"] == {"target_train": {"SIGINT": ["identical"]}}
    assert results["parts"]["inputs"]["units"] == 0
