"""Repair DVC's own files after a kill in the middle of a write; run it before `dvc repro`.

DVC writes its lock files in place, so a kill can leave one empty, and then every command of DVC fails. The trained runs
are in `.runs`, so a lock file from git, or none, costs only the time of running stages again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from regmix.core.errors import InputError
from regmix.core.files import parse_yaml

LOCKS = ("dvc.lock", "*/dvc.lock")  # of stages
RUNNING = (".dvc/tmp/rwlock", "*/.dvc/tmp/rwlock")  # of commands under way


def main(root: Path = Path()) -> list[str]:
    """Repair the files below ``root`` that are damaged, unless a command of DVC holds them; a line for each."""
    return [*_locks(root), *_running(root)]


def _locks(root: Path) -> Iterator[str]:
    for path in sorted(path for pattern in LOCKS for path in root.glob(pattern)):
        project = path.parent if (path.parent / ".dvc").is_dir() else root
        with _locked(project / ".dvc/tmp/lock") as free:
            if free and not _is_lock(path):
                yield _restored(path, root)


def _restored(path: Path, root: Path) -> str:
    name = str(path.relative_to(root))
    committed = subprocess.run(["git", "show", f"HEAD:{name}"], cwd=root, capture_output=True, check=False)
    if committed.returncode == 0 and committed.stdout:
        path.write_bytes(committed.stdout)
        return f"{name}: was damaged by a kill; restored from git, so stages that ran since run again"
    path.unlink()
    return f"{name}: was damaged by a kill; removed, so its stages run again"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Hold a lock file of DVC; False if a command holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _is_lock(path: Path) -> bool:
    try:
        value = parse_yaml(path.read_text(encoding="utf-8"), path)
    except (InputError, OSError, UnicodeDecodeError):
        return False
    return isinstance(value, dict) and {"schema", "stages"} <= value.keys()


def _running(root: Path) -> Iterator[str]:
    for path in sorted(path for pattern in RUNNING for path in root.glob(pattern)):
        with _locked(path.with_name("rwlock.lock")) as free:
            if free and not _is_json(path):
                path.unlink()
                yield f"{path.relative_to(root)}: was damaged by a kill; removed"


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    for line in main():
        print(f"note: {line}", file=sys.stderr)
