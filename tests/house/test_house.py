"""The house: what dvc.yaml declares is what the code uses; pins are the constraints; params.yaml fits its schema."""

from __future__ import annotations

import errno
import os
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import profiles.save
import profiles.switch
from profiles.switch import switch
from regmix import params as schema
from regmix.core.errors import InputError
from regmix.published.settings import Published
from stages import run
from tests.closure import ROOT, closure, imports

MAIN, PUBLISHED, ABLATIONS = (
    yaml.safe_load((ROOT / folder / "dvc.yaml").read_text())["stages"] for folder in ("", "published", "ablations")
)
DVC = MAIN | PUBLISHED | ABLATIONS
VALUES = yaml.safe_load((ROOT / "params.yaml").read_text())
PINS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["regmix"]["pins"]


def body(stage: str) -> dict:
    return DVC[stage].get("do", DVC[stage])


def command(stage: str) -> str:
    """What the stage runs at the root, to which the pipelines in folders go first."""
    return body(stage)["cmd"].removeprefix("cd .. && ")


# A dozen files that belong together. The root names their folder, or each of 20 stages would list them all, in
# dvc.lock too, which DVC reads and writes anew after every stage.
ENGINE = "regmix/engine"


def deps(stage: str) -> list[str]:
    """The stage's dependencies, from the root."""
    if stage in MAIN:
        return body(stage)["deps"]
    folder = "published" if stage in PUBLISHED else "ablations"
    return [dep.removeprefix("../") if dep.startswith("../") else f"{folder}/{dep}" for dep in body(stage)["deps"]]


def source(stage: str) -> str:
    """The stage's folder: reports are made of artifacts and make none."""
    return "reports" if command(stage).startswith("python -m reports.") else "stages"


def test_the_pipelines_share_no_stage_and_the_root_reads_no_other():
    assert len(DVC) == len(MAIN) + len(PUBLISHED) + len(ABLATIONS)
    assert all(body(stage)["cmd"].startswith("cd .. && ") for stage in PUBLISHED | ABLATIONS)
    assert not any(dep.startswith(("published/", "ablations/")) for stage in MAIN for dep in deps(stage))
    assert not any(dep.startswith("data/") for stage in PUBLISHED for dep in deps(stage))
    # The root's .dvcignore does not reach there, and a folder of code would count its __pycache__.
    assert not any(
        (ROOT / dep).is_dir() for stage in PUBLISHED | ABLATIONS for dep in deps(stage) if dep.startswith("regmix/")
    )



@pytest.mark.parametrize("stage", DVC)
def test_a_stage_has_one_name_in_three_places(stage):
    assert command(stage).startswith(f"python -m {source(stage)}.{stage} ")
    if source(stage) == "stages":
        assert all(out.split("/")[1] == stage for out in body(stage)["outs"])



def test_nothing_depends_on_a_report():
    for stage in DVC:
        assert not any(dep.startswith("reports/") for dep in deps(stage)) or source(stage) == "reports"
    sources = [path for folder in ("regmix", "stages") for path in (ROOT / folder).rglob("*.py")]
    assert not [path for path in sources if "from reports" in path.read_text()]


def test_no_stage_names_the_list_of_shards_but_those_that_gather():
    for stage in DVC:
        if {"swarm", "swarm.shards"} & {entry for entry in body(stage).get("params", ()) if isinstance(entry, str)}:
            assert stage in (
                "swarm_sample",
                "swarm_collect",
                "mixture_simulate",
                "mixture_choose",
                "target_schedule",
            )



def test_params_fit_the_schema_and_its_plugins():
    schema.check_plugins(schema.parse(VALUES))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("objectives.news", {"nowhere": 1}, "unknown domain 'nowhere'"),
        ("mixture.ensemble", ["oracle"], "unknown regressor 'oracle'"),
        ("swarm.per_shard", -1, r"swarm\.per_shard = -1"),
        ("proxy.recipe.lr", "1e-3x", r"proxy\.recipe\.lr"),
        ("tokenizer.vocab_size", 5_000_000_000, r"tokenizer\.vocab_size = 5000000000"),
        ("swarm.sharts", 1, r"swarm\.sharts: unknown key"),
        ("target.methods.regmix_news", {"kind": "regmix", "objective": "x"}, "unknown objective 'x'"),
        ("corpus.validation_only", ["x"], "unknown domain 'x'"),
    ],
)
def test_bad_params_are_one_line(key, value, message):
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    *parents, last = key.split(".")
    node = values
    for part in parents:
        node = node[part]
    node[last] = value
    with pytest.raises(InputError, match=message) as error:
        schema.parse(values)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250  # one fault, not the file


def test_an_unknown_method_or_key_of_a_plugin_is_named():
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["target"]["methods"]["natural"]["kind"] = "supernatural"
    with pytest.raises(InputError, match=r"target\.methods\.natural.*'supernatural' is not one of"):
        schema.check_plugins(schema.parse(values))
    values["target"]["methods"]["natural"] = {"kind": "natural", "strength": 2}
    with pytest.raises(InputError, match=r"target\.methods\.natural\.strength: unknown key"):
        schema.check_plugins(schema.parse(values))



@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "error: .runs/x: no space left; free some and run again, nothing is lost"),
        (errno.EROFS, "error: .runs/x: may not be written or read here; fix its rights, or what its disk is mounted "),
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
