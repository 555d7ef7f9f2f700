"""Several commands at once: in a checkout, in two that share a store, on a remote, during a pull.

On copies of a finished pipeline, without what it trained, so that all is trained again. Good is *identical*: what ran
to its end has the hashes of the finished pipeline, what was refused said so, and afterwards nothing is left to do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.kills import empty, hashes

Outcome = tuple[str, str]  # a kind, and what was printed
BUSY = ("is busy", "Unable to acquire lock")  # what DVC says if another command is at work
LAST = 1500  # characters that are kept of what each command printed
PART = "swarm_collect"  # two that work at once go up to here, which trains all first proxies


@dataclass(frozen=True)
class Case:
    """``kind`` of outcome: identical, different, failed (a command ended in an error other than being refused)."""

    what: str
    kind: str
    printed: str


def case(what: str, root: Path, work: Path) -> Case:
    """One of CASES on ``root``, a copy of the finished pipeline, with its other folders in ``work``."""
    return Case(what, *CASES[what](root, work))


def _two_in_one_checkout(root: Path, work: Path) -> Outcome:
    before = hashes(root)
    empty(root)
    return _judged([root], before, [_start(root, "repro", "--force", "--no-run-cache", PART) for _ in range(2)])


def _two_checkouts_on_one_store(root: Path, work: Path) -> Outcome:
    before = hashes(root)
    other = _copy(root, work / "other")
    shared = work / "shared"
    shutil.rmtree(shared, ignore_errors=True)
    shared.mkdir()
    for path in (root, other):
        empty(path)
        (path / ".runs").symlink_to(shared)
    both = [_start(path, "repro", "--force", "--no-run-cache", PART) for path in (root, other)]
    return _judged([root, other], before, both)


def _two_machines_on_one_remote(root: Path, work: Path) -> Outcome:
    """Both push at once; a third pulls, and has nothing to do."""
    before = hashes(root)
    other, third = (_copy(root, work / name) for name in ("other", "third"))
    _remote((root, other, third), work)
    kind, printed = _judged([root, other], before, [_start(path, "push", "--run-cache") for path in (root, other)])
    for folder in ("data", ".dvc/cache"):
        shutil.rmtree(third / folder)
    after, more = _judged([third], before, [_start(third, "pull")])
    return ("identical" if kind == after == "identical" else "failed", printed + more)


def _a_run_during_a_pull(root: Path, work: Path) -> Outcome:
    before = hashes(root)
    _remote((root,), work)
    subprocess.run(["dvc", "push", "-q"], cwd=root, check=True)
    for folder in ("data", ".dvc/cache"):
        shutil.rmtree(root / folder)
    pull = _start(root, "pull")
    time.sleep(1)  # so that it is under way
    return _judged([root], before, [pull, _start(root, "repro", PART)])


def _two_experiments_at_once(root: Path, work: Path) -> Outcome:
    """In one workspace: refused, or the workspace is that of one of them, and whole again after `dvc checkout`."""
    before = hashes(root)
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "run"], cwd=root, check=False)
    runs = [_start(root, "exp", "run", "-S", f"mixture.risk={risk}", "mixture_choose") for risk in (2, 3)]
    ended = [_end(run) for run in runs]
    subprocess.run(["git", "checkout", "-q", "."], cwd=root, check=True)
    kind, printed = _judged([root], before, [_start(root, "checkout", "--force")])
    refused = [text for code, text in ended if code]
    clear = all("Traceback" not in text and "ERROR" in text for text in refused)
    return (kind if clear else "failed"), "".join(text for _, text in ended) + printed


CASES: dict[str, Callable[[Path, Path], Outcome]] = {
    "two pipelines in one checkout": _two_in_one_checkout,
    "two checkouts on one store": _two_checkouts_on_one_store,
    "two machines on one remote": _two_machines_on_one_remote,
    "a run during a pull": _a_run_during_a_pull,
    "two experiments at once": _two_experiments_at_once,
}


def _judged(roots: list[Path], before: dict[str, str], commands: list[subprocess.Popen[str]]) -> Outcome:
    """Wait for ``commands``; then `dvc repro` must succeed in each root, with the hashes from ``before``."""
    ended = [_end(command) for command in commands]
    ended += [_end(_start(root, "repro")) for root in roots]
    printed = "\n".join(text[-LAST:] for _, text in ended)
    failed = any(code and not any(busy in text for busy in BUSY) for code, text in ended)
    if failed or any("Traceback" in text for _, text in ended):
        return "failed", printed
    sound = all(hashes(root) == before and not _end(_start(root, "status", "-q"))[0] for root in roots)
    return ("identical" if sound else "different"), printed


def _start(root: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(["dvc", *words], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _end(process: subprocess.Popen[str]) -> tuple[int, str]:
    printed = process.communicate()[0]
    return process.returncode, printed


def _copy(root: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(root, to, symlinks=True))


def _remote(roots: tuple[Path, ...], work: Path) -> None:
    shutil.rmtree(work / "remote", ignore_errors=True)
    for root in roots:
        words = ["dvc", "remote", "add", "--local", "-q", "-f", "-d", "shared", os.fspath(work / "remote")]
        subprocess.run(words, cwd=root, check=True)
