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


def test_the_ablations_depend_on_every_method_and_regressor():
    for stage, packages in {"ablation_targets": ("methods", "regressors"), "ablation_swarm": ("regressors",)}.items():
        files = {str(path.relative_to(ROOT)) for p in packages for path in (ROOT / "regmix" / p).glob("*.py")}
        missing = files - set(deps(stage)) - {f"regmix/{p}/__init__.py" for p in packages}
        assert not missing, f"ablations/dvc.yaml: {stage}: add to deps: {sorted(missing)}"


def test_an_import_counts_where_it_is_made_and_not_where_it_never_runs(tmp_path):
    source = tmp_path / "late.py"
    source.write_text(
        "if TYPE_CHECKING:\n    from regmix.engine.shuffle import draws\nelse:\n    import regmix.core.model_shape\n"
        "def late():\n    if now:\n        from regmix import tokens\n"
    )
    assert imports(source) == {"regmix/core/model_shape.py", "regmix/corpus/token_files.py"}


@pytest.mark.parametrize("stage", DVC)
def test_a_stage_declares_the_files_it_imports(stage):
    wanted = set(closure(Path(f"{source(stage)}/{stage}.py")))
    if any(dep.startswith("regmix/methods") for dep in deps(stage)):  # loaded by name, with all that they import
        for method in (ROOT / "regmix/methods").glob("[!_]*.py"):
            wanted |= set(closure(method.relative_to(ROOT))) - {str(method.relative_to(ROOT))}
    declared = {dep for dep in deps(stage) if dep.endswith(".py") or dep == ENGINE}
    if stage in MAIN:
        wanted = {ENGINE if file.startswith(f"{ENGINE}/") else file for file in wanted}
    assert wanted <= declared, f"dvc.yaml: {stage}: add to deps: {sorted(wanted - declared)}"
    loaded = ("regmix/readers", "regmix/regressors", "regmix/methods")
    plain = {dep for dep in declared if "$" not in dep and not dep.startswith(loaded)}
    assert plain <= wanted, f"dvc.yaml: {stage}: remove from deps: {sorted(plain - wanted)}"


@pytest.mark.parametrize("stage", DVC)
def test_a_stage_has_one_name_in_three_places(stage):
    assert command(stage).startswith(f"python -m {source(stage)}.{stage} ")
    if source(stage) == "stages":
        assert all(out.split("/")[1] == stage for out in body(stage)["outs"])


def test_a_published_stage_names_the_files_of_the_regressors_that_it_fits_and_no_others():
    settings = Published.load(ROOT / "published/params.yaml")
    every = [entry.kind for entry in settings.regressors.values()]
    told = [settings.regressors[name].kind for name in settings.downstream]
    for stage, kinds in (("published_compare", every), ("published_simulate", every), ("published_downstream", told)):
        named = {dep for dep in deps(stage) if dep.startswith("regmix/regressors/") and Path(dep).name[0] != "_"}
        assert named == {f"regmix/regressors/{kind}.py" for kind in kinds}, stage


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


@pytest.mark.parametrize("stage", DVC)
def test_a_stage_reads_pins_that_exist(stage):
    files = [entry for entry in body(stage).get("params", ()) if isinstance(entry, dict)]
    keys = [key for entry in files for name in entry if name.endswith("pyproject.toml") for key in entry[name]]
    assert set(keys) <= {"tool.regmix.pins", *(f"tool.regmix.pins.{name}" for name in PINS)}


def test_pins_are_the_constraints():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    constraints = {line.split("==")[0].lower().replace("_", "-"): line.split("==")[1] for line in lines if "==" in line}
    assert {name: constraints[name] for name in PINS} == PINS


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


def test_switching_a_profile_keeps_comments_and_refuses_unknown_keys():
    text = (ROOT / "params.yaml").read_text()
    switched = switch(text, {"swarm.per_shard": 2}, "test")
    assert yaml.safe_load(switched)["swarm"]["per_shard"] == 2
    assert "# mixtures a random shard" in switched
    with pytest.raises(InputError, match=r"profiles/test\.yaml: unknown key swarm\.per_shart"):
        switch(text, {"swarm.per_shart": 2}, "test")
    within = yaml.safe_load(switch(text, {"regressors.lightgbm.leaves": 4}, "test"))["regressors"]["lightgbm"]
    assert within == {**VALUES["regressors"]["lightgbm"], "leaves": 4}
    with pytest.raises(InputError, match=r"unknown key regressors\.lightgbm\.leafs"):
        switch(text, {"regressors.lightgbm.leafs": 2}, "test")


def test_every_profile_is_whole_and_laptop_is_params_yaml_byte_for_byte():
    text, base = (ROOT / "params.yaml").read_text(), profiles.switch.read("laptop")
    switched = {name: profiles.switch.apply(text, name) for name in profiles.switch.known()}
    for name, (values, kept) in switched.items():
        assert set(profiles.switch.read(name)) <= set(base)
        schema.check_plugins(schema.parse(yaml.safe_load(values)))
        assert not kept
        for before, _ in switched.values():
            assert profiles.switch.apply(before, name)[0] == values
    assert switched["laptop"][0] == text
    assert profiles.save.profile(text, "laptop") == (ROOT / "profiles/laptop.yaml").read_text()


def test_a_section_of_ones_own_is_kept_or_the_switch_is_refused(tmp_path):
    text = (ROOT / "params.yaml").read_text()
    own = text.replace("    reviews:                   # film", "    verdicts:                  # film")
    own = own.replace("validation_only: [reviews]", "validation_only: [verdicts]")
    own = own.replace("{reviews: 1}", "{verdicts: 1}").replace("drama, reviews]", "drama, verdicts]")
    own = own.replace("factbook, reviews]", "factbook, verdicts]")
    with pytest.raises(InputError, match=r"corpus\.domains is in no profile, and paper would replace it; keep"):
        profiles.switch.apply(own, "paper")
    assert profiles.switch.apply(own, "paper", replace=True)[0] == profiles.switch.apply(text, "paper")[0]
    # A profile of that name knows the section, so that nothing is lost.
    for name in profiles.switch.known():
        (tmp_path / f"{name}.yaml").write_text((ROOT / f"profiles/{name}.yaml").read_text())
    (tmp_path / "mine.yaml").write_text(profiles.save.profile(own, "mine"))
    away = profiles.switch.apply(own, "paper", tmp_path)[0]
    back = profiles.switch.apply(away, "mine", tmp_path)[0]
    assert yaml.safe_load(back) == yaml.safe_load(own)
    assert "# film and product reviews" in back


def test_a_smaller_profile_keeps_corpora_of_ones_own():
    text = (ROOT / "params.yaml").read_text()
    own = text.replace("      strip_urls: true", "      strip_urls: false")
    switched, kept = profiles.switch.apply(own, "smoke")
    assert kept == ["corpus.domains"]
    assert yaml.safe_load(switched)["corpus"]["domains"]["tweets"]["strip_urls"] is False


def test_an_unknown_profile_lists_the_known_ones():
    with pytest.raises(InputError, match=r"PROFILE=pepar: unknown profile; use one of campus, laptop, paper, smoke$"):
        profiles.switch.read("pepar")


@pytest.mark.parametrize("text", [b"a: [", b"\xff\xfea: 1", None])
def test_what_is_not_yaml_is_neither_switched_nor_kept(tmp_path, monkeypatch, text):
    monkeypatch.setattr(profiles.switch, "HERE", tmp_path)
    path = tmp_path / "params.yaml"
    if text is not None:
        path.write_bytes(text)
    for refused in (lambda: profiles.switch.main("smoke", path), lambda: profiles.save.main("mine", path)):
        with pytest.raises(InputError, match=r"params\.yaml: cannot be read as YAML .*; fix the file$"):
            refused()
    assert not (tmp_path / "mine.yaml").exists()


def test_a_profile_of_other_lines_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_text("# Mine.\n- swarm.per_shard: 3\n")
    with pytest.raises(InputError, match=r"mine\.yaml: line 2: '- swarm.per_shard: 3' is no `key: entry`"):
        profiles.switch.read("mine", tmp_path)


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
