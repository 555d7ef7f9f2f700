"""Members of a zip or tar archive, also of archives within archives, as bytes."""

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


def members(path: Path, patterns: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every member that a pattern matches: patterns in their order, names sorted.

    ``*`` in a pattern matches any text, ``/`` too; ``outer.zip!inner.csv`` is a member of the archive
    that is itself the member ``outer.zip``. Raises InputError if the archive is missing or broken,
    or if a pattern matches nothing.
    """
    for pattern in patterns:
        try:
            with path.open("rb") as file:
                found = list(_walk(file, pattern, path.name))
        except FileNotFoundError:
            raise InputError(f"{path}: no such archive; run corpus_fetch, or fix the domain's path") from None
        except BROKEN as error:
            raise InputError(f"{path}: broken archive ({' '.join(str(error).split())}); fetch it again") from None
        yield from found


def _walk(file: BinaryIO, pattern: str, label: str) -> Iterator[tuple[str, bytes]]:
    outer, _, inner = pattern.partition("!")
    contents = _read(file, outer)
    if not contents:
        raise InputError(f"{label}: no member matches {outer!r}; fix `members` of the domain")
    for name in sorted(contents):
        if inner:
            yield from _walk(io.BytesIO(contents[name]), inner, f"{label}!{name}")
        else:
            yield f"{label}!{name}", contents[name]


def _read(file: BinaryIO, pattern: str) -> dict[str, bytes]:
    """The matching members, read in one pass: going back in a compressed tar means inflating it anew."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            return {info.filename: archive.read(info) for info in files if fnmatchcase(info.filename, pattern)}
    file.seek(0)
    contents = {}
    with tarfile.open(fileobj=file, mode="r:*") as archive:
        for info in archive:
            if info.isfile() and fnmatchcase(info.name, pattern):
                member = archive.extractfile(info)
                assert member is not None  # isfile() says so
                contents[info.name] = member.read()
    return contents
