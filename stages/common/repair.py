"""Repair DVC's own files after a kill in the middle of a write; run it before `dvc repro`.

DVC writes its lock files in place, so a kill can leave one empty, and then every command of DVC fails. The trained runs
are in `.runs`, so a lock file from git, or none, costs only the time of running stages again.
"""

from __future__ import annotations

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
        if _is_lock(path):
            continue
        name = str(path.relative_to(root))
        committed = subprocess.run(["git", "show", f"HEAD:{name}"], cwd=root, capture_output=True, check=False)
        if committed.returncode == 0 and committed.stdout:
            path.write_bytes(committed.stdout)
            yield f"{name}: was damaged by a kill; restored from git, so stages that ran since run again"
        else:
            path.unlink()
            yield f"{name}: was damaged by a kill; removed, so its stages run again"


def _is_lock(path: Path) -> bool:
    try:
        value = parse_yaml(path.read_text(encoding="utf-8"), path)
    except (InputError, OSError, UnicodeDecodeError):
        return False
    return isinstance(value, dict) and {"schema", "stages"} <= value.keys()


def _running(root: Path) -> Iterator[str]:
    for path in sorted(path for pattern in RUNNING for path in root.glob(pattern)):
        with path.with_name("rwlock.lock").open("a", encoding="utf-8") as guard:
            try:
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # a command is writing it
                continue
            if not _is_json(path):
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
