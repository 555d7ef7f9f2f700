"""Runs that jobs train: the same bytes as from this process, after a kill, a preemption, and on other processors."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
import yaml

from regmix import params as schema
from regmix.checks import plug_ins
from regmix.constraints.region import Region
from regmix.core.errors import InputError
from regmix.engine.machine import Machine
from regmix.engine.run import Run, Setup
from regmix.engine.store.keys import hardware, run_key
from regmix.engine.store.runs import RunStore
from regmix.engine.train_many import train_runs
from regmix.engine.train_pack import Assignment
from regmix.methods import odm
from regmix.target.interface import Plan
from tests.engine.test_engine import DOMAINS, VOCAB, runs, same, setup, training
from tests.paths import ROOT

pytest.importorskip("submitit", reason="submitit is not installed: pip install -c constraints.txt -e '.[slurm]'")
from regmix.launchers import _submitit, local_jobs

LOCAL = {"kind": "local"}
JOBS = {"kind": "local_jobs", "tasks": 2, "timeout_min": 10}
LONG = 200  # steps that take long enough to be caught at


def machine(launcher: dict, processes: int = 1) -> Machine:
    values = {"processes": processes, "stack": 2, "checkpoint_seconds": 1e-6, "sharded": 0, "device": "cpu"}
    return Machine.model_validate({**values, "launcher": launcher})


def train(store: Path, chosen: list[Run], launcher: dict, kit: Setup | None = None, processes: int = 1):
    settings = machine(launcher, processes)
    return train_runs(kit or setup(), chosen, store, "data", settings, weights=True, label="test")


def times(store: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in store.glob("*/result.json")}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_is_looked_for_where_a_job_runs_and_not_where_it_is_submitted(tmp_path):
    settings = machine(JOBS | {"tasks": 1}).model_copy(update={"device": "cuda"})
    with pytest.raises(InputError, match=r"^machine\.device: cuda, but torch finds no GPU here"):
        train_runs(setup(), runs(1), tmp_path, "data", settings, weights=False, label="test")
    assert list(tmp_path.glob("jobs/*/*_result.pkl"))  # which says so


def test_jobs_give_the_bytes_of_this_process_and_are_not_asked_twice(tmp_path):
    whole = train(tmp_path / "here", runs(5), LOCAL)
    assert all(map(same, train(tmp_path / "jobs", runs(5), JOBS, processes=2), whole))
    results = {path.name: (path / "result.json").read_bytes() for path in (tmp_path / "here").glob("?" * 32)}
    assert {p.name: (p / "result.json").read_bytes() for p in (tmp_path / "jobs").glob("?" * 32)} == results
    before = times(tmp_path / "jobs")
    assert all(map(same, train(tmp_path / "jobs", runs(5), JOBS), whole))
    assert times(tmp_path / "jobs") == before
    assert not list((tmp_path / "jobs/jobs").iterdir()), "what the jobs left behind is cleared away"


@pytest.mark.parametrize(("count", "processes", "jobs"), [(9, 1, 2), (9, 4, 2), (2, 2, 1)])
def test_local_jobs_are_no_more_than_asked_for(tmp_path, monkeypatch, count, processes, jobs):
    asked = []
    monkeypatch.setattr(_submitit, "launch", lambda assignment, number, *rest, **more: asked.append(number))
    assignment = Assignment(setup(), runs(count), "data", RunStore(tmp_path), machine(JOBS, processes), False, "test")
    local_jobs.launch(assignment, local_jobs.Options(tasks=2, timeout_min=1))
    assert asked == [jobs]


def test_local_jobs_share_no_gpu(tmp_path):
    settings = machine(JOBS).model_copy(update={"device": "cuda"})
    with pytest.raises(InputError, match=r"machine\.launcher\.tasks = 2: jobs on one machine would all take its first"):
        train_runs(setup(), runs(2), tmp_path, "data", settings, weights=False, label="test")


def test_mapped_tokens_and_a_policy_reach_the_jobs(tmp_path):
    rng = np.random.default_rng(0)
    tokens = {}
    for name in DOMAINS:
        rng.integers(0, VOCAB, 100_000).astype(np.uint16).tofile(tmp_path / name)
        tokens[name] = np.memmap(tmp_path / name, dtype=np.uint16, mode="r")
    kit = Setup(training(), VOCAB, tokens, {name: array[:300] for name, array in tokens.items()})
    (run,) = runs(1)
    plan = Plan(run.schedule, facts={"region": Region.below(DOMAINS, np.ones(3), np.full(3, 1 / 3)).to_json()})
    steered = Run(
        "steered", run.schedule, 1, odm.policy(plan, odm.Options(every=1, smoothing=0.9, warmup=0.0), training())
    )
    local, jobs = (train(tmp_path / kind["kind"], [steered], kind, kit)[0] for kind in (LOCAL, JOBS))
    assert same(local, jobs)
    assert np.array_equal(local.schedule.mixtures, jobs.schedule.mixtures)
    assert len(local.schedule.mixtures) > 1


def test_a_mapped_file_is_pickled_by_its_name_and_a_part_of_one_by_value(tmp_path):
    np.arange(1_000_000, dtype=np.uint32).tofile(tmp_path / "tokens.bin")
    whole = np.memmap(tmp_path / "tokens.bin", dtype=np.uint32, mode="r")
    for array, limit in ((whole, 500), (whole[10:20], 1000)):
        file = io.BytesIO()
        _submitit._Pickler(file).dump(array)
        assert len(file.getvalue()) < limit
        assert np.array_equal(pickle.loads(file.getvalue()), array)


def arguments(process: psutil.Process) -> list[str]:
    """Of its command line; none of one that has ended, as other tests may have left."""
    try:
        return process.cmdline()
    except psutil.ZombieProcess:
        return []


def caught(store: Path, kit: Setup, act: Callable[[psutil.Process], None]):
    """What training four long runs in two jobs returns or raises when ``act`` is done to a task that trains."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(train, store, runs(4), JOBS, kit)
        deadline = time.monotonic() + 60
        while not list(store.glob("*/checkpoint.safetensors")):
            assert time.monotonic() < deadline
            assert not future.done()
            time.sleep(0.02)
        key = next(store.glob("*/checkpoint.safetensors")).parent.name
        index = [run_key(kit, run, "data") for run in runs(4)].index(key) // 2  # two runs a task
        jobs = [process for process in psutil.Process().children() if "submitit.local._local" in arguments(process)]
        (task,) = sorted(jobs, key=lambda process: process.create_time())[index].children()
        act(task)
        return future


def test_a_killed_task_is_one_line_and_only_its_runs_are_trained_again(tmp_path, capfd):
    kit = setup(steps=LONG)
    workers: list[psutil.Process] = []

    def kill(task: psutil.Process) -> None:
        workers.extend(task.children())
        os.kill(task.pid, signal.SIGKILL)

    with pytest.raises(InputError, match=r"test: job \d+ was killed; see its log \S+ and run again, finished") as error:
        caught(tmp_path / "killed", kit, kill).result()
    assert "\n" not in str(error.value)
    log = Path(str(error.value).split("log ")[1].split()[0])
    assert log.exists()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert workers
    assert not alive, "a worker outlived its task"
    assert len(list((tmp_path / "killed").glob("*/result.json"))) == 2, "the other task's runs"
    assert list((tmp_path / "killed").glob("*/checkpoint.safetensors"))
    before = times(tmp_path / "killed")
    resumed = train(tmp_path / "killed", runs(4), JOBS, kit)
    assert "test: 2 runs" in capfd.readouterr().out
    assert before.items() <= times(tmp_path / "killed").items()
    assert all(map(same, resumed, train(tmp_path / "whole", runs(4), LOCAL, kit)))


def test_a_preempted_task_resumes_from_its_checkpoint(tmp_path):
    kit = setup(steps=LONG)
    workers: list[psutil.Process] = []

    def preempt(task: psutil.Process) -> None:
        workers.extend(task.children())
        for number in (signal.SIGTERM, signal.SIGUSR2):  # to all processes of the job, as Slurm does
            for process in (task, *workers):
                os.kill(process.pid, number)

    results = caught(tmp_path / "preempted", kit, preempt).result()
    assert all(map(same, results, train(tmp_path / "whole", runs(4), LOCAL, kit)))
    assert not any(process.is_running() for process in workers)


def test_a_fault_in_a_job_has_the_message_of_a_local_one(tmp_path):
    with pytest.raises(InputError, match="loss is not finite") as error:
        train(tmp_path, runs(2), JOBS, setup(lr=1e15, clip=1e15, warmup=0.0))
    assert "\n" not in str(error.value)


def test_results_of_a_clusters_processors_count_for_jobs_alone(tmp_path):
    (run,) = runs(1)
    here = train(tmp_path / "here", [run], LOCAL)[0]
    elsewhere = {**hardware(), "processor": "of another node"}
    store = RunStore(tmp_path / "shared")
    store.finish(run_key(setup(), run, "data", elsewhere), here, weights=True)
    (tmp_path / "shared/places").mkdir()
    (tmp_path / "shared/places/node.json").write_text(json.dumps(elsewhere))
    assert same(train(tmp_path / "shared", [run], JOBS)[0], here)
    assert not (tmp_path / "shared/jobs").exists(), "nothing was submitted"
    assert run_key(setup(), run, "data") != run_key(setup(), run, "data", elsewhere)
    assert store.result(run_key(setup(), run, "data"), weights=True) is None
    train(tmp_path / "shared", [run], LOCAL)
    assert store.result(run_key(setup(), run, "data"), weights=True) is not None


SLURM: dict = {
    "kind": "slurm", "partition": None, "array_parallelism": 4, "mem_gb": None, "timeout_min": 5,
    "additional_parameters": {},
}  # fmt: skip


@pytest.mark.parametrize(
    ("launcher", "message"),
    [
        ({"kind": "cloud"}, r"params\.yaml: machine\.launcher: 'cloud' is not one of local, local_jobs, slurm"),
        ({**SLURM, "partitoin": "x"}, r"params\.yaml: machine\.launcher\.partitoin: unknown key"),
        ({**SLURM, "timeout_min": 0}, r"params\.yaml: machine\.launcher\.timeout_min = 0"),
        ({"kind": "local", "partition": "x"}, r"params\.yaml: machine\.launcher\.partition: unknown key"),
        ({"kind": "slurm"}, r"params\.yaml: machine\.launcher\.partition: missing"),
    ],
)
def test_an_unknown_launcher_or_option_is_one_line(launcher, message):
    values = yaml.safe_load((ROOT / "tests/fixtures/params.yaml").read_text())
    values["machine"]["launcher"] = launcher
    with pytest.raises(InputError, match=message) as error:
        plug_ins.check(schema.parse(values))
    assert "\n" not in str(error.value)


def test_without_slurm_here_the_launcher_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"machine\.launcher\.kind = slurm: there is no sbatch here"):
        train(tmp_path / "store", runs(1), SLURM)


def test_no_other_user_can_write_to_the_folder_of_an_assignment(tmp_path):
    rights = []

    def submit(folder: Path, tasks: list[_submitit.Task]) -> list:
        rights.append((folder.stat().st_mode & 0o777, tasks[0].path.parent == folder))
        raise RuntimeError("enough is seen")

    assignment = Assignment(setup(), runs(1), "data", RunStore(tmp_path), machine(JOBS), False, "test")
    umask = os.umask(0)
    try:
        with pytest.raises(InputError, match="not submitted: enough is seen"):
            _submitit.launch(assignment, 1, submit, lambda jobs: set(), 0.0)
    finally:
        os.umask(umask)
    assert rights == [(0o700, True)]


def test_an_assignment_of_another_user_is_not_unpickled(tmp_path):
    submitit = pytest.importorskip("regmix.launchers._submitit", reason="submitit is not installed")
    path = tmp_path / "assignment.pkl"
    path.write_bytes(b"whatever")
    try:
        os.chown(path, 65534, -1)
    except PermissionError:
        pytest.skip("only root can give a file to another user")
    assert submitit.Task(path, 0, 1)() == f"{path}: belongs to another user; it is not read"
