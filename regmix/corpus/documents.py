"""Documents as files: one ``{"text": ...}`` per line, UTF-8, so that any range of lines is readable too."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from regmix.core.errors import InputError, reason_of


def as_line(text: str) -> str:
    """``text`` as a line of a documents file, line break included."""
    return json.dumps({"text": text}, ensure_ascii=False) + "\n"


def read_documents(path: Path, start: int = 0, end: int | None = None) -> Iterator[str]:
    """The texts of a documents file, one at a time, in the bytes from ``start`` to ``end``, which are whole lines.

    Raises InputError if the file is missing or damaged.
    """
    try:
        with path.open("rb") as file:
            file.seek(start)
            while (end is None or file.tell() < end) and (line := file.readline()):
                yield json.loads(str(line, "utf-8"))["text"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from None


def line_ranges(path: Path, *, count: int, least: int, most: int) -> Iterator[tuple[int, int]]:
    """(start, end) in bytes of about ``count`` runs of whole lines, of ``least`` to ``most`` bytes each.

    A run ends with the line that reaches its size, so it can be longer; the last one can be shorter.
    The ranges depend only on the file and the arguments. Raises InputError if the file is missing.
    """
    try:
        with path.open("rb") as file:
            total = file.seek(0, os.SEEK_END)
            size = min(most, max(least, total // count))
            end = 0
            while end < total:
                start = end
                file.seek(min(start + size, total) - 1)
                file.readline()
                end = file.tell()
                yield start, end
    except OSError as error:
        raise _damaged(path, error) from None


def first_chars(texts: Iterable[str], chars: int) -> Iterator[str]:
    """The first ``chars`` characters of ``texts``, the last text cut to fit."""
    for text in texts:
        if chars <= 0:
            return
        yield text[:chars]
        chars -= len(text)


def _damaged(path: Path, error: Exception) -> InputError:
    reason = reason_of(error)
    return InputError(f"{path}: missing or empty domain, or damaged ({reason}); run `dvc repro` again")
