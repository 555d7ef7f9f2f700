"""Choose a domain's documents and split them into training and validation text, by a hash of each text.

Only the hash decides, so neither the order of files nor other documents matter: the same text falls
on the same side in every domain, and more text adds documents without moving the others to the other side.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

from regmix.core.errors import InputError
from regmix.corpus.documents import as_line
from regmix.corpus.external_sort import Sorter


def split_documents(
    texts: Iterable[str], folder: Path, domain: str, *, max_chars: int, valid_fraction: float, salt: str
) -> dict[str, object]:
    """Write the ``domain``'s documents, at most ``max_chars`` characters of them, to train.jsonl and valid.jsonl.

    White space around a text is stripped; empty texts and exact duplicates are dropped. If there
    is more text, the first documents in the order of the hash are used, and the last of them is cut to fit;
    each side is in that order. Returns the content of stats.json: documents and characters of each side,
    ``duplicates``, the copies that were dropped, and ``undecodable``, the documents with U+FFFD, which marks a
    character that could not be read, and ``capped``, whether there was more text. Memory is that of
    regmix.corpus.external_sort, whose files are in ``folder``. Raises InputError if a side is empty, but for training
    text at a ``valid_fraction`` of 1.
    """
    sides = {side: {"documents": 0, "chars": 0} for side in ("train", "valid")}
    documents = chars = duplicates = undecodable = 0
    with (
        tempfile.TemporaryDirectory(prefix=".sorted-", dir=folder) as scratch,
        (folder / "train.jsonl").open("w", encoding="utf-8", newline="\n") as train,
        (folder / "valid.jsonl").open("w", encoding="utf-8", newline="\n") as valid,
    ):
        sorter = Sorter(Path(scratch), max_chars)
        for text in map(_clean, texts):
            if text:
                sorter.add(*_draw(text, valid_fraction, salt), text)
        for _, is_valid, text, copies in sorter.documents():
            documents, duplicates = documents + 1, duplicates + copies - 1
            chars += len(text)
            if chars > max_chars:  # the last document
                text = text[: len(text) - (chars - max_chars)].rstrip()
            undecodable += "\ufffd" in text
            side = sides["valid" if is_valid else "train"]
            side["documents"] += 1
            side["chars"] += len(text)
            (valid if is_valid else train).write(as_line(text))
    if not documents:
        raise InputError(f"corpus.domains.{domain}: missing or empty domain; fix its path and its reader's keys")
    for label, name in (("validation", "valid"), ("training", "train")):
        if not sides[name]["documents"] and (name, valid_fraction) != ("train", 1.0):
            raise InputError(
                f"corpus.domains.{domain}: no {label} text: all {documents} documents fell on the other "
                f"side; add documents, cut longer ones, or change corpus.valid_fraction ({valid_fraction:g}) "
                f"or corpus.split_salt ({salt!r})"
            )
    counts = {"duplicates": duplicates, "undecodable": undecodable, "capped": chars > max_chars}
    return {"domain": domain, **sides, **counts}


def _clean(text: str) -> str:
    """Stripped and valid in UTF-8: JSON can contain half a surrogate pair, which UTF-8 cannot encode."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


def _draw(text: str, valid_fraction: float, salt: str) -> tuple[bytes, bool]:
    """Two independent draws from the hash of a text: its key in the order, and whether it is validation text."""
    digest = hashlib.sha256(f"{salt}\n{text}".encode()).digest()
    return digest[:16], int.from_bytes(digest[16:24], "big") < valid_fraction * 2.0**64
