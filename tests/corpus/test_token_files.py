"""Token files: what is written is what is mapped, and a wrong file is never read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regmix.core.errors import InputError
from regmix.corpus.tokens.token_files import check_fingerprints, dtype_for, open_tokens, windows
from regmix.corpus.tokens.token_writer import write_tokens


def meta(vocab: int, tokens: int) -> dict[str, Any]:
    return {"vocab": vocab, "train": {"tokens": tokens}}


@pytest.mark.parametrize(("vocab", "itemsize"), [(257, 2), (65536, 2), (65537, 4), (2**32, 4)])
def test_tokens_survive_the_round_trip(tmp_path: Path, vocab: int, itemsize: int) -> None:
    tokens = np.array([0, 1, 256, vocab - 1], dtype=np.uint32)
    assert write_tokens(tmp_path / "train.bin", [tokens[:3], tokens[:0], tokens[3:]], vocab) == 4
    assert (tmp_path / "train.bin").stat().st_size == 4 * itemsize
    read = open_tokens(tmp_path, meta(vocab, 4), "train")
    assert isinstance(read, np.memmap)
    assert read.dtype == dtype_for(vocab)
    assert read.tolist() == tokens.tolist()
    with pytest.raises(ValueError, match="read-only"):
        read[0] = 1


def test_bytes_are_little_endian(tmp_path: Path) -> None:
    write_tokens(tmp_path / "a.bin", [np.array([258], dtype=">u4")], 1024)
    write_tokens(tmp_path / "b.bin", [np.array([258], dtype=np.int64)], 70000)
    assert (tmp_path / "a.bin").read_bytes() == b"\x02\x01"
    assert (tmp_path / "b.bin").read_bytes() == b"\x02\x01\x00\x00"


def test_vocabulary_too_large() -> None:
    with pytest.raises(InputError, match="a vocabulary of 4294967297 entries is too large"):
        dtype_for(2**32 + 1)


@pytest.mark.parametrize("bad", [1024, -1])
def test_a_token_outside_the_vocabulary_leaves_no_file(tmp_path: Path, bad: int) -> None:
    with pytest.raises(InputError, match=rf"train\.bin: token {bad} is outside the vocabulary of 1024"):
        write_tokens(tmp_path / "train.bin", [np.array([3]), np.array([bad])], 1024)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [-1, 1, 2])
def test_a_file_of_another_length_is_refused(tmp_path: Path, change: int) -> None:
    write_tokens(tmp_path / "train.bin", [np.arange(10)], 1024)
    content = (tmp_path / "train.bin").read_bytes()
    (tmp_path / "train.bin").write_bytes((content + b"\0\0")[: 20 + change])
    with pytest.raises(InputError, match=rf"train\.bin: {20 + change} bytes, but meta\.json says 20; .*dvc repro"):
        open_tokens(tmp_path, meta(1024, 10), "train")


def test_a_missing_or_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.bin: missing"):
        open_tokens(tmp_path, meta(1024, 10), "train")
    assert write_tokens(tmp_path / "train.bin", [], 1024) == 0
    with pytest.raises(InputError, match=r"train\.bin: has no tokens"):
        open_tokens(tmp_path, meta(1024, 0), "train")


@pytest.mark.parametrize(("tokens", "expected"), [(0, 0), (1, 0), (4, 0), (5, 1), (8, 1), (9, 2)])
def test_windows_have_one_target_more_than_they_share(tokens: int, expected: int) -> None:
    assert windows(tokens, 4) == expected


def test_fingerprints() -> None:
    same = {"tokenizer": {"fingerprint": "a" * 64}, "news": {"fingerprint": "a" * 64}}
    assert check_fingerprints(same) == "a" * 64
    for odd in ("first", "last"):
        metas = {"first": {}, **same, "last": {}}
        metas = {name: {"fingerprint": "b" * 64 if name == odd else "a" * 64} for name in metas}
        with pytest.raises(InputError, match=rf"^{odd}: made with tokenizer bbbbbbbbbbbb, but .* with aaaaaaaaaaaa"):
            check_fingerprints(metas)


def test_importing_needs_no_tokenizer_and_no_torch() -> None:
    heavy = {"tokenizers", "torch", "transformers", "pandas"}
    code = f"import sys, regmix.corpus.tokens.token_files; print(sorted({heavy} & set(sys.modules)))"
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[]"
