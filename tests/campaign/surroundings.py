"""Every stage of a finished pipeline on a machine in trouble: what does it print, and is anything lost?

A full disk, a read-only one, no file handles, and files from the future, as after the clock was set back. A stage runs
as a command of its own; after each case it runs again in normal conditions, and must end in the same bytes.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.damage import commands, digest
from tests.campaign.kills import STORES

LIMIT = 300  # seconds for a case
AHEAD = 366 * 24 * 3600  # seconds
# What the shell does before the stage, where $1, $2, ... are the folders that the stage writes to.
CONDITIONS = {
    "full disk": 'for place; do mount -t tmpfs -o size=16k none "$place"; done',
    "read-only disk": 'for place; do mount -t tmpfs -o ro none "$place"; done',
    "no file handles": "ulimit -n 8",
    "clock set back": "true",
}
DIGEST = "code_digest"
MOUNTS = ("unshare", "--map-root-user", "--mount")


@dataclass(frozen=True)
class Case:
    """``kind`` of outcome: clear (lines of error, no traceback), unclear, traceback, late, the same result, different.

    Different: it ended in another result, in this condition or after it.
    """

    stage: str
    condition: str
    kind: str
    printed: str


def units(root: Path) -> list[str]:
    """All stages; of those over shards or methods, the first."""
    return [DIGEST, *commands(root, root)]


def campaign(root: Path, work: Path, stage: str) -> Iterator[Case]:
    """Run ``stage`` of the finished pipeline in ``root`` in each condition, writing to ``work``."""
    own = {DIGEST: ["python", "-m", "stages.code_digest", "--pipeline", "root", "--out", str(work / "out/code_digest")]}
    command = (own | commands(root, work / "out"))[stage]
    places = [work / "out", *(root / name for name in STORES)]
    code, printed = _run(command, root, places)
    if code != 0:  # None if it took too long
        raise RuntimeError(f"{stage} fails in normal conditions:\n{printed}")
    sound = digest(_after(places))
    for condition in CONDITIONS:
        if mounts() or "disk" not in condition:
            yield _case(stage, condition, command, root, places, sound)


def mounts() -> bool:
    """Whether this user can mount file systems in a namespace, which full and read-only disks need."""
    return shutil.which(MOUNTS[0]) is not None and not subprocess.run([*MOUNTS, "true"], capture_output=True).returncode


def _case(stage: str, condition: str, command: list[str], root: Path, places: Sequence[Path], sound: str) -> Case:
    if condition == "clock set back":
        _age(root / "data", AHEAD)
    code, printed = _run(command, root, places, condition)
    result = digest(_after(places))
    if condition == "clock set back":
        _age(root / "data", 0)
    if code is None:
        return Case(stage, condition, "late", printed[-2000:])
    if code == 0:
        return Case(stage, condition, "the same result" if result == sound else "different", printed[-2000:])
    kind = "traceback" if "Traceback" in printed else "clear" if code == 1 and "error: " in printed else "unclear"
    if kind == "clear":
        again, later = _run(command, root, places)
        if again or digest(_after(places)) != sound:
            kind, printed = "different", printed + later
    return Case(stage, condition, kind, printed[-2000:])


def _run(command: list[str], root: Path, places: Sequence[Path], condition: str = "") -> tuple[int | None, str]:
    """The exit code, None if it takes too long, and what was printed, of the stage with nothing in ``places``."""
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    shutil.rmtree(_after(places), ignore_errors=True)
    stage = shlex.join([sys.executable, *command[1:]])
    # What lies on a mounted disk is gone with it.
    script = f'{CONDITIONS.get(condition, "true")} && {{ {stage}; code=$?; cp -r "$1" "$1.after"; exit $code; }}'
    shell = [*(MOUNTS if "disk" in condition else ()), "bash", "-c", script, "bash", *map(str, places)]
    try:
        done = subprocess.run(
            shell,
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired as error:
        return None, str(error.stdout)
    return done.returncode, done.stdout


def _after(places: Sequence[Path]) -> Path:
    """What the last run wrote."""
    return places[0].with_name(f"{places[0].name}.after")


def _age(folder: Path, seconds: float) -> None:
    """Set the times of all files to so many seconds from now."""
    then = time.time() + seconds
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.utime(path, (then, then))
