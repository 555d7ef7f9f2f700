"""Choose a domain's documents and part them into training and validation text, by a hash of each text.

The hash alone decides, so neither the order of files nor any other document does: the same text falls
on the same side in every domain, and more text adds documents without moving the others across.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from regmix.errors import InputError


@dataclass(frozen=True)
class Split:
    """The documents of a domain, each side in the order of the hash."""

    train: list[str]
    valid: list[str]
    duplicates: int  # further copies of these documents, dropped
    undecodable: int  # documents among these that hold U+FFFD, a character that could not be read

    def stats(self, domain: str) -> dict[str, object]:
        """Counts of documents and characters, as stats.json holds them."""
        sides = {"train": self.train, "valid": self.valid}
        counts = {side: {"documents": len(texts), "chars": sum(map(len, texts))} for side, texts in sides.items()}
        return {"domain": domain, **counts, "duplicates": self.duplicates, "undecodable": self.undecodable}


def split_documents(texts: Iterable[str], domain: str, *, max_chars: int, valid_fraction: float, salt: str) -> Split:
    """The ``domain``'s documents, at most ``max_chars`` characters of them, in two sides.

    White space around a text does not count; empty texts and exact duplicates are dropped. If there
    is more text, the documents first in the order of the hash stay, and the last of them is cut to fit.
    Holds little more than ``max_chars`` characters at a time. Raises InputError if a side is empty.
    """
    heap: list[tuple[int, bool, str]] = []  # (-order, is it validation text, text): the last in order on top
    copies: dict[int, int] = {}  # order -> further copies
    chars = 0
    for text in map(_clean, texts):
        if not text:
            continue
        order, is_valid = _draw(text, valid_fraction, salt)
        if order in copies:
            copies[order] += 1
        elif chars < max_chars or order < -heap[0][0]:
            heapq.heappush(heap, (-order, is_valid, text))
            copies[order] = 0
            chars += len(text)
            while chars - len(heap[0][2]) >= max_chars:
                last, _, dropped = heapq.heappop(heap)
                del copies[-last]
                chars -= len(dropped)
    if not heap:
        raise InputError(f"corpus.domains.{domain}: missing or empty domain; mend its path and its reader's keys")
    kept = sorted(heap, reverse=True)
    if chars > max_chars:
        order, is_valid, text = kept[-1]
        kept[-1] = (order, is_valid, text[: len(text) - (chars - max_chars)].rstrip())
    train, valid = ([text for _, is_valid, text in kept if is_valid is side and text] for side in (False, True))
    for what, side in (("validation", valid), ("training", train)):
        if not side:
            raise InputError(
                f"corpus.domains.{domain}: no {what} text, for all of its {len(kept)} documents fell on the other "
                f"side; add documents, cut longer ones, or change corpus.valid_fraction ({valid_fraction:g}) "
                f"or corpus.split_salt ({salt!r})"
            )
    return Split(train, valid, sum(copies.values()), sum("\ufffd" in text for text in train + valid))


def write_documents(path: Path, texts: Iterable[str]) -> None:
    """One ``{"text": ...}`` a line, UTF-8."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for text in texts:
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")


def read_documents(path: Path) -> Iterator[str]:
    """The texts that write_documents wrote. Raises InputError if the file is missing or damaged."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                yield json.loads(line)["text"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: missing or empty domain, or damaged ({reason}); run `dvc repro` again") from None


def first_chars(texts: Iterable[str], chars: int) -> Iterator[str]:
    """The first ``chars`` characters of ``texts``, the last text cut to fit."""
    for text in texts:
        if chars <= 0:
            return
        yield text[:chars]
        chars -= len(text)


def _clean(text: str) -> str:
    """Stripped, and fit for UTF-8: JSON can spell half a surrogate pair, which no encoding has."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


def _draw(text: str, valid_fraction: float, salt: str) -> tuple[int, bool]:
    """Two independent draws from the hash of a text: its place in the order, and whether it is validation text."""
    digest = hashlib.sha256(f"{salt}\n{text}".encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big") < valid_fraction * 2.0**64
