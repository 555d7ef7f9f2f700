"""Decode bytes to text, and reduce text to plain text."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from regmix.core.errors import InputError

Errors = Literal["strict", "replace"]  # what to do with bytes that cannot be decoded

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")  # not a bare `<`, which may mean "less than"
_URL = re.compile(r"\b(?:https?://|www\.)\S+")


def decode(data: bytes, name: str, *, encoding: str = "utf-8", errors: Errors = "strict") -> str:
    """``data`` as text without a byte order mark; ``replace`` puts U+FFFD for bytes that are not ``encoding``.

    Raises InputError, naming the first bad line, if ``errors`` is strict.
    """
    try:
        return data.decode(encoding, errors).removeprefix("\ufeff")
    except LookupError:
        raise InputError(f"{name}: unknown encoding {encoding!r}; fix the domain's `encoding`") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{name}: line {line}: byte 0x{data[error.start]:02x} is not {encoding}; "
            f"convert the file, or set the domain's `encoding_errors: replace` if its reader has that key"
        ) from None


def collapse(text: str) -> str:
    """``text`` with every run of white space as one space."""
    return " ".join(text.split())


def strip_markup(text: str) -> str:
    """``text`` without HTML tags and entities, white space collapsed."""
    return collapse(html.unescape(_TAG.sub(" ", text)))


def strip_urls(text: str) -> str:
    """``text`` without web addresses, white space collapsed."""
    return collapse(_URL.sub(" ", text))


def pieces(parts: Iterable[str], separator: str, least: int) -> Iterator[str]:
    """``parts`` joined in order into pieces of at least ``least`` characters each, except the last; 0: one piece."""
    piece: list[str] = []
    chars = 0
    for part in parts:
        piece.append(part)
        chars += len(part) + len(separator)
        if least and chars >= least:
            yield separator.join(piece)
            piece, chars = [], 0
    if piece:
        yield separator.join(piece)


def cut(text: str, least: int) -> Iterator[str]:
    """``text`` in pieces of ``least`` to twice as many characters, except the last; 0: one piece.

    A piece ends with a paragraph if it can, else with a line, else with a word.
    """
    start = 0
    while least and len(text) - start > 2 * least:
        window = start + least, start + 2 * least
        places = (text.find(mark, *window) for mark in ("\n\n", "\n", " "))
        end = next((place for place in places if place >= 0), window[1])
        yield text[start:end]
        start = end
    yield text[start:]


def parse_json(data: bytes, name: str, *, errors: Errors = "strict") -> Any:
    """``data`` as JSON. Raises InputError."""
    try:
        return json.loads(decode(data, name, errors=errors))
    except ValueError as error:
        raise InputError(f"{name}: not JSON ({error}); fix the file") from None
