"""What every stage checks before it computes: the installed versions, and the order of the domains."""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml

from regmix.core.errors import InputError
from regmix.core.files import write_json
from regmix.sampling.rules import Rules
from stages.common import pins
from stages.common.rules import read_rules
from tests.paths import ROOT

DOMAINS = ("news", "law")


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_another_version_than_the_pinned_one_is_one_line(monkeypatch):
    pins.check_loaded()
    installed = pins.metadata.version
    monkeypatch.setattr(pins.metadata, "version", lambda name: "0.1" if name == "numpy" else installed(name))
    with pytest.raises(InputError, match=r"^constraints\.txt: numpy is pinned to [\d.]+, but 0\.1 is installed; run"):
        pins.check_loaded()


def test_a_library_without_a_pin_is_named():
    with pytest.raises(InputError, match=r"^constraints\.txt: nowhere is pinned to None, but 1 is installed"):
        pins.check_pins({"nowhere": "1"})


def test_reordered_domains_are_refused_and_the_written_rules_read_back(tmp_path):
    prior = np.array([0.7, 0.3])
    rules = Rules.around(dict(zip(DOMAINS, prior.tolist(), strict=True)), strengths=np.geomspace(0.1, 5, 3))
    write_json(tmp_path / "rules.json", rules.to_json())
    again = read_rules(tmp_path, DOMAINS)
    assert again.to_json() == rules.to_json()
    assert np.array_equal(again.strengths, rules.strengths)
    with pytest.raises(
        InputError, match=r"rules\.json: its domains are news, law, but params\.yaml trains on law, news"
    ):
        read_rules(tmp_path, DOMAINS[::-1])


def test_no_free_text_of_params_yaml_is_part_of_a_command():
    """DVC gives commands to a shell. What it puts into them are names, whose patterns the schema checks."""
    names = {"key", "item.shard", "item.variant", "item.follows", "item.kind", "swarm.learn_from"}
    for path in [ROOT / "dvc.yaml", *ROOT.glob("*/dvc.yaml")]:
        commands = [stage.get("do", stage)["cmd"] for stage in yaml.safe_load(path.read_text())["stages"].values()]
        assert set(re.findall(r"\$\{(.*?)\}", "\n".join(commands))) <= names, path
