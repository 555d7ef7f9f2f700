"""Shared by the submitit launchers: an array of tasks that train on other nodes, watched until all have ended.

A task trains its share of the runs as ``local`` does, under keys for its node's CPU or GPU, into the store. The store,
the repository and its environment must be on a file system that all nodes share, at the same path. So the finished runs
of a task are always kept, and a requeued task (preempted, out of time, node lost) resumes from its checkpoints. The
assignment is pickled once, with memory-mapped tokens as file names.
"""

from __future__ import annotations

import contextlib
import io
import math
import mmap
import multiprocessing
import os
import pickle
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from regmix.core.errors import InputError
from regmix.engine.packs import split
from regmix.engine.store.runs import RunStore
from regmix.engine.train_pack import Assignment
from regmix.launchers import local

try:
    import submitit
except ImportError:
    raise InputError(
        "params.yaml: machine.launcher: submitit is not installed; pip install -c constraints.txt -e '.[slurm]'"
    ) from None

TIMEOUTS = 1000  # how often a task can run out of time and be requeued; each time it resumes where it stopped
LOOK = 1.0  # seconds between checks for results
ASK = 5.0  # seconds between queries to the scheduler


@dataclass(frozen=True)
class Task:
    """Runs ``first`` to ``last`` (exclusive) of the assignment in the file ``path``; submitit calls it on a node."""

    path: Path
    first: int
    last: int

    def __call__(self) -> str | None:
        """Train the runs; returns the message if there is an InputError, otherwise None."""
        if self.path.stat().st_uid != os.getuid():  # unpickling runs what the file says
            return f"{self.path}: belongs to another user; it is not read"
        assignment: Assignment = pickle.loads(self.path.read_bytes())
        try:
            assignment.store.enter(assignment.setup.compute)
            here = local.places(assignment.store, assignment.setup.compute)
            runs = assignment.runs[self.first : self.last]
            missing = [run for run in runs if assignment.find(run, here) is None]
            if missing:
                local.launch(replace(assignment, runs=missing), local.Options())
        except InputError as error:
            return str(error)
        return None

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """What to run when the task is requeued; submitit calls this before it loses the node."""
        for child in multiprocessing.active_children():
            child.kill()  # immediately: there is little time, and the checkpoints are in the store
        return submitit.helpers.DelayedSubmission(self)


def places(store: RunStore, compute: str) -> list[dict[str, str]]:
    """The CPUs and GPUs that this store's tasks have run on."""
    return store.places()


def launch(
    assignment: Assignment,
    number: int,
    submit: Callable[[Path, list[Task]], list[Any]],
    alive: Callable[[Sequence[Any]], set[str]],
    grace: float,
) -> None:
    """Train the runs of ``assignment`` in ``number`` tasks of ``machine.processes`` processes each.

    ``submit`` creates the jobs for the tasks, with their files in a folder; ``alive`` returns the ids of the given jobs
    that are queued or running; ``grace`` is how many seconds the result of an ended job can take to appear in the
    folder. Raises InputError.
    """
    root = assignment.store.root.absolute()
    (root / "jobs").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=re.sub(r"\W+", "-", assignment.label) + "-", dir=root / "jobs"))
    with (folder / "assignment.pkl").open("wb") as file:
        _Pickler(file).dump(replace(assignment, store=RunStore(root)))
    tasks = [Task(folder / "assignment.pkl", part.start, part.stop) for part in split(len(assignment.runs), number)]
    jobs = _submit(assignment.label, folder, lambda: submit(folder, tasks))
    try:
        failures = _watch(assignment, folder, dict(zip(jobs, tasks, strict=True)), alive, grace)
    finally:
        for job in jobs:
            if not job.paths.result_pickle.exists():
                job.cancel(check=False)
    if failures:
        raise InputError(failures[0] + (f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""))
    deadline = time.monotonic() + grace
    while (
        not all(assignment.find(run, assignment.store.places()) for run in assignment.runs)
        and time.monotonic() < deadline
    ):
        time.sleep(LOOK)
    shutil.rmtree(folder, ignore_errors=True)  # a task that is just ending can still write to its log


def _submit(label: str, folder: Path, submit: Callable[[], list[Any]]) -> list[Any]:
    """The jobs. Raises InputError with the first line of the scheduler's error; submitit would print all lines."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return submit()
    except (RuntimeError, OSError, ValueError) as error:
        shutil.rmtree(folder)
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"{label}: not submitted: {reason}; fix machine.launcher in params.yaml") from None


def _watch(
    assignment: Assignment,
    folder: Path,
    waiting: dict[Any, Task],
    alive: Callable[[Sequence[Any]], set[str]],
    grace: float,
) -> list[str]:
    """Wait until every job has ended; returns one line per failure."""
    failures: list[str] = []
    queried, missing = -math.inf, dict[Any, float]()  # jobs that the scheduler no longer lists, since when
    with tqdm(total=len(assignment.runs), unit="run", desc=assignment.label, disable=None) as bar:
        while waiting:
            now = time.monotonic()
            if now - queried >= ASK:
                live, queried = alive(list(waiting)), now
                missing = {job: missing.get(job, now) for job in waiting if job.job_id not in live}
            written = {path.name for path in folder.iterdir()}  # a listing, as shared file systems can cache absence
            for job in list(waiting):
                if job.paths.result_pickle.name in written:
                    failures += _failure(assignment, job)
                elif now - missing.get(job, now) > grace:
                    failures.append(f"{assignment.label}: job {job.job_id} was killed; {_advice(job)}")
                else:
                    continue
                task = waiting.pop(job)
                bar.update(task.last - task.first)
            if waiting:
                time.sleep(LOOK)
    return failures


def _failure(assignment: Assignment, job: Any) -> list[str]:
    """The failure, if any, of a job that ended by itself."""
    if job.exception() is not None:
        return [f"{assignment.label}: job {job.job_id} failed; {_advice(job)}"]
    message = job.result()
    return [message] if message else []


def _advice(job: Any) -> str:
    return f"see its log {job.paths.stderr} and run again, finished runs and checkpoints are kept"


class _Pickler(pickle.Pickler):
    """Pickles a memory-mapped token file as its name, not its content."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.memmap) and isinstance(value.base, mmap.mmap):  # a whole file, not a slice
            return _map, (Path(str(value.filename)).absolute(), value.dtype.str, value.offset, value.shape)
        return NotImplemented


def _map(path: Path, dtype: str, offset: int, shape: tuple[int, ...]) -> np.memmap:
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)
