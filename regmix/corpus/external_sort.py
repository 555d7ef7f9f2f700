"""Documents in the order of their keys, copies counted, in bounded memory: sorted files, merged.

A domain of any size takes ``HELD_BYTES`` of memory and one document a file that is being merged; a
domain below that touches no disk. Where the characters are capped, what can no longer be among the
first is dropped as soon as it is known: any part of the documents that reaches the cap bounds the whole.
Files of more than twice the cap are merged into one of the cap, so that they take three times the cap and
``HELD_BYTES``, and what pickle adds.
"""

from __future__ import annotations

import heapq
import pickle
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

HELD_BYTES = 1 << 27  # of documents in memory, before they go to a file
FILES = 64  # that are merged into one
_ENTRY_BYTES = 300  # of a document beside its text, about

Document = tuple[bytes, bool, str, int]  # key, is it validation text, text, how often it was added


class Sorter:
    """The documents with the smallest keys, as many as reach ``max_chars`` characters; files lie in ``folder``."""

    def __init__(self, folder: Path, max_chars: int) -> None:
        self._folder, self._max_chars = folder, max_chars
        self._held: dict[bytes, Document] = {}
        self._held_bytes = 0
        self._last: bytes | None = None  # no document with a larger key is wanted
        self._levels: list[list[Path]] = []  # a file of level i + 1 is made of FILES of level i
        self._files = 0
        self._chars: dict[Path, int] = {}  # of every file

    def add(self, key: bytes, is_valid: bool, text: str) -> None:
        """Take one document; the same key means the same text."""
        if self._last is not None and key > self._last:
            return
        if key in self._held:
            self._held[key] = (key, is_valid, text, self._held[key][3] + 1)
            return
        self._held[key] = (key, is_valid, text, 1)
        self._held_bytes += _size(text)
        if self._held_bytes > HELD_BYTES:
            self._spill()

    def documents(self) -> Iterator[Document]:
        """The documents in order, each once; the one that reaches the cap is the last, and whole."""
        files = [path for level in self._levels for path in level]
        return self._first(_merged([*map(_read, files), self._sorted()]))

    def _sorted(self) -> Iterator[Document]:
        return (self._held[key] for key in sorted(self._held))

    def _first(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Of ``documents`` in order those that may be wanted; learns from them what no longer is."""
        chars = 0
        for document in documents:
            if self._last is not None and document[0] > self._last:
                return
            yield document
            chars += len(document[2])
            if chars >= self._max_chars:
                self._last = document[0]
                return

    def _spill(self) -> None:
        """Make room: drop what is not wanted, and write the rest to a file unless that freed half."""
        kept = list(self._first(self._sorted()))
        self._held = {document[0]: document for document in kept}
        self._held_bytes = sum(_size(document[2]) for document in kept)
        if self._held_bytes > HELD_BYTES / 2:
            self._keep(self._write(kept), 0)
            self._held, self._held_bytes = {}, 0
            if sum(self._chars.values()) > 2 * self._max_chars:
                self._levels = [[self._merge([path for level in self._levels for path in level])]]

    def _keep(self, path: Path, level: int) -> None:
        if level == len(self._levels):
            self._levels.append([])
        files = self._levels[level]
        files.append(path)
        if len(files) == FILES:
            merged = self._merge(files)
            files.clear()
            self._keep(merged, level + 1)

    def _merge(self, files: list[Path]) -> Path:
        merged = self._write(self._first(_merged(map(_read, files))))
        for file in files:
            file.unlink()
            del self._chars[file]
        return merged

    def _write(self, documents: Iterable[Document]) -> Path:
        path = self._folder / str(self._files)
        self._files += 1
        self._chars[path] = 0
        with path.open("wb") as file:
            for document in documents:
                pickle.dump(document, file, pickle.HIGHEST_PROTOCOL)
                self._chars[path] += len(document[2])
        return path


def _size(text: str) -> int:
    return sys.getsizeof(text) + _ENTRY_BYTES


def _read(path: Path) -> Iterator[Document]:
    with path.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except EOFError:
                return


def _merged(streams: Iterable[Iterator[Document]]) -> Iterator[Document]:
    """``streams``, each in order, as one, copies added up."""
    for _, copies in groupby(heapq.merge(*streams), key=itemgetter(0)):
        first, *others = copies
        yield (*first[:3], first[3] + sum(other[3] for other in others))
