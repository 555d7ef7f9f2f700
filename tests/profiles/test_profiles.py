"""Profiles: a switch gives the profile's values whatever the layout of params.yaml, and the default one's bytes back.

They run on frozen settings, and on laptop.yaml as saved from these, beside the other profiles as they are.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from profiles import layout, plan, progress, save, switch
from regmix import params as schema
from regmix.checks import plug_ins
from regmix.core.errors import InputError
from tests.paths import ROOT

TEXT = layout.dump(layout.parse((ROOT / "tests/fixtures/params.yaml").read_text()))
NAMES = ["campus", "laptop", "paper", "scarce", "smoke"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("profiles")
    for name in NAMES:
        (path / f"{name}.yaml").write_text((switch.HERE / f"{name}.yaml").read_text())
    (path / "laptop.yaml").write_text(save.profile(TEXT, "laptop", path))
    return path


@pytest.fixture(scope="module")
def switched(folder) -> dict[str, str]:
    """params.yaml under every profile."""
    return {name: switch.apply(TEXT, name, folder)[0] for name in NAMES}


def values(text: str) -> Any:
    return yaml.safe_load(text)


def own(text: str) -> str:
    """With a domain of the user's own in the place of one, under a name as long."""
    own = text.replace("    reviews:  ", "    replies:  ").replace("- reviews", "- replies")
    return own.replace("{reviews: 1", "{replies: 1").replace("      - replies", "      - reviews")  # the objective


def test_the_committed_profiles_are_known_and_name_what_laptop_names():
    assert set(NAMES) <= set(switch.names())
    base = switch.read(switch.BASE)
    assert all(set(switch.read(name)) <= set(base) for name in switch.names())
    for name in switch.names():
        text, _ = switch.apply(TEXT, name, replace=True)
        plug_ins.check(schema.parse(values(text)))


def test_a_switch_gives_the_values_of_the_profile_whichever_was_there_before(folder, switched):
    text = TEXT
    for name in ("laptop", "campus", "paper", "smoke", "paper", "campus", "laptop"):
        text, own = switch.apply(text, name, folder)
        assert (text, own) == (switched[name], [])
        plug_ins.check(schema.parse(values(text)))
    assert text == TEXT
    smoke, paper = values(switched["smoke"]), values(switched["paper"])
    own = yaml.safe_load((folder / "smoke.yaml").read_text())
    assert (smoke["swarm"]["per_shard"], smoke["proxy"]["validation"]) == (
        own["swarm.per_shard"],
        own["proxy.validation"],
    )
    assert smoke["corpus"]["domains"] == values(TEXT)["corpus"]["domains"]
    profile = yaml.safe_load((folder / "paper.yaml").read_text())
    assert paper["corpus"]["domains"] == profile["corpus.domains"]
    assert paper["target"]["methods"] == profile["target.methods"]
    assert paper["proxy"]["shape"] == profile["proxy.shape"]


def test_the_comments_of_params_yaml_stay_under_every_profile(switched):
    for text in switched.values():
        for comment in (
            "# One entry per domain.",
            "# Your own text: ",
            "# AdamW",
            "# How to run.",
            "# peak learning rate",
        ):
            assert comment in text, comment
        assert text.count("\n\n") == TEXT.count("\n\n")


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_can_be_switched_to_and_planned_after_dvc_has_set_a_parameter(
    name, folder, switched, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(progress, "stale_stages", lambda root: None)
    path, expected = tmp_path / "params.yaml", TEXT.replace("leaves: 6", "leaves: 8")
    path.write_text(TEXT)
    apply_overrides(path, ["regressors.lightgbm.leaves=8"])
    assert path.read_text() == expected
    # As an editor may leave it, DVC lays out more than the value.
    path.write_text(TEXT.replace("kinds:\n      - random\n      - anchor", "kinds: [ random,\n        anchor ]"))
    apply_overrides(path, ["regressors.lightgbm.leaves=8"])
    for part in ("corpus", "dvc.yaml", "profiles", "published", "benchmarks", "target"):
        (tmp_path / part).symlink_to(ROOT / part)
    assert plan.main(name, [], None, tmp_path) == 0
    switch.main(name, path, folder)
    changed = values(switched[name])
    changed["regressors"]["lightgbm"]["leaves"] = 8
    assert values(path.read_text()) == changed
    apply_overrides(path, ["regressors.lightgbm.leaves=8"])
    switch.main("laptop", path, folder)
    assert path.read_text() == expected
    assert capsys.readouterr().err == ""


def other_layouts() -> dict[str, str]:
    wide, out = YAML(), io.StringIO()
    wide.indent(mapping=4, sequence=6, offset=3)
    wide.width = 40
    wide.dump(layout.parse(TEXT), out)
    return {"indented": out.getvalue(), "sorted": yaml.safe_dump(values(TEXT)), "flow": json.dumps(values(TEXT))}


@pytest.mark.parametrize("kind", ["indented", "sorted", "flow"])
@pytest.mark.parametrize("name", ["laptop", "paper"])
def test_a_switch_works_on_any_layout(kind, name, folder, switched):
    text, own = switch.apply(other_layouts()[kind], name, folder)
    assert (values(text), own) == (values(switched[name]), [])
    assert ("# mixtures per random-<i>" in text) == (kind == "indented")


def test_what_follows_a_replaced_value_stays_with_what_follows():
    text = "a:\n  b:   # of b\n    - 1   # of 1\n    - 2\n\n  # of c\n  c: [1, 2]   # flow\n\n# of d\nd: 0\n"
    document = layout.parse(text)
    layout.put(document["a"], "b", {})
    layout.put(document["a"], "c", {"x": [3], "y": {"z": 1}})
    assert layout.dump(document).splitlines() == [
        "a:",
        f"{'  b: {}':31}# of b",
        "",
        "  # of c",
        f"{'  c:':31}# flow",
        *("    x:", "    - 3", "    y:", "      z: 1", "", "# of d", "d: 0"),
    ]


def test_a_value_is_switched_by_its_dotted_key():
    switched = switch.switch(TEXT, {"swarm.per_shard": 2, "regressors.lightgbm.leaves": 4}, "test")
    assert values(switched)["swarm"]["per_shard"] == 2
    assert "# mixtures per random-<i>" in switched
    assert values(switched)["regressors"]["lightgbm"] == {**values(TEXT)["regressors"]["lightgbm"], "leaves": 4}
    for key in ("swarm.per_shart", "regressors.lightgbm.leafs", "swarm.seed.x", "swa"):
        with pytest.raises(InputError, match=rf"^profiles/test\.yaml: unknown key {key}; use a key of params\.yaml$"):
            switch.switch(TEXT, {key: 2}, "test")


def test_nested_and_dotted_profiles_say_the_same():
    nested = {"proxy": {"recipe": {"steps": 3}, "shape": {"layers": 1}}, "objectives": {"x": {"news": 1}}}
    assert switch.flat(nested) == switch.flat(
        {"proxy.recipe": {"steps": 3}, "proxy.shape.layers": 1, "objectives": {"x": {"news": 1}}}
    ) == {"proxy.recipe.steps": 3, "proxy.shape.layers": 1, "objectives": {"x": {"news": 1}}}  # fmt: skip


def test_the_users_own_section_is_kept_or_the_switch_is_refused(folder, switched, tmp_path, capsys):
    text = own(TEXT)
    with pytest.raises(InputError, match=r"corpus\.domains is in no profile, and paper would replace it; save"):
        switch.apply(text, "paper", folder)
    assert switch.apply(text, "paper", folder, replace=True)[0] == switched["paper"]
    path = tmp_path / "params.yaml"
    # With a profile that knows the section, nothing is lost.
    for name in NAMES:
        (tmp_path / f"{name}.yaml").write_text((folder / f"{name}.yaml").read_text())
    path.write_text(text)
    save.main("mine", path, tmp_path)
    switch.main("paper", path, tmp_path)
    assert path.read_text() == switched["paper"]
    switch.main("mine", path, tmp_path)
    assert path.read_text() == text
    assert capsys.readouterr().err == ""


def test_a_smaller_profile_keeps_corpora_of_ones_own(folder, tmp_path, capsys):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace("strip_urls: true", "strip_urls: false"))
    switch.main("smoke", path, folder)
    assert capsys.readouterr().err == f"{path}: corpus.domains is your own and is kept\n"
    assert values(path.read_text())["corpus"]["domains"]["tweets"]["strip_urls"] is False
    assert values(path.read_text())["swarm"]["per_shard"] == 24


def test_a_saved_profile_is_refused_where_one_is(folder, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    with pytest.raises(InputError, match=r"smoke\.yaml: already exists; choose another name, or remove it first"):
        save.main("smoke", path, folder)
    for name in ("", "My", "a.b", "devices"):
        with pytest.raises(InputError, match="not a valid profile name; use lower-case letters, digits and _"):
            save.main(name, path, folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("swarm.per_shart: 3\n", r"mine\.yaml: swarm\.per_shart: profiles/laptop\.yaml does not set it; add it there"),
        ("swarm.per_shard: many\n", r"profiles/mine\.yaml: swarm\.per_shard = 'many': "),
        ("- swarm.per_shard: 3\n", r"mine\.yaml: no `key: value` of params\.yaml; add some$"),
        ("", r"mine\.yaml: no `key: value` of params\.yaml; add some$"),
        ("a: [", r"mine\.yaml: cannot be read as YAML .*; fix the file$"),
        ("a: 1\na: 2\n", r"mine\.yaml: cannot be read as YAML .*duplicate key.*; fix the file$"),
    ],
)
def test_a_profile_that_is_none_is_one_line(content, message, folder, tmp_path):
    for name in NAMES:
        (tmp_path / f"{name}.yaml").write_text((folder / f"{name}.yaml").read_text())
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(InputError, match=message) as error:
        switch.apply(TEXT, "mine", tmp_path)
    assert "\n" not in str(error.value)


def test_an_unknown_profile_lists_the_known_ones(folder):
    with pytest.raises(InputError, match=rf"PROFILE=pepar: unknown profile; use one of {', '.join(NAMES)}$"):
        switch.apply(TEXT, "pepar", folder)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfea: 1", None])
def test_what_is_not_yaml_is_neither_switched_nor_saved_nor_planned(folder, tmp_path, content):
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content)
    for refused in (
        lambda: switch.main("smoke", path, folder),
        lambda: save.main("mine", path, folder),
        lambda: plan.main("smoke", [], None, tmp_path),
    ):
        with pytest.raises(InputError, match=r"params\.yaml: cannot be read as YAML .*; fix the file$") as error:
            refused()
        assert "\n" not in str(error.value)
    assert not (folder / "mine.yaml").exists()


def test_a_switch_that_fails_leaves_params_yaml_as_it_was(folder, tmp_path, monkeypatch):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        switch.main("smoke", path, folder)
    assert path.read_text() == TEXT
