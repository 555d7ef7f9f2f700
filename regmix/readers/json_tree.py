"""JSON files in an archive as `key: text` lines, cut into pieces: one document per piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from regmix.core.settings import NonNegative, Strict
from regmix.readers import _archive, _text


class Options(Strict):
    members: _archive.Patterns
    value_key: str  # the key whose text belongs to the key above it
    piece_chars: NonNegative  # a piece ends with the line that reaches this many characters; 0: files are not cut


def read(path: Path, options: Options) -> Iterator[str]:
    """Pieces, file by file, HTML tags stripped. Raises InputError on a broken archive or file, a missing member."""
    for name, data in _archive.members(path, options.members):
        lines = _lines("", _text.parse_json(data, name), options.value_key)
        yield from _text.pieces(lines, "\n", options.piece_chars)


def _lines(label: str, value: Any, value_key: str) -> Iterator[str]:
    """``label: text`` at a leaf; at a node its own text, or only its label, and then the lines below it."""
    if isinstance(value, dict):
        node_text = value.get(value_key, "")
        if label:
            yield from _lines(label, node_text, value_key) if node_text else (label,)
        for key, child in value.items():
            if key != value_key:
                yield from _lines(key.strip(), child, value_key)
    elif isinstance(value, list):
        for item in value:
            yield from _lines(label, item, value_key)
    elif value is not None and (text := _text.strip_markup(str(value))):
        yield f"{label}: {text}" if label else text
