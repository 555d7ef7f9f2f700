"""A run shared by processes is the run of a stack, within rounding and on the same samples, on any number of them.

Losses agree to 2.5e-7, the spacing of float32 at 4, and weights to 4e-6 as measured; the limits leave room for
processors that sum in another order.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import signal
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import numpy as np
import pytest
import torch
import torch.distributed as dist

from regmix.core.errors import InputError
from regmix.core.settings import Kind
from regmix.engine import processes
from regmix.engine.compute.pytorch import fsdp, fused
from regmix.engine.machine import Machine
from regmix.engine.processes import train_sharded
from regmix.engine.run import Result, Run, Setup
from regmix.engine.store.keys import run_key
from regmix.engine.store.runs import RunStore
from regmix.engine.train_many import train_targets
from tests.engine.test_engine import Chaser, SwitchAt, runs, setup
from tests.engine.test_engine import train as train_plain
from tests.paths import ROOT
from tests.training import train_stack

pytestmark = pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="this build of torch has no gloo"
)
LOSS, WEIGHT = 2e-6, 2e-5
CPU = {"CUDA_VISIBLE_DEVICES": ""}  # for new processes


MACHINE = Machine(processes=1, stack=1, checkpoint_seconds=1e-6, sharded=1, device="cpu", launcher=Kind(kind="local"))


@pytest.fixture(autouse=True)
def _no_long_wait(monkeypatch):
    """A process that waits for one that is gone gives up."""
    monkeypatch.setattr(processes, "TIMEOUT", datetime.timedelta(seconds=60))


class Recording(Chaser):
    """Remembers all samples in their order, steers by their losses and weighs them; process 0 is killed at step
    ``killed``."""

    def __init__(self, killed: int | None = None) -> None:
        self.killed = killed

    def start(self, schedule):
        return super().start(schedule) | {"samples": 0}

    def loss_weights(self, state):
        return np.array([1.5, 1.0, 0.5])

    def observe(self, state, seen):
        if seen.step == self.killed and dist.get_rank() == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().observe(state, seen) | {"samples": zlib.crc32(seen.tokens.tobytes(), state["samples"])}


class Divided(Chaser):
    """Decides otherwise in every process."""

    def decide(self, state, fraction, losses, schedule):
        return state, np.eye(3)[dist.get_rank()]


def train(kit: Setup, chosen: list[Run], store: Path, count: int) -> dict[str, Result]:
    machine = MACHINE.model_copy(update={"sharded": count})
    results = train_sharded(kit, chosen, store, "data", machine, weights=True, label="test")
    return {run.name: result for run, result in zip(chosen, results, strict=True)}


def alike(first: Result, second: Result, loss: float = LOSS, weight: float = WEIGHT) -> None:
    """The same samples, decisions and logged steps; losses and weights within rounding."""
    assert first.ledger == second.ledger
    assert first.state.get("samples") == second.state.get("samples")
    assert np.array_equal(first.schedule.mixtures, second.schedule.mixtures)
    assert [step for step, _ in first.trajectory] == [step for step, _ in second.trajectory]
    for (_, ours), (_, theirs) in zip(first.trajectory, second.trajectory, strict=True):
        assert ours == pytest.approx(theirs, abs=loss)
    assert first.losses == pytest.approx(second.losses, abs=loss)
    assert first.weights is not None
    assert second.weights is not None
    for name, value in first.weights.items():
        assert np.abs(value - second.weights[name]).max() <= weight, name


def test_two_processes_are_one_and_one_is_a_stack(tmp_path, monkeypatch):
    """Three sequences a step: one process has one to fill up. Two take one at a time, and their logits in parts."""
    policies = Recording(), SwitchAt(8 / 12)
    kit, chosen = setup(sequences=3), [dataclasses.replace(r, policy=p) for r, p in zip(runs(2), policies, strict=True)]
    alone, plain = train(kit, chosen, tmp_path / "one", 1), train_plain(kit, chosen)
    monkeypatch.setattr(fsdp, "PASS_TOKENS", 16)
    monkeypatch.setattr(fsdp, "EVAL_WINDOWS", 1)
    monkeypatch.setattr(fused, "CHUNK", 7)
    two = train(kit, chosen, tmp_path / "two", 2)
    for run in chosen:
        alike(two[run.name], alone[run.name])
        alike(alone[run.name], plain[run.name])
    assert two["r0"].state["samples"] != 0
    assert len(two["r1"].schedule.knots) == 2
    # The key tells a sharded run from a stack's, and no number of processes from another.
    assert RunStore(tmp_path / "one").result(run_key(kit, chosen[0], "data"), weights=True) is None
    kit.compute = "sharded"
    for name, results in (("one", alone), ("two", two)):
        stored = RunStore(tmp_path / name).result(run_key(kit, chosen[0], "data"), weights=True)
        assert stored is not None
        assert stored.losses == results["r0"].losses


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_killed_run_resumes_with_another_number_of_processes_on_the_same_samples(tmp_path, before, after):
    kit, (run, *_) = setup(sequences=3), runs(1)
    killed, whole = (dataclasses.replace(run, policy=Recording(at)) for at in (7, None))
    with pytest.raises(InputError, match=r"test: a training process was killed \(SIGKILL\), perhaps"):
        train(kit, [killed], tmp_path, before)
    (checkpoint,) = tmp_path.glob("*/checkpoint.safetensors")
    begun = RunStore(tmp_path).resume(checkpoint.parent.name, whole)
    assert begun is not None
    assert begun.step == 7
    again = train(kit, [whole], tmp_path, after)["r0"]
    plain = train_plain(kit, [whole])["r0"]
    alike(again, plain)
    # A stack takes the checkpoint up as well.
    alike(train_stack(kit, [begun])[0], plain)


def test_processes_wait_for_who_trains_the_run_and_take_what_that_left(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0.05)
    monkeypatch.setattr(processes, "TIMEOUT", datetime.timedelta(seconds=2))  # less than they will wait
    kit, (run, *_) = setup(sequences=2, steps=4), runs(1)
    job = processes.SharedRuns.of(kit, [run], tmp_path, "data", MACHINE, weights=True, label="test")
    plain, locked = train_plain(kit, [run])["r0"], threading.Event()

    def other() -> None:
        with job.store.locked(job.keys):
            locked.set()
            sleep(3.0)  # until they wait
            job.store.finish(job.keys[0], dataclasses.replace(plain, state={"left": 1}), True)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other)
        locked.wait()
        assert train(kit, [run], tmp_path, 2)["r0"].state == {"left": 1}
        waiting.result()


def test_bf16_products_stay_near_a_stack_s(tmp_path):
    """bfloat16 rounds at other places in the two; its 8 bits move a loss in the fourth digit."""
    kit, chosen = setup(precision="bf16", steps=6), runs(1)
    shared, plain = train(kit, chosen, tmp_path, 2)["r0"], train_plain(kit, chosen)["r0"]
    alike(shared, plain, loss=5e-3, weight=0.1)
    assert shared.losses != pytest.approx(train_plain(setup(steps=6), chosen)["r0"].losses, abs=LOSS)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_a_target_on_gpus_is_refused(tmp_path):
    gpus = MACHINE.model_copy(update={"device": "cuda", "sharded": 2})
    with pytest.raises(InputError, match=r"^machine\.device: cuda, but torch finds no GPU here"):
        train_targets(setup(), runs(1), tmp_path, "data", gpus, weights=True, label="test")


@pytest.mark.parametrize(
    ("count", "change", "policy", "message"),
    [
        (3, {}, None, r"target\.recipe\.sequences = 2: 3 processes share a step, and each needs a sequence"),
        (1, {"lr": 1e15, "clip": 1e15, "warmup": 0.0}, None, "run r0: loss is not finite at step"),
        (2, {}, Divided(), "run r0: its processes trained on different samples"),
    ],
)
def test_bad_input_in_the_processes_is_one_line(tmp_path, count, change, policy, message):
    chosen = [dataclasses.replace(run, policy=policy) for run in runs(1)]
    with pytest.raises(InputError, match=message) as error:
        train(setup(**change), chosen, tmp_path, count)
    assert "\n" not in str(error.value)


class Silent(Chaser):
    """Process 1 does not come back from the first step."""

    def observe(self, state, seen):
        if dist.get_rank() == 1:
            sleep(60)
        return super().observe(state, seen)


def test_a_process_that_does_not_answer_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "TIMEOUT", datetime.timedelta(seconds=3))
    chosen = [dataclasses.replace(run, policy=Silent()) for run in runs(1)]
    message = r"^test: a process that shares the run has exited or did not respond for 0\.05 minutes; .* run again"
    with pytest.raises(InputError, match=message) as error:
        train(setup(), chosen, tmp_path, 2)
    assert "\n" not in str(error.value)


SHARE = """
from pathlib import Path
from time import sleep
from regmix.engine.processes import SharedRuns, share
from tests.engine.test_fsdp import MACHINE, runs, setup
share(SharedRuns.of(setup(), runs(2), Path({store!r}), "data", MACHINE, weights=True, label="test"))
"""


@pytest.mark.slow
def test_what_torchrun_trains_is_found(tmp_path, capfd):
    script = tmp_path / "share.py"
    script.write_text(SHARE.format(store=str(tmp_path / "store")))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    root = ROOT
    subprocess.run(command, check=True, timeout=120, cwd=root, env=os.environ | CPU | {"PYTHONPATH": str(root)})
    capfd.readouterr()
    results = train(setup(), runs(2), tmp_path / "store", 1)
    assert "thousand tokens/s" not in capfd.readouterr().out  # nothing was left to train
    alike(results["r1"], train_plain(setup(), runs(2))["r1"])
