"""Archives pinned by their sha256."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from regmix.core.errors import InputError


class Pinned(Protocol):
    """The fields of an archive used here; regmix.corpus.settings.Archive has them."""

    @property
    def file(self) -> str: ...
    @property
    def sha256(self) -> str: ...


def verify(path: Path, archives: Mapping[str, Pinned]) -> None:
    """Check each of the pinned ``archives`` (by project) that is ``path`` or is in the folder ``path``.

    Raises InputError if a sha256 differs from the pinned one.
    """
    for project, archive in archives.items():
        name = Path(archive.file).name
        file = path / name if path.is_dir() else path
        if file.name == name and file.is_file() and (actual := sha256(file)) != archive.sha256:
            raise InputError(
                f"{file}: sha256 {actual[:12]}... differs from {archive.sha256[:12]}... of corpus.archives.{project}; "
                "delete it and fetch it again"
            )


def sha256(path: Path) -> str:
    """The sha256 of the file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
