"""The split: decided by each text alone, without leaks, in bounded memory, and clear about what it lacks."""

from __future__ import annotations

import hashlib
import json
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from regmix.core.errors import InputError
from regmix.corpus import external_sort
from regmix.corpus.documents import read_documents
from regmix.corpus.split import split_documents

TEXTS = [f"document {number} " + "x" * (number % 50) for number in range(2000)]


@dataclass(frozen=True)
class Split:
    train: list[str]
    valid: list[str]
    stats: dict


def split(texts: Iterable[str], *, max_chars: int = 10**9, valid_fraction: float = 0.1, salt: str = "salt") -> Split:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stats = split_documents(texts, folder, "toy", max_chars=max_chars, valid_fraction=valid_fraction, salt=salt)
        assert {path.name for path in folder.iterdir()} == {"train.jsonl", "valid.jsonl"}, "the sorted files must go"
        train, valid = (list(read_documents(folder / f"{side}.jsonl")) for side in ("train", "valid"))
        return Split(train, valid, stats)


def reference(texts: list[str], max_chars: int, valid_fraction: float, salt: str) -> tuple[bytes, bytes, dict]:
    """What the split must write and return, with all the text in memory."""
    seen = Counter(text.strip() for text in texts if text.strip())
    digests = {text: hashlib.sha256(f"{salt}\n{text}".encode()).digest() for text in seen}
    sides: dict[str, list[str]] = {"train": [], "valid": []}
    chars = duplicates = 0
    for text in sorted(seen, key=lambda text: digests[text]):
        if chars >= max_chars:
            break
        duplicates += seen[text] - 1
        draw = int.from_bytes(digests[text][16:24], "big") / 2**64
        room = max_chars - chars
        sides["valid" if draw < valid_fraction else "train"].append(text if len(text) <= room else text[:room].rstrip())
        chars += len(text)
    lines = ("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in part) for part in sides.values())
    train, valid = (line.encode() for line in lines)
    counts = {side: {"documents": len(part), "chars": sum(map(len, part))} for side, part in sides.items()}
    undecodable = sum("\ufffd" in text for part in sides.values() for text in part)
    return train, valid, {"domain": "toy", **counts, "duplicates": duplicates, "undecodable": undecodable,
                          "capped": sum(map(len, seen)) > max_chars}  # fmt: skip


def generated(count: int) -> list[str]:
    """Documents of many lengths and scripts, some of them again, some empty, some with white space around."""
    rng = np.random.default_rng(3)
    words = ["the", "caf\u00e9", "\u4e2d\u6587", "\U0001f600", "a\ufffdb", "line\nbreak", '"quoted"', " ", "\u2028"]
    texts = [" ".join(rng.choice(words, size)) for size in rng.integers(0, 60, count)]
    again = [texts[i] for i in rng.integers(0, count, count // 3)]
    return [*texts, *again, *again[: count // 20], *(f"  {text}\n" for text in texts[: count // 10])]


@pytest.mark.parametrize("files", [2, 3, 64])
@pytest.mark.parametrize("memory", [5_000, 60_000, 1 << 27])
@pytest.mark.parametrize("max_chars", [10**9, 100_000, 20_001, 3_000])
def test_the_bytes_are_those_of_a_sort_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int, files: int, max_chars: int
) -> None:
    monkeypatch.setattr(external_sort, "HELD_BYTES", memory)
    monkeypatch.setattr(external_sort, "FILES", files)
    texts = generated(1500)
    stats = split_documents(iter(texts), tmp_path, "toy", max_chars=max_chars, valid_fraction=0.2, salt="s")
    train, valid, expected = reference(texts, max_chars, 0.2, "s")
    assert (tmp_path / "train.jsonl").read_bytes() == train
    assert (tmp_path / "valid.jsonl").read_bytes() == valid
    assert list(stats.items()) == list(expected.items())


def test_a_domain_is_sorted_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_sort, "HELD_BYTES", 1 << 19)
    monkeypatch.setattr(external_sort, "FILES", 4)
    size, peaks = 1000, {}
    for max_chars in (10**9, 2_000_000):
        texts = (f"{number} " + "long " * (size // 5) for number in range(6_000))  # 6 MB
        with tempfile.TemporaryDirectory() as folder:
            tracemalloc.start()
            split_documents(texts, Path(folder), "toy", max_chars=max_chars, valid_fraction=0.1, salt="")
            peaks[max_chars] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert max(peaks.values()) < 2 * external_sort.HELD_BYTES, peaks


@pytest.mark.parametrize("files", [4, 64])
def test_what_a_cap_leaves_out_does_not_stay_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    monkeypatch.setattr(external_sort, "HELD_BYTES", 50_000)
    monkeypatch.setattr(external_sort, "FILES", files)
    sorter = external_sort.Sorter(tmp_path, 100_000)
    most = 0
    for number in range(20_000):  # 2 MB
        sorter.add(hashlib.sha256(str(number).encode()).digest(), False, f"{number:0100d}")
        if number % 50 == 0:
            most = max(most, sum(path.stat().st_size for path in tmp_path.iterdir()))
    assert 100_000 < most < 400_000  # twice the cap, and as much again beside the text, as pickle writes it
    assert len(list(sorter.documents())) == 1000


def test_every_document_is_on_one_side_and_the_share_is_about_right() -> None:
    sides = split(TEXTS)
    assert sorted(sides.train + sides.valid) == sorted(text.strip() for text in TEXTS)
    assert 150 < len(sides.valid) < 250  # 200 expected, sd 13
    assert sides.stats["duplicates"] == sides.stats["undecodable"] == 0


@pytest.mark.parametrize("max_chars", [10**9, 20_000])
def test_neither_order_nor_copies_change_the_choice(max_chars: int) -> None:
    whole = split(TEXTS, max_chars=max_chars)
    shuffled = [TEXTS[i] for i in np.random.default_rng(0).permutation(len(TEXTS))]
    assert split(shuffled, max_chars=max_chars) == whole
    assert split(["", " \n", *shuffled], max_chars=max_chars) == whole
    documents = len(whole.train) + len(whole.valid)
    for texts in (shuffled + TEXTS, TEXTS[::-1] + [f"\n {text} " for text in shuffled]):
        doubled = split(texts, max_chars=max_chars)
        assert (doubled.train, doubled.valid) == (whole.train, whole.valid)
        assert doubled.stats["duplicates"] == documents


def test_no_validation_text_is_trained_on_in_another_domain() -> None:
    first, second = split(TEXTS[:1500], max_chars=20_000), split(TEXTS[500:], max_chars=30_000)
    assert not set(first.valid) & set(second.train)
    assert not set(second.valid) & set(first.train)
    assert set(first.valid) & set(second.valid), "the domains share no validation text, so this test shows nothing"


def test_cap_keeps_the_first_in_order_and_cuts_the_last() -> None:
    whole = split(TEXTS)
    for max_chars in (2_000, 20_001):
        capped = split(TEXTS, max_chars=max_chars)
        sizes = [capped.stats[side]["chars"] for side in ("train", "valid")]
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


def test_half_a_surrogate_pair_is_counted_and_can_be_written() -> None:
    sides = split([*TEXTS, json.loads('"half \\ud83d pair"'), "whole \U0001f600 pair"])
    assert sides.stats["undecodable"] == 1
    assert {"half \ufffd pair", "whole \U0001f600 pair"} <= set(sides.train + sides.valid)


def test_empty_sides_are_named() -> None:
    with pytest.raises(InputError, match=r"corpus\.domains\.toy: missing or empty domain"):
        split(["", "  "])
    with pytest.raises(InputError, match=r"corpus\.domains\.toy: no validation text: all 1 documents fell"):
        split(["alone"], valid_fraction=1e-9)
    with pytest.raises(InputError, match=r"corpus\.domains\.toy: no training text"):
        split(["alone"], valid_fraction=1 - 1e-9)
