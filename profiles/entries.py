"""Read and replace the entries of a YAML file as text, so that comments and layout come along.

An entry is what stands at a dotted key: the rest of its line after the colon, and the deeper indented lines below it.
It is held as at no indentation: the first line is that rest, the others are indented by two spaces or more.
The files are laid out as params.yaml: blocks of mappings, a key a line.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

KEY = re.compile(r"^([A-Za-z_][\w.-]*):(?=\s|$)")


def of_profile(text: str) -> dict[str, str]:
    """The entries of a profile, a flat file of dotted keys; comments between them belong to none."""
    lines = text.splitlines()
    return {match[1]: _entry(lines, i, 0) for i, line in enumerate(lines) if (match := KEY.match(line))}


def take(text: str, key: str) -> str | None:
    """The entry at ``key`` (``a.b.c``), or None where there is no such key with a line of its own."""
    lines = text.splitlines()
    found = _find(lines, key)
    return None if found is None else _entry(lines, *found)


def put(text: str, key: str, entry: str) -> str:
    """``text`` with ``entry`` at ``key``, which must be there."""
    lines = text.splitlines()
    found = _find(lines, key)
    assert found is not None
    at, indent = found
    first, *rest = entry.split("\n")
    end = at + len(_entry(lines, at, indent).split("\n"))
    head = lines[at][: lines[at].index(":") + 1]
    lines[at:end] = [head + first, *(" " * indent + line if line else line for line in rest)]
    return "\n".join(lines) + "\n"


def over(entry: str, base: str) -> str:
    """``entry`` with the comment of ``base`` on its first line if it has none, in the column of ``base`` if there is
    room."""
    first, *rest = entry.split("\n")
    value, comment = _parts(first)
    old, kept = _parts(base.split("\n")[0])
    mark = (comment or kept).strip()
    if mark and kept:
        gap = len(old) + len(kept) - len(kept.lstrip()) - len(value)
        first = value + " " * max(gap, 2) + mark
    return "\n".join([first, *rest])


def value_of(entry: str) -> Any:
    """The value that an entry says."""
    return yaml.safe_load(f"key:{entry}\n")["key"]


def is_block(entry: str) -> bool:
    """Whether the entry is a section: more than its line."""
    return "\n" in entry


def _find(lines: list[str], key: str) -> tuple[int, int] | None:
    """The line and the indentation of ``key``."""
    low, high, indent = 0, len(lines), -1
    for part in key.split("."):
        inner = [i for i in range(low, high) if _depth(lines[i]) is not None]
        if not inner:
            return None
        depth = _depth(lines[inner[0]])
        assert depth is not None
        named = [i for i in inner if re.match(rf"^ {{{depth}}}{re.escape(part)}:(\s|$)", lines[i])]
        if depth <= indent or not named:
            return None
        low, indent = named[0] + 1, depth
        high = low + _entry(lines, named[0], indent).count("\n")
    return low - 1, indent


def _entry(lines: list[str], at: int, indent: int) -> str:
    """The entry whose key stands on line ``at``."""
    end = at + 1
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > indent):
        end += 1
    while not lines[end - 1].strip():
        end -= 1
    return "\n".join([lines[at][lines[at].index(":") + 1 :], *(line[indent:] for line in lines[at + 1 : end])])


def _depth(line: str) -> int | None:
    """The indentation of a line that is neither empty nor a comment."""
    bare = line.lstrip(" ")
    return None if not bare or bare.startswith("#") else len(line) - len(bare)


def _parts(line: str) -> tuple[str, str]:
    """What stands on a line, and the space and comment behind it; a # within quotes is no comment."""
    quote = ""
    for i, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "#" and (i == 0 or line[i - 1] == " "):
            value = line[:i].rstrip()
            return value, line[len(value) :]
    return line.rstrip(), ""
