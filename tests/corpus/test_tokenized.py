"""The tokenized corpus is opened only if its descriptions are complete."""

from __future__ import annotations

import json

import numpy as np
import pytest

from regmix.core.errors import InputError
from regmix.corpus.tokens.tokenized import open_corpus

META = {"fingerprint": "f", "vocab": 10, "eos": 0, "train": {"tokens": 3}, "valid": {"tokens": 2}}


def write(root, meta) -> None:
    folder = root / "a"
    folder.mkdir()
    np.array([1, 2, 0], "<u2").tofile(folder / "train.bin")
    np.array([3, 0], "<u2").tofile(folder / "valid.bin")
    (folder / "meta.json").write_text(json.dumps(meta))
    (root / "domains.json").write_text('{"all": ["a"]}')


def test_a_corpus_is_opened_as_its_description_says(tmp_path):
    write(tmp_path, META)
    corpus = open_corpus(tmp_path, ["a"])
    assert (corpus.vocab, corpus.eos, corpus.train["a"].tolist()) == (10, 0, [1, 2, 0])
    with pytest.raises(InputError, match=r"no tokens of domain 'b'; run `dvc repro` again$"):
        open_corpus(tmp_path, ["a", "b"])


@pytest.mark.parametrize(
    "meta",
    [
        {},
        [],
        None,
        *({key: value for key, value in META.items() if key != missing} for missing in META),
        META | {"vocab": "10"},
        META | {"eos": None},
        META | {"fingerprint": ["f"]},
        META | {"train": 3},
        META | {"valid": {"tokens": 2.0}},
    ],
)
def test_a_damaged_description_is_one_line_with_its_path(tmp_path, meta):
    write(tmp_path, meta)
    with pytest.raises(InputError, match=r"a/meta\.json: damaged; delete its folder and run `dvc repro` again$"):
        open_corpus(tmp_path, ["a"])


def test_a_corpus_can_be_cut_and_says_so_in_its_digest(tmp_path):
    write(tmp_path, META)
    corpus = open_corpus(tmp_path, ["a"])
    assert corpus.cut(None) is corpus
    assert corpus.cut({"a": 3}) is corpus  # all that there is
    less = corpus.cut({"a": 2})
    assert less.train["a"].tolist() == [1, 2]
    assert less.valid["a"].tolist() == corpus.valid["a"].tolist()
    assert len({corpus.digest, less.digest, corpus.cut({"a": 1}).digest}) == 3
