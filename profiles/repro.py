"""`dvc repro` with one line per stage that runs: which of how many it is, and how long the rest will take:
python -m profiles.repro.

DVC runs in this process, so errors, interrupts, exit codes and lock files are those of `dvc repro`. Only what it logs
for each stage, four lines with the whole command among them, gives way to that line.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from dvc.cli import main as dvc
from dvc.repo import Repo

from profiles.durations import Durations, left, spent

DIGEST = "code_digest"  # all stages depend on it, and almost none runs because it did
LOGGERS = ("dvc.stage", "dvc.dvcfile", "dvc.repo.reproduce", "dvc.repo.scm_context")
LONGEST = 4  # stages named at the end


class Lines(logging.Filter):
    """Hides what DVC logs about the stages' course, and prints a line for each stage that starts."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.durations = Durations({})
        self.ran: list[str] = []
        self.todo: set[str] = set()  # expected to run: what depends on a stage that ran, and is not reached yet
        self._dependents: dict[str, set[str]] = {}
        self._running: tuple[str, float] | None = None  # the stage that is timed, and when it started

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.INFO or not record.name.startswith(LOGGERS):
            return True
        message = str(record.msg)
        if message.startswith("Running stage"):
            self.start(_name(record))
        elif message.startswith("Stage '%s' is cached"):
            self.start(_name(record), cached=True)
        elif "didn't change, skipping" in message:
            self.end()
            self.todo.discard(_name(record))
        return False

    def start(self, stage: str, cached: bool = False) -> None:
        """Print the line of a stage that starts now."""
        self.end()
        self.todo.discard(stage)
        if stage == DIGEST:
            return
        self._running = None if cached else (stage, time.monotonic())
        if not self._dependents:  # takes a second, so not where there is nothing to do
            self._dependents = dependents()
            self.durations = Durations.read(self.root, self._dependents)
        self.ran.append(stage)
        self.todo |= self._dependents.get(stage, set()) - set(self.ran)
        number, whole = len(self.ran), len(self.ran) + len(self.todo)
        seconds = self.durations.left([*self.todo, *([] if cached else [stage])])
        tail = " (from the cache)" if cached else f", {left(seconds)} left" if seconds else ""
        print(f"[{number:{len(str(whole))}}/{whole}] {stage}{tail}", flush=True)

    def end(self) -> None:
        """Record the time of the stage that ran until now, if one did."""
        if self._running:
            stage, since = self._running
            self.durations.record(stage, time.monotonic() - since)
        self._running = None

    def summary(self) -> str:
        """How many stages ran, and which took longest."""
        took = self.durations.took
        longest = sorted(took, key=lambda stage: -took[stage])[:LONGEST]
        parts = ", ".join(f"{stage} {spent(took[stage])}" for stage in longest)
        return f"{len(took)} stages in {spent(sum(took.values()))}; the longest: {parts}"


def dependents() -> dict[str, set[str]]:
    """By stage, all stages of the root's pipeline that depend on it, at any depth."""
    graph: Any = Repo().index.graph  # from each stage to those it depends on
    roots = [stage for stage in graph if stage.path_in_repo == "dvc.yaml"]
    pipeline = set(roots).union(*(_reached(graph.successors, stage) for stage in roots))
    return {
        _short(stage.addressing): {_short(other.addressing) for other in _reached(graph.predecessors, stage) & pipeline}
        for stage in pipeline
    }


def _reached(neighbours: Any, start: Any) -> set[Any]:
    reached: set[Any] = set()
    todo = [start]
    while todo:
        new = set(neighbours(todo.pop())) - reached
        reached |= new
        todo += new
    return reached


def _name(record: logging.LogRecord) -> str:
    assert isinstance(record.args, tuple)
    return _short(str(record.args[0]))


def _short(addressing: str) -> str:
    """A stage's name without its file."""
    return addressing.split(":")[-1]


def main() -> int:
    """Run `dvc repro`; returns its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # see stages/__init__.py
    root = Path()
    lines = Lines(root)
    for handler in logging.getLogger("dvc").handlers:
        handler.addFilter(lines)
    os.environ["REGMIX_PROGRESS"] = "1"  # stages leave out their own line; see stages/common/run.py
    code = dvc(["repro"])
    if code == 0:
        lines.end()
    if lines.durations.took:
        with contextlib.suppress(OSError):  # a full disk, say: the next run only estimates worse
            lines.durations.write(root)
    if code == 0 and len(lines.durations.took) > 1:
        print(lines.summary())
    return code


if __name__ == "__main__":
    sys.exit(main())
