"""Members of zip and tar archives, also of archives within archives or in a folder, as bytes."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from regmix.core.errors import InputError

BROKEN = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, tarfile.TarError, zlib.error)


def members(path: Path, patterns: Sequence[str], exclude: Sequence[str] = ()) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every member that a pattern matches: patterns in their order, names sorted.

    ``path`` is an archive, or a folder of archives; then one archive follows another, in the order of the patterns.
    ``*`` in a pattern matches any text, ``/`` too; ``outer.zip!inner.csv`` is a member of the archive ``outer.zip``,
    which is itself a member of ``path``. What matches of one archive is in memory at a time.
    Members whose own names match a pattern of ``exclude`` are left out.
    Raises InputError if an archive is missing or broken, or if a pattern matches nothing.
    """
    for archive, inner in _archives(path, patterns).items():
        try:
            with archive.open("rb") as file:
                found = list(_walk(file, inner, archive.name))
        except FileNotFoundError:
            raise InputError(f"{archive}: no such archive; run corpus_fetch, or fix the domain's path") from None
        except BROKEN as error:
            raise InputError(f"{archive}: broken archive ({' '.join(str(error).split())}); fetch it again") from None
        for name, content in found:
            if not any(fnmatchcase(name.rsplit("!", 1)[-1], pattern) for pattern in exclude):
                yield name, content


def _archives(path: Path, patterns: Sequence[str]) -> dict[Path, list[str]]:
    """The archives that ``patterns`` mean, in their order, each with the patterns within it."""
    if not path.is_dir():
        return {path: list(patterns)}
    archives: dict[Path, list[str]] = {}
    for pattern in patterns:
        outer, _, inner = pattern.partition("!")
        found = sorted(file for file in path.iterdir() if fnmatchcase(file.name, outer))
        if not found or not inner:
            raise InputError(f"{path}: no archive matches {pattern!r}, ARCHIVE!MEMBER; fix `members` of the domain")
        for file in found:
            archives.setdefault(file, []).append(inner)
    return archives


def _walk(file: BinaryIO, patterns: Sequence[str], label: str) -> Iterator[tuple[str, bytes]]:
    split = [pattern.partition("!") for pattern in patterns]
    contents = _read(file, [outer for outer, _, _ in split])
    for outer, _, inner in split:
        names = sorted(name for name in contents if fnmatchcase(name, outer))
        if not names:
            raise InputError(f"{label}: no member matches {outer!r}; fix `members` of the domain")
        for name in names:
            if inner:
                yield from _walk(io.BytesIO(contents[name]), [inner], f"{label}!{name}")
            else:
                yield f"{label}!{name}", contents[name]


def _read(file: BinaryIO, patterns: Sequence[str]) -> dict[str, bytes]:
    """The members that any pattern matches, read in one pass: to go back in a compressed tar is to inflate it again."""

    def wanted(name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            return {info.filename: archive.read(info) for info in files if wanted(info.filename)}
    file.seek(0)
    contents = {}
    with tarfile.open(fileobj=file, mode="r:*") as tar:
        for info in tar:
            if info.isfile() and wanted(info.name):
                member = tar.extractfile(info)
                assert member is not None  # isfile() says so
                contents[info.name] = member.read()
    return contents
