"""One field of every record of a JSON file in an archive, without near-duplicates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from regmix.core.errors import InputError
from regmix.core.settings import Count, Line, Share, Strict
from regmix.readers import _archive, _text


class Options(Strict):
    members: _archive.Patterns
    field: Line  # keys from the top, separated by /; * matches every key
    shingle: Count  # words in a shingle
    max_overlap: Share  # largest share of a text's shingles that one earlier text can contain


def read(path: Path, options: Options) -> Iterator[str]:
    """One document per field. Raises InputError on a broken archive or file, a missing member or field."""
    texts = []
    for name, data in _archive.members(path, options.members):
        matches = [text for text in _pick(_text.parse_json(data, name), options.field.split("/")) if text]
        if not matches:
            raise InputError(f"{name}: no text at {options.field!r}; fix the domain's `field`")
        texts += matches
    return drop_overlapping(texts, options.shingle, options.max_overlap)


def _pick(value: Any, keys: list[str]) -> Iterator[str]:
    """The strings that ``keys`` lead to, in the order of the file."""
    if not keys:
        if isinstance(value, str):
            yield value
    elif isinstance(value, dict):
        for key in value if keys[0] == "*" else (keys[0],):
            yield from _pick(value.get(key), keys[1:])
    elif isinstance(value, list) and keys[0] == "*":
        for item in value:
            yield from _pick(item, keys[1:])


def drop_overlapping(texts: Iterable[str], size: int, most: float) -> Iterator[str]:
    """The texts that share no more than ``most`` of their ``size``-word shingles with any earlier text.

    Dropped texts do not count as earlier ones. A shorter text is one shingle. Case and white space are ignored.
    """
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)  # shingle -> earlier texts that contain it
    for number, text in enumerate(texts):
        words = text.lower().split()
        shingles = {tuple(words[i : i + size]) for i in range(max(1, len(words) - size + 1))}
        shared = Counter(earlier for shingle in shingles for earlier in holders.get(shingle, ()))
        if max(shared.values(), default=0) > most * len(shingles):
            continue
        for shingle in shingles:
            holders[shingle].append(number)
        yield text
