"""What was measured stays until it is measured again, and all of it can be printed."""

from __future__ import annotations

import json

import pytest
import torch

from benchmarks import bench, lines
from benchmarks.dvc import pipeline
from benchmarks.training import gpu
from regmix.core.errors import InputError
from tests.paths import ROOT

RESULTS = json.loads((ROOT / "benchmarks/results.json").read_text())


def test_every_part_can_be_printed_and_names_its_machine():
    assert list(lines.LINES) == list(bench.PARTS)
    parts = [name for name in RESULTS if name != "machines"]
    assert list(RESULTS["machines"]) == parts == [name for name in bench.PARTS if name in RESULTS]
    assert all(lines.LINES[part](RESULTS[part]) for part in parts)
    assert all(set(machine) == {"cpu", "cores", "torch", "kernels"} for machine in RESULTS["machines"].values())


def test_a_part_measured_again_leaves_the_others_and_their_machines():
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


def test_the_gpu_s_part_runs_on_a_processor_and_is_printed():
    shape = {"layers": 1, "heads": 2, "width": 16, "ffn": 24, "context": 16, "vocab": 64}
    result = gpu.measure({"tiny": (shape, 2, 2)}, "cpu", seconds=1e-3, repeats=2, gemm=64)
    rates = result["configurations"]["tiny"]
    assert rates["engine_tokens_a_second"]["median"] > 0
    assert rates["transformers_tokens_a_second"]["median"] > 0
    assert rates["transformers_micro_batch"] == 2
    assert rates["share_of_gemm"]["full"] >= rates["share_of_gemm"]["attention"] >= rates["share_of_gemm"]["body"] > 0
    first, *rest = lines.LINES["gpu"]({"gpu": "a processor", "cuda": "none", **result})
    assert first.startswith("a processor, none, 20")
    assert rest[0].startswith("tiny: ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_its_part_says_so_and_measures_nothing(capsys):
    assert gpu.measure_here() is None
    assert capsys.readouterr().out == "gpu: there is none here, so nothing was measured\n"
