"""The first stages through real DVC, in a clone whose folder has a space and an accent, on folders with odd names.

What is read of the user's own, a folder of texts and a tokenizer's file, is a dependency by its content.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from profiles import tryout
from regmix.corpus.tokens import tokenizer
from tests.pipeline.test_pipeline import dvc, ran

pytestmark = pytest.mark.slow

FOLDERS = {"first": "it's", "second": "texts (v2)", "third": "x;touch pwned;", "fourth": "$(touch pwned) été"}
EXTRACTS = {f"corpus_extract@{name}" for name in FOLDERS}
OWN = "corpus/tokenizers/own.json"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd") / "a b é"
    tryout.copy("smoke", root)
    values = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    entry = {"reader": "folder", "text_field": "text", "encoding_errors": "strict"}
    domains = {name: entry | {"path": path} for name, path in FOLDERS.items()}
    values["corpus"] |= {"archives": {}, "domains": domains, "validation_only": []}
    values["tokenizer"]["source"] = OWN
    values["objectives"] = {"broad": "trained"}
    values["mixture"]["fronts"]["pairs"] = []
    values["swarm"] |= {"rounds": {}, "learn_from": "data/swarm_collect"}
    values["trajectory"]["objective"] = "broad"
    values["target"]["methods"] = {"natural": {"kind": "natural"}}
    values["evaluation"] |= {"last_word": ["first"], "continuation": []}
    (root / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
    for number, path in enumerate(FOLDERS.values()):
        (root / path).mkdir()
        for each in range(60):
            text = " ".join(f"word{(7 * each * number + i) % 97}" for i in range(100))
            (root / path / f"{each}.txt").write_text(f"{text} {number} {each}", encoding="utf-8")
    tokenizer.train(["some words", "and more words"], 300).save(str(root / OWN))
    return root


def test_odd_names_reach_no_shell(clone):
    done = subprocess.run([sys.executable, "-m", "stages.params_check"], cwd=clone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = dvc(clone, "repro", "swarm_sample")
    assert ran(printed) == EXTRACTS | {"tokenizer_train", "corpus_tokenize", "swarm_sample"}
    assert (clone / "data/swarm_sample/mixtures.csv").is_file()
    assert not list(clone.rglob("pwned"))


def test_a_changed_text_is_read_again(clone):
    (clone / FOLDERS["second"] / "more.txt").write_text("words that were not there " * 50)
    assert "corpus_extract@second" in ran(printed := dvc(clone, "repro", "swarm_sample"))
    assert not ran(printed) & (EXTRACTS - {"corpus_extract@second"})


def test_a_changed_tokenizer_is_used(clone):
    tokenizer.train(["other words", "more of them"], 280).save(str(clone / OWN))
    assert ran(dvc(clone, "repro", "swarm_sample")) >= {"tokenizer_train", "corpus_tokenize"}
