"""Each stage of a finished pipeline is killed in the middle, by each signal, and run again: the same bytes?

A kill hits the whole process group, DVC included, at a random moment after the stage has started. Then the stage runs
again, and must run: DVC would otherwise check out what its cache has of an earlier run, which shows nothing.
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
SEEDS = (0, 1)  # each kills every stage once by every signal
LONG = 15.0  # seconds: stages that take longer are killed with the first seed alone
LATEST = 0.9  # of a stage's time: later it may have ended, since its time varies
TRIES = 4  # each at half the moment of the last, if the stage had ended
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
FORCED = ("--force", "--no-run-cache")
DONE = "up to date"  # DVC's word
STORES = (".runs", ".parts")  # what stages keep between runs: emptied before each, so that they work


@dataclass(frozen=True)
class Kill:
    """``kind`` of outcome: identical, different, failed, or missed, if the stage had always ended before.

    Healed: identical as well, but the kill damaged DVC's lock, so that more than the stage had to run again.

    ``moment`` is the share of the stage's time before the kill.
    """

    stage: str
    signal: str
    moment: float
    kind: str
    printed: str


def campaign(root: Path, name: str) -> Iterator[Kill]:
    """Kill stage ``name`` of the finished pipeline in ``root``, a git and DVC repository that it can change."""
    empty(root)
    took, _ = _run(root, name)
    assert took is not None
    before = hashes(root)
    for seed in SEEDS if took < LONG else SEEDS[:1]:
        rng = random.Random(f"{seed} {name}")
        for sent in SIGNALS:
            yield _kill(root, name, sent, LATEST * rng.random(), took, before)


def _kill(root: Path, name: str, sent: signal.Signals, moment: float, took: float, before: dict[str, str]) -> Kill:
    """Kill the stage, which takes about ``took`` seconds, at ``moment``, or earlier if it ends sooner; then run it."""
    for _ in range(TRIES):
        empty(root)
        after, printed = _run(root, name, moment * took, sent)
        if after is not None:
            break
        moment /= 2
    else:
        return Kill(name, sent.name, moment, "missed", printed[-3000:])
    repair = subprocess.run([sys.executable, "-m", "stages.common.repair"], cwd=root, capture_output=True, text=True)
    again, rest = _dvc(root, "repro", "-s", *FORCED, name), _dvc(root, "repro")
    whole = DONE in rest.stdout  # otherwise the lock had lost entries, and their outputs came out of DVC's cache
    last = rest if whole else _dvc(root, "repro")
    printed += repair.stdout + repair.stderr + again.stdout + rest.stdout
    kind = "failed" if again.returncode or rest.returncode or repair.returncode else "different"
    ran = f"Running stage '{name}'" in again.stdout
    if kind == "different" and ran and hashes(root) == before and DONE in last.stdout:
        kind = "identical" if whole else "healed"
    return Kill(name, sent.name, moment, kind, printed[-3000:])


def stages(root: Path) -> list[str]:
    """The stages as DVC names them at the root; of stages over shards or methods, the first."""
    out: dict[str, str] = {}
    for lock in LOCKS:
        prefix = "" if lock == "dvc.lock" else f"{lock.removesuffix('.lock')}.yaml:"
        for name in yaml.safe_load((root / lock).read_text())["stages"]:
            out.setdefault(name.split("@")[0], prefix + name)
    return list(out.values())


def hashes(root: Path) -> dict[str, str]:
    """The hash of every output, from the lock files."""
    by_path = {}
    for lock in LOCKS:
        for entry in yaml.safe_load((root / lock).read_text())["stages"].values():
            by_path |= {out["path"]: out["md5"] for out in entry.get("outs", ())}
    return by_path


def empty(root: Path) -> None:
    """Remove what stages keep between runs."""
    for store in STORES:
        shutil.rmtree(root / store, ignore_errors=True)


def _dvc(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["dvc", *words], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _run(root: Path, name: str, after: float = 0, sent: signal.Signals | None = None) -> tuple[float | None, str]:
    """Run the stage, and kill it by ``sent`` if given ``after`` so many seconds; seconds it ran, and what it printed.

    None instead of seconds if it had ended before the kill. Raises RuntimeError if it fails by itself.
    """
    printed = root.with_name("printed")
    with (
        printed.open("w") as file,
        subprocess.Popen(
            ["dvc", "repro", "-s", *FORCED, name],
            cwd=root,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        while process.poll() is None and f"Running stage '{name}'" not in printed.read_text():
            time.sleep(0.02)
        start = time.monotonic()
        if sent is None:
            process.wait()
        else:
            time.sleep(after)
            if process.poll() is not None:
                return None, printed.read_text()
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, sent)
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what did not obey
        took = time.monotonic() - start
    if sent is None and process.returncode:
        raise RuntimeError(f"{name} fails before any kill:\n{printed.read_text()}")
    return took, printed.read_text()
