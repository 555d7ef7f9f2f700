"""Members of zip and tar archives as bytes; archives can be nested or in a folder."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, BinaryIO

from pydantic import Field

from regmix.core.errors import InputError
from regmix.core.settings import Line

Patterns = Annotated[list[Line], Field(min_length=1)]  # as for ``members``
MOST = 4 << 30  # bytes of an archive's members that are in memory together
BROKEN = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, tarfile.TarError, zlib.error)


def members(path: Path, patterns: Sequence[str], exclude: Sequence[str] = ()) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every member that a pattern matches: patterns in the given order, names sorted.

    ``path`` is an archive, or a folder whose archives are read one after the other, in the order of the patterns.
    ``*`` in a pattern matches any text, including ``/``; ``outer.zip!inner.csv`` is a member of the archive
    ``outer.zip``, which is itself a member of ``path``. The matches in one archive are in memory at a time.
    Members whose innermost names match a pattern of ``exclude`` are skipped.
    Raises InputError if an archive is missing or broken, or if a pattern matches nothing.
    """
    for archive, inner in _archives(path, patterns).items():
        try:
            with archive.open("rb") as file:
                matches = list(_walk(file, inner, archive.name))
        except FileNotFoundError:
            raise InputError(f"{archive}: no such archive; run corpus_fetch, or fix the domain's path") from None
        except BROKEN as error:
            raise InputError(f"{archive}: broken archive ({' '.join(str(error).split())}); fetch it again") from None
        for name, content in matches:
            if not any(fnmatchcase(name.rsplit("!", 1)[-1], pattern) for pattern in exclude):
                yield name, content


def _archives(path: Path, patterns: Sequence[str]) -> dict[Path, list[str]]:
    """The archives that ``patterns`` match, in that order, each with the patterns inside it."""
    if not path.is_dir():
        return {path: list(patterns)}
    archives: dict[Path, list[str]] = {}
    for pattern in patterns:
        outer, _, inner = pattern.partition("!")
        matches = sorted(file for file in path.iterdir() if fnmatchcase(file.name, outer))
        if not matches or not inner:
            raise InputError(
                f"{path}: no archive matches {pattern!r}, which must be ARCHIVE!MEMBER; fix the domain's `members`"
            )
        for file in matches:
            archives.setdefault(file, []).append(inner)
    return archives


def _walk(file: BinaryIO, patterns: Sequence[str], label: str) -> Iterator[tuple[str, bytes]]:
    split = [pattern.partition("!") for pattern in patterns]
    contents = _read(file, [outer for outer, _, _ in split], label)
    for outer, _, inner in split:
        names = sorted(name for name in contents if fnmatchcase(name, outer))
        if not names:
            raise InputError(f"{label}: no member matches {outer!r}; fix the domain's `members`")
        for name in names:
            if inner:
                yield from _walk(io.BytesIO(contents[name]), [inner], f"{label}!{name}")
            else:
                yield f"{label}!{name}", contents[name]


def _read(file: BinaryIO, patterns: Sequence[str], label: str) -> dict[str, bytes]:
    """The members that any pattern matches, in one pass: seeking back in a compressed tar would inflate it again."""

    def matches(name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir() and matches(info.filename)]
            names = Counter(info.filename for info in infos)
            if twice := [name for name, count in names.items() if count > 1]:
                raise InputError(f"{label}: has two members named {twice[0]}; pack it again")
            _room(sum(info.file_size for info in infos), label)
            return {info.filename: archive.read(info) for info in infos}
    file.seek(0)
    contents: dict[str, bytes] = {}
    size = 0
    with tarfile.open(fileobj=file, mode="r:*") as tar:
        for member in tar:
            if member.isfile() and matches(member.name):
                if member.name in contents:
                    raise InputError(f"{label}: has two members named {member.name}; pack it again")
                _room(size := size + member.size, label)
                content = tar.extractfile(member)
                assert content is not None  # guaranteed by isfile()
                contents[member.name] = content.read()
    return contents


def _room(size: int, label: str) -> None:
    if size > MOST:
        raise InputError(f"{label}: members of more than {MOST >> 30} GiB; name fewer in the domain's `members`")
