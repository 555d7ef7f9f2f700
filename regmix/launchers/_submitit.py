"""What the launchers through submitit share: an array of tasks that train on other nodes, watched until all have ended.

A task trains its share of the runs as ``local`` does, under keys of its own node's processor, into the store, which
must lie on a file system that all nodes share at one path, as must the repository and its environment. So whatever
happens to a task, what it finished is kept, and a task that is requeued (preempted, out of time, its node lost)
continues from its checkpoints. The assignment is pickled once, with memory-mapped tokens as the names of their files.
"""

from __future__ import annotations

import contextlib
import io
import math
import mmap
import multiprocessing
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

TIMEOUTS = 1000  # times that a task may run out of time and be requeued; each continues where the one before stopped
LOOK = 1.0  # seconds between looks for results
ASK = 5.0  # seconds between questions to the scheduler


@dataclass(frozen=True)
class Task:
    """The runs ``first`` to ``last`` (excluded) of the assignment in the file ``path``; submitit calls it on a node."""

    path: Path
    first: int
    last: int

    def __call__(self) -> str | None:
        """Train them; returns the line of an InputError."""
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
        """What to run once the task is requeued; submitit asks before the node is taken away."""
        for child in multiprocessing.active_children():
            child.kill()  # at once: there is little time, and the checkpoints are in the store
        return submitit.helpers.DelayedSubmission(self)


def places(store: RunStore, compute: str) -> list[dict[str, str]]:
    """The processors and GPUs that tasks of this store have run on."""
    return store.places()


def launch(
    assignment: Assignment,
    number: int,
    submit: Callable[[Path, list[Task]], list[Any]],
    alive: Callable[[Sequence[Any]], set[str]],
    grace: float,
) -> None:
    """Train the runs of ``assignment`` in ``number`` tasks of ``machine.processes`` processes each.

    ``submit`` makes the jobs of a folder's tasks, ``alive`` says by their ids which of some jobs wait or run, and
    ``grace`` is how many seconds the result of one that does not may take to show in the folder. Raises InputError.
    """
    root = assignment.store.root.absolute()
    (root / "jobs").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=re.sub(r"\W+", "-", assignment.label) + "-", dir=root / "jobs"))
    with (folder / "assignment.pkl").open("wb") as file:
        _Pickler(file).dump(replace(assignment, store=RunStore(root)))
    tasks = [Task(folder / "assignment.pkl", part.start, part.stop) for part in split(len(assignment.runs), number)]
    jobs = _submitted(assignment.label, folder, lambda: submit(folder, tasks))
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
    shutil.rmtree(folder, ignore_errors=True)  # a task that ends may still write its log


def _submitted(label: str, folder: Path, submit: Callable[[], list[Any]]) -> list[Any]:
    """The jobs, or InputError with the scheduler's reason, of which submitit would also show all lines."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return submit()
    except (RuntimeError, OSError, ValueError) as error:
        shutil.rmtree(folder)
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise InputError(f"{label}: not submitted: {said}; fix machine.launcher in params.yaml") from None


def _watch(
    assignment: Assignment,
    folder: Path,
    waiting: dict[Any, Task],
    alive: Callable[[Sequence[Any]], set[str]],
    grace: float,
) -> list[str]:
    """Wait until every job has ended, well or not; what went wrong, a line each."""
    failures: list[str] = []
    asked, gone = -math.inf, dict[Any, float]()  # jobs that the scheduler does not know any more, and since when
    with tqdm(total=len(assignment.runs), unit="run", desc=assignment.label, disable=None) as bar:
        while waiting:
            now = time.monotonic()
            if now - asked >= ASK:
                known, asked = alive(list(waiting)), now
                gone = {job: gone.get(job, now) for job in waiting if job.job_id not in known}
            written = {path.name for path in folder.iterdir()}  # listed, since a shared file system may remember a lack
            for job in list(waiting):
                if job.paths.result_pickle.name in written:
                    failures += _failure(assignment, job)
                elif now - gone.get(job, now) > grace:
                    failures.append(f"{assignment.label}: job {job.job_id} was killed; {_kept(job)}")
                else:
                    continue
                task = waiting.pop(job)
                bar.update(task.last - task.first)
            if waiting:
                time.sleep(LOOK)
    return failures


def _failure(assignment: Assignment, job: Any) -> list[str]:
    """What went wrong in a job that ended by itself."""
    if job.exception() is not None:
        return [f"{assignment.label}: job {job.job_id} broke off; {_kept(job)}"]
    said = job.result()
    return [said] if said else []


def _kept(job: Any) -> str:
    return f"see its log {job.paths.stderr} and run again, finished runs and checkpoints are kept"


class _Pickler(pickle.Pickler):
    """A mapped token file goes as its name, not as its content."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.memmap) and isinstance(value.base, mmap.mmap):  # whole, not a part of one
            return _map, (Path(str(value.filename)).absolute(), value.dtype.str, value.offset, value.shape)
        return NotImplemented


def _map(path: Path, dtype: str, offset: int, shape: tuple[int, ...]) -> np.memmap:
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)
