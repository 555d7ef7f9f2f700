"""The README tells of the committed run, and names only commands, stages and files that exist."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from profiles import progress
from reports import evidence, readme
from tests.paths import ROOT

README = (ROOT / "README.md").read_text()


def committed(name: str, folder: str = "metrics") -> Any:
    """A JSON file as committed: a user's own run or benchmark must not make these tests fail."""
    done = subprocess.run(["git", "show", f"HEAD:{folder}/{name}.json"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout with a committed run")
    return json.loads(done.stdout)


def test_the_result_table_is_that_of_the_committed_run():
    assert readme.objectives(committed("summary"), committed("mixture")) in README


def test_the_evidence_is_what_the_committed_metrics_say():
    text = (ROOT / "docs/evidence.md").read_text()
    assert evidence.audits(committed("audits")) in text
    assert evidence.claims(committed("ablations")) in text


def test_the_registered_metrics_can_be_read_by_a_person():
    """At most 60 numbers, and none registered elsewhere."""

    def numbers(value: object) -> int:
        return sum(map(numbers, value.values())) if isinstance(value, dict) else isinstance(value, int | float)

    assert numbers(committed("summary")) <= 60
    files = [ROOT / "dvc.yaml", *ROOT.glob("*/dvc.yaml")]
    assert [path.parent for path in files if "metrics:" in path.read_text()] == [ROOT / "target"]


def test_the_speed_table_is_that_of_the_benchmark():
    measured = committed("results", "benchmarks")["swarm_against_transformers"]
    for one in measured:
        shape, turns = one["shape"], one["ratio"]["all"]
        theirs, ours = (one[f"{who}_tokens_a_second"] / 1e3 for who in ("transformers", "engine"))
        assert (
            f"| {shape['width']}, {shape['vocab']}, {shape['context']} | {one['tokens_a_step']} | {theirs:.0f} | "
            f"{ours:.0f} | {one['ratio']['median']} [{min(turns)}, {max(turns)}] |"
        ) in README


def test_the_table_of_the_gpu_is_that_of_the_benchmark():
    for one in committed("results", "benchmarks")["gpu"]["configurations"].values():
        theirs, ours = (one[f"{who}_tokens_a_second"]["median"] / 1e3 for who in ("transformers", "engine"))
        memory = f"{one['transformers_gib']:.1f} | {one['engine_gib']:.1f}"
        assert f"| {theirs:,.0f} | {ours:,.0f} | {one['ratio']} | {memory} |" in README


def test_every_stage_has_a_row_and_every_row_is_a_stage():
    stages = progress.stages(ROOT)
    section = README.split("## Stages")[1].split("## ")[0]
    assert re.findall(r"^\| (\w+) \|", section, flags=re.M)[1:] == list(stages)


def test_the_make_targets_that_it_names_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, flags=re.M)) <= targets
