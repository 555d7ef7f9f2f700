"""What was measured stays until it is measured again, and all of it can be told."""

from __future__ import annotations

import json

import pytest

from benchmarks import bench, pipeline, told
from regmix.errors import InputError
from tests.closure import ROOT

RESULTS = json.loads((ROOT / "benchmarks/results.json").read_text())


def test_every_part_can_be_told_and_names_its_machine():
    assert list(told.LINES) == list(bench.PARTS)
    parts = [name for name in RESULTS if name != "machines"]
    assert list(RESULTS["machines"]) == parts == [name for name in bench.PARTS if name in RESULTS]
    assert all(told.LINES[part](RESULTS[part]) for part in parts)
    assert all(set(machine) == {"cpu", "cores", "torch", "kernels"} for machine in RESULTS["machines"].values())


def test_a_part_measured_anew_leaves_the_others_and_their_machines():
    old = {"machines": {"noop_repro": {"cpu": "abacus"}, "scoring": {"cpu": "abacus"}}, "noop_repro": 1, "scoring": 2}
    new = bench.with_part(old, "growth", 3)
    assert {name: new[name] for name in new if name != "machines"} == {"growth": 3, "noop_repro": 1, "scoring": 2}
    assert list(new) == ["machines", "growth", "noop_repro", "scoring"]
    assert new["machines"] == {**old["machines"], "growth": bench.machine()}
    again = bench.with_part(old, "scoring", 4)
    assert (again["scoring"], again["noop_repro"]) == (4, 1)
    assert again["machines"] == {"noop_repro": {"cpu": "abacus"}, "scoring": bench.machine()}


def test_an_unknown_part_is_named_with_the_known_ones():
    with pytest.raises(
        InputError, match=r"growths: not a part that can be measured; use some of swarm_against.*growth"
    ):
        bench.main(["growths"])


def test_what_dvc_refuses_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"^dvc status: ERROR: you are not inside of a DVC repository") as caught:
        pipeline.dvc(tmp_path, "status")
    assert "\n" not in str(caught.value)
