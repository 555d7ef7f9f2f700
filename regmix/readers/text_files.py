"""Text files in an archive, cut into pieces: one document per piece."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from regmix.core.settings import NonNegative, Strict
from regmix.readers import _archive, _text


class Options(Strict):
    members: _archive.Patterns
    encoding: str
    piece_chars: NonNegative  # a piece ends with the paragraph that reaches this many characters; 0: files are not cut


def read(path: Path, options: Options) -> Iterator[str]:
    """Pieces, file by file. Raises InputError on a broken archive, a missing member, another encoding."""
    for name, data in _archive.members(path, options.members):
        text = _text.decode(data, name, encoding=options.encoding).replace("\r\n", "\n")
        yield from _text.pieces(re.split(r"\n\s*\n", text), "\n\n", options.piece_chars)
