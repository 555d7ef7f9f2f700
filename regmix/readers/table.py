"""Rows of CSV or tab-separated files in an archive: one document per row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from regmix.core.errors import InputError
from regmix.core.settings import Line, NonNegative, Strict
from regmix.readers import _archive, _text


class Options(Strict):
    members: _archive.Patterns
    columns: Annotated[
        list[Line | NonNegative], Field(min_length=1)
    ]  # joined by line breaks; names need a header, positions (from 0) mean there is none
    delimiter: Annotated[str, Field(min_length=1, max_length=1)]
    quotes: bool  # whether fields can be quoted with "
    strip_urls: bool
    min_chars: NonNegative  # shorter documents are dropped


def read(path: Path, options: Options) -> Iterator[str]:
    """One document per row. Raises InputError on a broken archive, a missing member or column, a malformed row."""
    for name, data in _archive.members(path, options.members):
        lines = io.StringIO(_text.decode(data, name), newline="")
        rows = csv.reader(
            lines,
            delimiter=options.delimiter,
            quoting=csv.QUOTE_MINIMAL if options.quotes else csv.QUOTE_NONE,
            strict=options.quotes,
        )
        positions = None
        try:
            for row in rows:
                if positions is None:
                    positions = _positions(row, options.columns, name)
                    if any(isinstance(column, str) for column in options.columns):
                        continue  # the header
                text = "\n".join(filter(None, (row[position].strip() for position in positions)))
                if options.strip_urls:
                    text = _text.strip_urls(text)
                if len(text) >= options.min_chars:
                    yield text
        except (csv.Error, IndexError) as error:
            raise InputError(f"{name}: line {rows.line_num}: malformed row ({error}); fix the file") from None


def _positions(first: list[str], columns: list[str | int], name: str) -> list[int]:
    """The positions of the columns, given the first row."""
    positions = []
    for column in columns:
        choices: Sequence[str | int] = range(len(first)) if isinstance(column, int) else first
        if column not in choices:
            raise InputError(f"{name}: no column {column!r} among {', '.join(map(str, choices))}; fix `columns`")
        positions.append(choices.index(column))
    return positions
