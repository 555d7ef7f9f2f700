"""A swarm as a job array on a real Slurm of one node, which `make test-slurm` starts."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from regmix.core.errors import InputError
from regmix.engine.machine import Machine
from regmix.engine.run import Setup
from regmix.engine.store.keys import run_key
from regmix.engine.train_many import train_runs
from tests.engine.test_engine import runs, same, setup
from tests.engine.test_launchers import LOCAL, SLURM, machine, times
from tests.pipeline.test_sharing import only_gathers


def ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def there_is_a_cluster() -> bool:
    return shutil.which("sinfo") is not None and subprocess.run(["sinfo"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not there_is_a_cluster(), reason="no Slurm answers here; `make test-slurm` starts one")
T = TypeVar("T")
KIT = setup(steps=30000)  # seconds, in which to catch a task at work
RUNS = 6  # a task each, two at a time


def train(store: Path, launcher: dict, count: int = RUNS, kit: Setup = KIT):
    settings = Machine.model_validate({**machine(launcher).model_dump(), "stack": 1})
    return train_runs(kit, runs(count), store, "data", settings, weights=True, label="test")


def until(ask_for: Callable[[], T], future: Future | None = None) -> T:
    """What ``ask_for`` gives once it is something, while ``future`` is at work."""
    deadline = time.monotonic() + 240
    while not (answer := ask_for()):
        assert time.monotonic() < deadline, ask("squeue", "--array") + ask("sinfo", "--long")
        assert future is None or not future.done(), future.result()
        time.sleep(0.1)
    return answer


def queue(state: str) -> list[str]:
    """The array tasks in a state, by id."""
    return sorted(ask("squeue", "--array", "--noheader", "--format=%i", f"--states={state}").split())


def results(store: Path) -> int:
    return len(list(store.glob("*/result.json")))


def training(store: Path, since: float = 0) -> list[str]:
    """The tasks at work that have written a checkpoint after the time ``since``; a task has one run."""
    start_now()
    begun = set()
    for index, run in enumerate(runs(RUNS)):
        with contextlib.suppress(FileNotFoundError):
            if (store / run_key(KIT, run, "data") / "checkpoint.safetensors").stat().st_mtime > since:
                begun.add(f"_{index}")
    return [job for job in queue("running") if job[job.index("_") :] in begun]


def logs(store: Path) -> str:
    return "".join(path.read_text() for path in store.glob("jobs/*/*.out"))


def node(state: str) -> None:
    (name,) = ask("sinfo", "--noheader", "--format=%n").split()
    ask("scontrol", "update", f"nodename={name}", f"state={state}", *(["reason=test"] if state == "drain" else []))


def kill(job: str) -> None:
    """As the system does where memory runs out. Slurm's own cancelling leaves a task some seconds."""
    number = ask("squeue", "--noheader", "--format=%A", f"--jobs={job}").strip()
    listed = [line.split() for line in ask("scontrol", "listpids", number).splitlines()[1:]]
    for pid in (int(pid) for pid, _, step, *_ in listed if step == "0"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def start_now() -> bool:
    """Do without the minutes that Slurm leaves a requeued job."""
    for job in queue("pending"):
        subprocess.run(["scontrol", "update", f"jobid={job}", "starttime=now"], capture_output=True)
    return True


def test_an_array_requeued_drained_and_killed_ends_in_the_same_bytes(tmp_path, capfd):
    whole, store = train(tmp_path / "whole", LOCAL), tmp_path / "cluster"
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(train, store, {**SLURM, "array_parallelism": 2})
        first, *_ = until(lambda: training(store), future)
        ask("scontrol", "requeue", first)
        until(lambda: first in queue("pending"), future)

        node("drain")
        until(lambda: not queue("running") and not queue("completing"), future)
        drained = results(store), queue("pending")
        assert drained[0] < RUNS
        time.sleep(3)
        assert (results(store), queue("pending")) == drained, "a drained node starts nothing"
        node("resume")

        resumed = time.time()
        # Not the requeued one, which may have been almost done when it was stopped.
        victim, *_ = until(lambda: [job for job in training(store, resumed) if job != first], future)
        kill(victim)
        until(lambda: start_now() and future.done())
    with pytest.raises(InputError, match=rf"job {victim} was killed; see its log \S+ and run again") as error:
        future.result()
    assert "\n" not in str(error.value)
    log = re.search(r"log (\S+)", str(error.value))
    assert log is not None
    assert Path(log[1]).exists()
    assert results(store) == RUNS - 1

    before = times(store)
    again = train(store, SLURM)
    assert "test: 1 runs" in capfd.readouterr().out
    assert before.items() <= times(store).items()
    assert all(map(same, again, whole))
    folders = set((store / "jobs").iterdir())
    assert all(map(same, train(store, SLURM), whole))
    assert set((store / "jobs").iterdir()) == folders, "nothing was submitted"
    until(lambda: not queue("pending,running,completing"))


def test_a_preempted_task_requeues_itself(tmp_path):
    store = tmp_path / "cluster"
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(train, store, SLURM, 2)
        job, *_ = until(lambda: training(store), future)
        ask("scancel", "--signal=TERM", job)
        until(lambda: "Bypassing signal SIGTERM" in logs(store), future)  # else it may come after the next one
        ask("scancel", "--signal=USR2", job)
        until(lambda: job in queue("pending"), future)
        output = logs(store)
        until(lambda: start_now() and future.done())
    assert "Requeued job" in output
    assert all(map(same, future.result(), train(tmp_path / "whole", LOCAL, 2)))


def test_a_swarm_trained_ahead_is_only_gathered(tmp_path, capfd):
    only_gathers(tmp_path, {**SLURM, "array_parallelism": 2}, capfd)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"partition": "nowhere"}, "invalid partition specified: nowhere"),
        ({"additional_parameters": {"colour": "red"}}, "unrecognized option '--colour=red'"),
    ],
)
def test_what_slurm_refuses_is_one_line(tmp_path, change, message, capfd):
    with pytest.raises(InputError, match=rf"test: not submitted: .*{message}; fix machine\.launcher") as error:
        train(tmp_path, {**SLURM, **change}, 1)
    assert "\n" not in str(error.value)
    assert "sbatch" not in capfd.readouterr().err
    assert not list((tmp_path / "jobs").iterdir())
