"""The house: names of stages, what depends on what, and params.yaml against its schema."""

from __future__ import annotations

import errno
import os
import re
import sys

import pytest
import yaml

from profiles import progress
from regmix import params as schema
from regmix.checks import plug_ins
from regmix.core.errors import InputError
from stages.common import run
from tests.paths import ROOT

MAIN = progress.stages(ROOT)
PUBLISHED, ABLATIONS = (
    yaml.safe_load((ROOT / folder / "dvc.yaml").read_text())["stages"] for folder in ("published", "ablations")
)
DVC = MAIN | PUBLISHED | ABLATIONS
VALUES = yaml.safe_load((ROOT / "tests/fixtures/params.yaml").read_text())


def body(stage: str) -> dict:
    return DVC[stage].get("do", DVC[stage])


def command(stage: str) -> str:
    """What the stage runs at the root, to which the pipelines in folders go first."""
    return body(stage)["cmd"].removeprefix("cd .. && ")


def deps(stage: str) -> list[str]:
    """The stage's dependencies, from the root."""
    if stage in MAIN:
        return body(stage).get("deps", [])
    folder = "published" if stage in PUBLISHED else "ablations"
    paths = body(stage).get("deps", [])
    return [dep.removeprefix("../") if dep.startswith("../") else f"{folder}/{dep}" for dep in paths]


def source(stage: str) -> str:
    """The stage's folder: reports are made of artifacts and make none."""
    return "reports" if command(stage).startswith("python -m reports.") else "stages"


def test_the_pipelines_share_no_stage_and_the_root_reads_no_other():
    assert len(DVC) == len(MAIN) + len(PUBLISHED) + len(ABLATIONS) - 2  # each has its code_digest
    assert all(body(stage)["cmd"].startswith("cd .. && ") for stage in PUBLISHED | ABLATIONS)
    assert not any(dep.startswith(("published/", "ablations/")) for stage in MAIN for dep in deps(stage))
    assert not any(dep.startswith("data/") for stage in PUBLISHED for dep in deps(stage))


@pytest.mark.parametrize("stage", DVC)
def test_a_stage_has_one_name_in_three_places(stage):
    """Its own, its file's, and that of the folder it writes."""
    module = command(stage).split()[2]
    assert module.split(".")[-1] == stage
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
    if module.startswith("stages."):
        outs = [out for out in body(stage)["outs"] if isinstance(out, str)]  # others are metrics, in git
        assert all(out.split("/")[1] == stage for out in outs)


def test_nothing_depends_on_a_report():
    for stage in DVC:
        reads = any(dep.startswith("reports/") for dep in deps(stage))
        assert not reads or source(stage) == "reports" or stage == "code_digest"
    sources = [path for folder in ("regmix", "stages") for path in (ROOT / folder).rglob("*.py")]
    assert not [path for path in sources if "from reports" in path.read_text()]


def test_no_stage_names_the_list_of_shards_but_those_that_gather():
    for stage in DVC:
        if {"swarm", "swarm.shards"} & {entry for entry in body(stage).get("params", ()) if isinstance(entry, str)}:
            assert stage in ("swarm_sample", "swarm_collect")


def test_a_round_runs_again_if_its_refits_search_otherwise():
    assert "mixture.refits.candidates" in body("swarm_round")["params"]


def test_the_pipeline_can_be_read_in_one_sitting():
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 250
    default = (ROOT / "params.yaml").read_text() == (ROOT / "tests/fixtures/params.yaml").read_text()
    for file in progress.PIPELINE:
        lock = (ROOT / file).with_suffix(".lock")
        if default:  # DVC reads and rewrites it after every stage; a larger swarm has a larger one
            assert lock.stat().st_size <= 60_000
        locked, there = (yaml.safe_load(path.read_text())["stages"] for path in (lock, ROOT / file))
        assert {stage.split("@")[0] for stage in locked} <= set(there)  # DVC keeps the entries of stages that are gone


def test_params_fit_the_schema_and_its_plugins():
    plug_ins.check(schema.parse(VALUES))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("objectives.news", {"nowhere": 1}, "unknown domain 'nowhere'"),
        ("mixture.ensemble", ["oracle"], "unknown regressor 'oracle'"),
        ("mixture.ensemble", ["gp", "gp"], r"mixture\.ensemble: repeats 'gp'; name it once"),
        ("target.methods", {}, "target.methods"),
        ("swarm.per_shard", -1, r"swarm\.per_shard = -1"),
        ("proxy.recipe.lr", "1e-3x", r"proxy\.recipe\.lr"),
        ("tokenizer.vocab_size", 5_000_000_000, r"tokenizer\.vocab_size = 5000000000"),
        (
            "swarm.rounds.second.objectives",
            ["nothing"],
            r"swarm\.rounds\.second\.objectives: unknown objective 'nothing'; use one of reviews",
        ),
        ("swarm.sharts", 1, r"swarm\.sharts: unknown key"),
        ("target.methods.regmix_news", {"kind": "regmix", "objective": "x"}, "unknown objective 'x'"),
        ("corpus.validation_only", ["x"], "unknown domain 'x'"),
    ],
)
def test_bad_params_are_one_line(key, value, message):
    values = yaml.safe_load((ROOT / "tests/fixtures/params.yaml").read_text())
    *parents, last = key.split(".")
    node = values
    for part in parents:
        node = node[part]
    node[last] = value
    with pytest.raises(InputError, match=message) as error:
        schema.parse(values)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250  # one fault, not the file


TASKS = {"tasks": {"heldout_last_word_news": 1}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"objectives": {"qa": {"tasks": {"heldout_last_word_law": 1}}}},
            r"objectives\.qa\.tasks: unknown task of evaluation 'heldout_last_word_law'; use one of heldout_last",
        ),
        ({"trajectory": {"objective": "qa"}}, r"trajectory\.objective = qa: trajectories hold losses and no tasks"),
        (
            {"target": {"methods": {"natural": {"kind": "natural"}, "d": {"kind": "regmix_d_offline", "objective": "qa",
                                                                          "granularity": 5}}}},
            r"target\.methods\.d\.objective = qa: trajectories hold losses and no tasks; name an objective of losses",
        ),
        (
            {"proxy": {"shape": {"layers": 1, "heads": 1, "width": 8, "ffn": 8, "context": 32}}},
            r"proxy\.shape\.context = 32: an objective has tasks, whose items have up to 42 tokens; raise it, or",
        ),
    ],
)  # fmt: skip
def test_what_an_objective_of_tasks_cannot_do_is_one_line(changes, message):
    values = yaml.safe_load((ROOT / "tests/fixtures/params.yaml").read_text())
    values["objectives"]["qa"] = TASKS
    schema.parse(values)
    for section, change in changes.items():
        values[section] |= change
    assert any(re.match(message, line) for line in schema.all_faults(values))


def test_an_unknown_method_or_key_of_a_plugin_is_named():
    values = yaml.safe_load((ROOT / "tests/fixtures/params.yaml").read_text())
    values["target"]["methods"]["natural"]["kind"] = "supernatural"
    with pytest.raises(InputError, match=r"target\.methods\.natural.*'supernatural' is not one of"):
        plug_ins.check(schema.parse(values))
    values["target"]["methods"]["natural"] = {"kind": "natural", "strength": 2}
    with pytest.raises(InputError, match=r"target\.methods\.natural\.strength: unknown key"):
        plug_ins.check(schema.parse(values))
    values["target"]["methods"]["natural"] = {"kind": "natural"}
    values["target"]["methods"]["regmix_d_online"]["regressor"] = "oracle"
    with pytest.raises(InputError, match=r"methods\.regmix_d_online\.regressor: unknown regressor 'oracle'; use"):
        plug_ins.check(schema.parse(values))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "error: .runs/x: no space left; free some and run again, nothing is lost"),
        (errno.EROFS, "error: .runs/x: cannot be read or written; fix its permissions, or how its disk is mounted, "),
        (errno.ENOTDIR, "error: .runs/x: is not the folder or file that belongs there; move it away and run again"),
    ],
)
def test_what_the_system_refuses_is_one_line(monkeypatch, number, message):
    def refused() -> None:
        raise OSError(number, os.strerror(number), ".runs/x")

    monkeypatch.setattr(sys, "argv", ["refused"])
    with pytest.raises(SystemExit) as error:
        run.run(refused)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_full_disk_is_one_line_where_a_library_in_rust_meets_it(monkeypatch):
    def refused() -> None:
        raise Exception("No space left on device (os error 28)")

    monkeypatch.setattr(sys, "argv", ["refused"])
    with pytest.raises(SystemExit, match=r"^error: disk: no space left; free some and run again, nothing is lost$"):
        run.run(refused)


def test_the_hashes_that_install_checks_are_of_the_pinned_versions():
    lines = [line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line]
    pins = {re.sub(r"[._]", "-", name.lower()): version for name, version in lines}
    locked = re.findall(r"(?m)^([\w.-]+)==([\w.]+)(.*)((?:\n    --hash=sha256:[0-9a-f]{64}.*)+)$",
                        (ROOT / "requirements.lock").read_text())  # fmt: skip
    assert len(locked) > 150
    elsewhere = {name for name, _, marker, _ in locked if "emscripten'" in marker or "win32'" in marker}
    for name, version, _, _ in locked:
        assert name in elsewhere or pins[re.sub(r"[._]", "-", name)] == version, name
