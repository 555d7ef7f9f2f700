"""Each stage of a finished pipeline is killed in the middle, by each signal, and run again: the same bytes?

A kill hits the whole process group, DVC included, at a random moment of the stage. The way out is that of README: the
same command again.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

LOCKS = ("corpus/dvc.lock", "dvc.lock", "target/dvc.lock")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STORES = (".runs", ".parts")  # what stages keep between runs: emptied before each, so that they work


@dataclass(frozen=True)
class Kill:
    """``kind`` of outcome: identical, different, or failed; ``moment`` is the share of the stage's time before it."""

    stage: str
    signal: str
    moment: float
    kind: str
    said: str


def campaign(root: Path, seed: int, only: str = "") -> Iterator[Kill]:
    """Kill the stages of the finished pipeline in ``root``, a git and DVC repository that they can change."""
    for name in (name for name in stages(root) if only in name):
        rng = random.Random(f"{seed} {name}")
        _empty(root)
        start = time.monotonic()
        done = _dvc(root, "repro", "-s", "-f", name)
        took = time.monotonic() - start
        if done.returncode:
            raise RuntimeError(f"{name} fails before any kill:\n{done.stdout}")
        before = hashes(root)
        for sent in SIGNALS:
            _empty(root)
            moment = rng.random()
            killed = _killed(root, name, moment * took, sent)
            repair = subprocess.run([sys.executable, "-m", "stages.repair"], cwd=root, capture_output=True, text=True)
            again = _dvc(root, "repro")
            said = killed + repair.stdout + repair.stderr + again.stdout
            kind = "failed" if again.returncode or repair.returncode else "different"
            if kind == "different" and hashes(root) == before and not _dvc(root, "status", "-q").returncode:
                kind = "identical"
            yield Kill(name, sent.name, moment, kind, said[-3000:])


def stages(root: Path) -> list[str]:
    """The stages as DVC names them at the root; of stages over shards or methods, the first."""
    out: dict[str, str] = {}
    for lock in LOCKS:
        prefix = "" if lock == "dvc.lock" else f"{lock.removesuffix('.lock')}.yaml:"
        for name in yaml.safe_load((root / lock).read_text())["stages"]:
            out.setdefault(name.split("@")[0], prefix + name)
    return list(out.values())


def hashes(root: Path) -> dict[str, str]:
    """Of every output, as the lock files have them."""
    found = {}
    for lock in LOCKS:
        for entry in yaml.safe_load((root / lock).read_text())["stages"].values():
            found |= {out["path"]: out["md5"] for out in entry.get("outs", ())}
    return found


def _empty(root: Path) -> None:
    for store in STORES:
        shutil.rmtree(root / store, ignore_errors=True)


def _dvc(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["dvc", *words], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _killed(root: Path, name: str, seconds: float, sent: signal.Signals) -> str:
    """What the stage printed until it was killed; it may end before."""
    command = ["dvc", "repro", "-s", "-f", name]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        time.sleep(seconds)
        try:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, sent)
                process.wait(20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what did not obey
        return process.stdout.read() if process.stdout else ""
