"""Sort documents by key and count copies in bounded memory, by merging sorted files.

A domain of any size takes ``HELD_BYTES`` of memory plus one document per file being merged; a smaller
domain uses no disk. If the number of characters is capped, documents beyond the cap are dropped as early as
possible: once any subset of the documents reaches the cap, keys larger than its last are not needed. When the files
exceed twice the cap, they are merged into one of the cap's size, so that they take at most three times the cap plus
``HELD_BYTES``, and pickle's overhead.
"""

from __future__ import annotations

import heapq
import pickle
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

HELD_BYTES = 1 << 27  # of documents in memory before they are written to a file
FILES = 64  # merged into one
_ENTRY_BYTES = 300  # overhead of a document besides its text, approximate

Document = tuple[bytes, bool, str, int]  # key, whether it is validation text, text, times added


class Sorter:
    """The documents with the smallest keys, enough to reach ``max_chars`` characters; its files are in ``folder``."""

    def __init__(self, folder: Path, max_chars: int) -> None:
        self._folder, self._max_chars = folder, max_chars
        self._in_memory: dict[bytes, Document] = {}
        self._in_memory_bytes = 0
        self._last: bytes | None = None  # documents with a larger key are not needed
        self._levels: list[list[Path]] = []  # a file of level i + 1 is merged from FILES files of level i
        self._files = 0
        self._chars: dict[Path, int] = {}  # per file

    def add(self, key: bytes, is_valid: bool, text: str) -> None:
        """Add one document; equal keys mean equal texts."""
        if self._last is not None and key > self._last:
            return
        if key in self._in_memory:
            self._in_memory[key] = (key, is_valid, text, self._in_memory[key][3] + 1)
            return
        self._in_memory[key] = (key, is_valid, text, 1)
        self._in_memory_bytes += _size(text)
        if self._in_memory_bytes > HELD_BYTES:
            self._spill()

    def documents(self) -> Iterator[Document]:
        """The documents in order, each once; the one that reaches the cap is the last and is not cut."""
        files = [path for level in self._levels for path in level]
        return self._first(_merged([*map(_read, files), self._sorted()]))

    def _sorted(self) -> Iterator[Document]:
        return (self._in_memory[key] for key in sorted(self._in_memory))

    def _first(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yield sorted ``documents`` up to the cap, and lower ``_last`` to the key that reaches it."""
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
        """Free memory: drop documents that are not needed, and write the rest to a file unless that freed half."""
        needed = list(self._first(self._sorted()))
        self._in_memory = {document[0]: document for document in needed}
        self._in_memory_bytes = sum(_size(document[2]) for document in needed)
        if self._in_memory_bytes > HELD_BYTES / 2:
            self._add_file(self._write(needed), 0)
            self._in_memory, self._in_memory_bytes = {}, 0
            if sum(self._chars.values()) > 2 * self._max_chars:
                self._levels = [[self._merge([path for level in self._levels for path in level])]]

    def _add_file(self, path: Path, level: int) -> None:
        if level == len(self._levels):
            self._levels.append([])
        files = self._levels[level]
        files.append(path)
        if len(files) == FILES:
            merged = self._merge(files)
            files.clear()
            self._add_file(merged, level + 1)

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
    """Sorted ``streams`` merged into one, counts of copies added up."""
    for _, copies in groupby(heapq.merge(*streams), key=itemgetter(0)):
        first, *others = copies
        yield (*first[:3], first[3] + sum(copy[3] for copy in others))
