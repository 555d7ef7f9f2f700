"""Which files are not what their stage wrote: compared with the hashes in DVC's lock files.

For a stage that fails without a reason of its own. `dvc repro` compares hashes before it runs a stage; a stage that is
run by hand, or a disk that fails, gets past that.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from regmix.core.errors import InputError
from regmix.core.files import parse_yaml, read_text

LOCKS = ("dvc.lock", "*/dvc.lock")
CACHE = Path(".dvc/cache/files/md5")


def damaged(paths: Iterable[Path], arguments: Sequence[str], root: Path = Path()) -> Iterator[Path]:
    """The files at and below ``paths`` that differ from what a lock file below ``root`` records, or are missing.

    Except what the stage that runs with these ``arguments`` writes: DVC removes it before it runs the stage.
    """
    inputs = [path.resolve() for path in paths]
    for place, digest in _outputs(arguments, root):
        if any(place == path or path in place.parents or place in path.parents for path in inputs):
            yield from _differing(place, digest, root)


def _outputs(arguments: Sequence[str], root: Path) -> Iterator[tuple[Path, str]]:
    """Each output of every stage but the one with these ``arguments``, and its hash."""
    for lock in sorted(path for pattern in LOCKS for path in root.glob(pattern)):
        try:
            stages = parse_yaml(read_text(lock), lock)["stages"].values()
            entries = [out for entry in stages if not _runs(entry, arguments)
                       for out in entry.get("outs", ()) if "md5" in out]  # fmt: skip
        except (InputError, AttributeError, KeyError, TypeError, ValueError):
            continue
        for out in entries:  # relative to the folder, or to the root where dvc.yaml has a wdir
            for folder in {root, lock.parent}:
                yield (folder / out["path"]).resolve(), out["md5"]


def _runs(entry: Mapping[str, Any], arguments: Sequence[str]) -> bool:
    command = shlex.split(str(entry["cmd"]))
    return command[len(command) - len(arguments) :] == list(arguments)


def _differing(place: Path, digest: str, root: Path) -> Iterator[Path]:
    if not digest.endswith(".dir"):
        if _md5(place) != digest:
            yield place
        return
    listing = root / CACHE / digest[:2] / digest[2:]
    try:
        files = {place / entry["relpath"]: entry["md5"] for entry in json.loads(listing.read_text(encoding="utf-8"))}
    except (OSError, ValueError):
        return
    yield from (path for path, own in files.items() if _md5(path) != own)
    if place.is_dir():
        yield from (path for path in sorted(place.rglob("*")) if path.is_file() and path not in files)


def _md5(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
