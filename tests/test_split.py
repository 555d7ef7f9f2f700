"""The split: decided by each text alone, without leaks, bounded, and clear about what it lacks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from regmix.errors import InputError
from regmix.split import Split, first_chars, read_documents, split_documents, write_documents

TEXTS = [f"document {number} " + "x" * (number % 50) for number in range(2000)]


def split(texts: list[str], *, max_chars: int = 10**9, valid_fraction: float = 0.1, salt: str = "salt") -> Split:
    return split_documents(texts, "toy", max_chars=max_chars, valid_fraction=valid_fraction, salt=salt)


def test_every_document_is_on_one_side_and_the_share_is_about_right() -> None:
    found = split(TEXTS)
    assert sorted(found.train + found.valid) == sorted(text.strip() for text in TEXTS)
    assert 150 < len(found.valid) < 250  # 200 expected, sd 13
    assert found.duplicates == found.undecodable == 0


@pytest.mark.parametrize("max_chars", [10**9, 20_000])
def test_neither_order_nor_copies_change_the_choice(max_chars: int) -> None:
    whole = split(TEXTS, max_chars=max_chars)
    shuffled = [TEXTS[i] for i in np.random.default_rng(0).permutation(len(TEXTS))]
    assert split(shuffled, max_chars=max_chars) == whole
    assert split(["", " \n", *shuffled], max_chars=max_chars) == whole
    kept = len(whole.train) + len(whole.valid)
    for texts in (shuffled + TEXTS, TEXTS[::-1] + [f"\n {text} " for text in shuffled]):
        doubled = split(texts, max_chars=max_chars)
        assert (doubled.train, doubled.valid) == (whole.train, whole.valid)
        assert doubled.duplicates == kept


def test_no_validation_text_is_trained_on_in_another_domain() -> None:
    one, other = split(TEXTS[:1500], max_chars=20_000), split(TEXTS[500:], max_chars=30_000)
    assert not set(one.valid) & set(other.train)
    assert not set(other.valid) & set(one.train)
    assert set(one.valid) & set(other.valid), "the domains share no validation text, so this test shows nothing"


def test_cap_keeps_the_first_in_order_and_cuts_the_last() -> None:
    whole = split(TEXTS)
    for max_chars in (2_000, 20_001):
        capped = split(TEXTS, max_chars=max_chars)
        stats = capped.stats("toy")
        sizes = [stats[side]["chars"] for side in ("train", "valid")]  # type: ignore[index]
        assert max_chars - 2 <= sum(sizes) <= max_chars  # a space where it is cut may go
        cut = 0
        for side, full in ((capped.train, whole.train), (capped.valid, whole.valid)):
            assert side[:-1] == full[: len(side) - 1]
            assert full[len(side) - 1].startswith(side[-1])
            cut += side[-1] != full[len(side) - 1]
        assert cut <= 1


def test_salt_and_fraction_move_the_split_and_a_larger_fraction_only_adds() -> None:
    assert split(TEXTS, salt="other").valid != split(TEXTS).valid
    assert set(split(TEXTS).valid) < set(split(TEXTS, valid_fraction=0.2).valid)


def test_half_a_surrogate_pair_is_counted_and_can_be_written(tmp_path: Path) -> None:
    found = split([*TEXTS, json.loads('"half \\ud83d pair"'), "whole \U0001f600 pair"])
    assert found.undecodable == 1
    write_documents(tmp_path / "a.jsonl", found.train + found.valid)
    assert {"half \ufffd pair", "whole \U0001f600 pair"} <= set(read_documents(tmp_path / "a.jsonl"))


def test_documents_read_back_as_written(tmp_path: Path) -> None:
    texts = ["a\nb\r\nc\rd", "e\u2028f\x85g", '"quoted" \\ \x00', "\u00e9\U0001f600"]
    write_documents(tmp_path / "a.jsonl", texts)
    assert list(read_documents(tmp_path / "a.jsonl")) == texts
    assert (tmp_path / "a.jsonl").read_bytes().count(b"\n") == len(texts)


@pytest.mark.parametrize("content", [None, b'{"text": "x"}\n{"te', b'{"body": "x"}\n', b"\xff\n", b"3\n"])
def test_damaged_documents_are_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.jsonl: missing or empty domain, or damaged"):
        list(read_documents(tmp_path / "a.jsonl"))


def test_empty_sides_are_named() -> None:
    with pytest.raises(InputError, match=r"corpus\.domains\.toy: missing or empty domain"):
        split(["", "  "])
    with pytest.raises(InputError, match=r"corpus\.domains\.toy: no validation text, .* all of its 1 documents"):
        split(["alone"], valid_fraction=1e-9)
    with pytest.raises(InputError, match=r"corpus\.domains\.toy: no training text"):
        split(["alone"], valid_fraction=1 - 1e-9)


def test_first_chars() -> None:
    assert list(first_chars(["abc", "de", "f"], 4)) == ["abc", "d"]
    assert list(first_chars(["abc"], 4)) == ["abc"]
    assert list(first_chars(["abc", "de"], 3)) == ["abc"]
