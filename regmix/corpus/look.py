"""What a folder of text holds: the domains that it could give, and how much text each has."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regmix.core import plugins
from regmix.core.errors import InputError, reason_of

SAMPLE = 20  # records in which the key of the text is looked for


@dataclass(frozen=True)
class Part:
    """A part of a folder that the reader ``folder`` can read; ``field`` is the key or column of its text, if it has."""

    name: str
    path: Path
    files: int
    size: int  # bytes
    field: str | None


def look(folder: Path) -> list[Part]:
    """The domains of ``folder``: each of its subfolders and files with text. Raises InputError if there are under two.

    Raises InputError too for a file whose records have no text.
    """
    kinds = plugins.load("readers", "folder", "reader").KINDS
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the one that holds a folder or a file for each domain")
    parts: dict[str, Part] = {}
    for path in sorted(folder.iterdir()):
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        readable = [file for file in files if any(file.name.endswith(kind) for kind in kinds)]
        if path.name.startswith(".") or not readable:
            continue
        name = _name(path, kinds)
        if name in parts:
            raise InputError(f"{path}: gives the domain {name}, as {parts[name].path} does; rename one of them")
        records = [file for file in readable if not file.name.endswith(".txt")]
        field = text_field(records[0]) if records else None
        parts[name] = Part(name, path, len(readable), sum(file.stat().st_size for file in readable), field)
    if len(parts) < 2:
        raise InputError(
            f"{folder}: holds text for {len(parts)} domains, and a mixture needs two; give each a folder or a file of "
            f"{', '.join(kinds)}"
        )
    return list(parts.values())


def text_field(file: Path) -> str:
    """The key or column with the longest text in the first records. Raises InputError if none has text."""
    try:
        rows = _rows(file)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = reason_of(error)
        raise InputError(f"{file}: cannot be read ({reason}); write it again or take it away") from None
    lengths: dict[str, int] = {}
    for row in rows:
        for key, value in row.items() if isinstance(row, dict) else ():
            if isinstance(value, str):
                lengths[key] = lengths.get(key, 0) + len(value)
    if not lengths:
        raise InputError(f"{file}: its first records hold no text; each needs a key or column of it")
    return max(lengths, key=lambda key: (key == "text", lengths[key]))


def _rows(file: Path) -> list[Any]:
    """The first records."""
    if file.name.endswith(".parquet"):
        from pyarrow import parquet

        batch = next(parquet.ParquetFile(file).iter_batches(batch_size=SAMPLE), None)
        return [] if batch is None else batch.to_pylist()
    lines = plugins.load("readers", "folder", "reader").lines(file)
    return [json.loads(line) for _, line in zip(range(SAMPLE), lines, strict=False) if line.strip()]


def _name(path: Path, kinds: Mapping[str, Any]) -> str:
    """A domain's name: lower case, digits and underscores."""
    stem = path.name
    for kind in kinds if path.is_file() else ():
        stem = stem.removesuffix(kind)
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    if not name:
        raise InputError(f"{path}: its name gives a domain none; rename it with Latin letters")
    return name if re.match(r"[a-z]", name) else f"d_{name}"
