"""Documents files: what is written is read, whole or by ranges of lines, and damage is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from regmix.core.errors import InputError
from regmix.corpus.documents import as_line, first_chars, line_ranges, read_documents


def write(path: Path, texts: list[str]) -> None:
    path.write_bytes("".join(map(as_line, texts)).encode())


def test_documents_read_back_as_written(tmp_path: Path) -> None:
    texts = ["a\nb\r\nc\rd", "e\u2028f\x85g", '"quoted" \\ \x00', "\u00e9\U0001f600"]
    write(tmp_path / "a.jsonl", texts)
    assert list(read_documents(tmp_path / "a.jsonl")) == texts
    assert (tmp_path / "a.jsonl").read_bytes().count(b"\n") == len(texts)


@pytest.mark.parametrize("content", [None, b'{"text": "x"}\n{"te', b'{"body": "x"}\n', b"\xff\n", b"3\n"])
def test_damaged_documents_are_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.jsonl: missing or empty domain, or damaged"):
        list(read_documents(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(("least", "most"), [(1, 1), (1, 70), (100, 100), (1, 10**9), (10**9, 10**9)])
@pytest.mark.parametrize("texts", [[], ["x"], [f"\u00e9 {number} " + "y" * (number % 60) for number in range(300)]])
def test_ranges_are_whole_lines_that_cover_the_file(tmp_path: Path, texts: list[str], least: int, most: int) -> None:
    path = tmp_path / "a.jsonl"
    write(path, texts)
    ranges = list(line_ranges(path, count=7, least=least, most=most))
    assert [text for start, end in ranges for text in read_documents(path, start, end)] == texts
    assert [0, *(end for _, end in ranges)] == [*(start for start, _ in ranges), path.stat().st_size]
    longest = max((len(as_line(text).encode()) for text in texts), default=0)
    for start, end in ranges[:-1]:
        assert least <= end - start < most + longest


def test_ranges_of_no_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.jsonl: missing or empty domain, or damaged"):
        list(line_ranges(tmp_path / "a.jsonl", count=1, least=1, most=1))


def test_first_chars() -> None:
    assert list(first_chars(["abc", "de", "f"], 4)) == ["abc", "d"]
    assert list(first_chars(["abc"], 4)) == ["abc"]
    assert list(first_chars(["abc", "de"], 3)) == ["abc"]
