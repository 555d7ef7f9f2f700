"""Train runs one after the other, each shared by several processes, which start here on one machine or by torchrun.

Only process 0 reads and writes the store. A checkpoint holds whole tensors, so a run can continue with a different
number of processes, on the same samples in the same order. That number is therefore not in a run's key. The key does
say that the run is sharded, because it rounds differently from a stack.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import logging
import os
import pickle
import re
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import torch
import torch._dynamo  # FSDP imports it on first use, which takes two seconds: once here, not in every process
import torch.distributed as dist
from torch import multiprocessing
from tqdm import tqdm

from regmix.core.errors import InputError
from regmix.engine.compute.pytorch.fsdp import Sharded
from regmix.engine.compute.pytorch.gpus import gpus
from regmix.engine.machine import Machine
from regmix.engine.run import Result, Run, RunState, Setup
from regmix.engine.store.keys import run_key
from regmix.engine.store.runs import RunStore
from regmix.engine.train import train_stack

TIMEOUT = datetime.timedelta(minutes=30)  # how long a process waits for another, which may be writing a checkpoint
PATIENCE = 60.0  # seconds between signs of life that process 0 sends to the others while it waits for a lock
# Messages of torch's RuntimeError if a process does not respond or has exited.
LOST = re.compile(r"timed? ?out|connection (closed|reset|refused)|broken pipe", re.IGNORECASE)


def train_sharded(
    setup: Setup, runs: Sequence[Run], store_root: Path, data: str, machine: Machine, *, weights: bool, label: str
) -> list[Result]:
    """As ``train_runs``, but ``machine.sharded`` processes of this machine share each run, each on its own GPU if
    ``machine.device`` is cuda. Also returns what torchrun's processes left in the store. Raises InputError."""
    job = SharedRuns.of(setup, runs, store_root, data, machine, weights=weights, label=label)
    missing = sum(job.store.result(key, weights) is None for key in job.runs)
    if missing and machine.device == "cuda":
        gpus()
    if missing:
        started = time.monotonic()
        _start(job, machine.sharded)
        seconds = time.monotonic() - started
        rate = job.setup.run_tokens * missing / seconds
        print(f"{label}: {missing} runs, {seconds:.0f} s, {rate / 1e3:.0f} thousand tokens/s", flush=True)
    results = [job.store.result(key, weights) for key in job.keys]
    for run, result in zip(runs, results, strict=True):
        if result is None:
            raise InputError(f"{store_root}: the result of run {run.name} vanished while it was in use; run again")
    return [result for result in results if result is not None]


@dataclass(frozen=True)
class SharedRuns:
    """The runs to train, by key, and how to train them; passed on by fork, so that token files stay mapped.

    ``keys`` are the keys of the requested runs, in their order; ``label`` names them in messages.
    """

    setup: Setup
    keys: list[str]
    runs: dict[str, Run]
    store: RunStore
    keep_weights: bool
    machine: Machine
    label: str

    @classmethod
    def of(
        cls, setup: Setup, runs: Sequence[Run], store_root: Path, data: str, machine: Machine, *, weights: bool,
        label: str,
    ) -> SharedRuns:  # fmt: skip
        setup = copy.copy(setup)
        setup.compute = "sharded"
        keys = [run_key(setup, run, data) for run in runs]
        named = dict(zip(keys, runs, strict=True))
        return cls(setup, keys, named, RunStore(store_root), weights, machine, label)


class PeerLost(InputError):
    """Another process has exited or does not respond; if that process raised an error, that is the one to report."""


def share(job: SharedRuns, rendezvous: str = "env://") -> None:
    """Train the missing runs of ``job`` as one of the processes that share them, with ranks set as by torchrun.

    Raises InputError, also if another process has exited or does not respond within ``TIMEOUT``.
    """
    try:
        _share(job, rendezvous)
    except RuntimeError as error:
        if not LOST.search(str(error)):
            raise
        raise PeerLost(
            f"{job.label}: a process that shares the run has exited or did not respond for "
            f"{TIMEOUT.total_seconds() / 60:g} minutes; see the other processes' messages and run again, finished "
            "runs and checkpoints are kept"
        ) from None


def _share(job: SharedRuns, rendezvous: str) -> None:
    device = _device(job.machine, int(os.environ["LOCAL_RANK"]))
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, init_method=rendezvous, rank=rank, world_size=world, timeout=TIMEOUT)
    try:
        with tqdm(total=0, unit="tok", unit_scale=True, desc=job.label, disable=True if rank else None) as bar:
            for key in job.runs:
                _train(job, key, device, bar)
    finally:
        dist.destroy_process_group()


def _train(job: SharedRuns, key: str, device: torch.device, bar: Any) -> None:
    first = dist.get_rank() == 0
    with _locked(job, key, device):
        state = _load_or_start(job, key)
        if state is None:
            return
        bar.total += job.setup.run_tokens
        bar.update(state.step * job.setup.recipe.sequences * job.setup.shape.context)
        compute = Sharded(job.setup, state, device)
        save = _Checkpoints(job, key, state, compute)
        (result,) = train_stack(job.setup, [state], compute, bar.update, save)
        if first:
            job.store.finish(key, result, job.keep_weights)


@contextlib.contextmanager
def _locked(job: SharedRuns, key: str, device: torch.device) -> Iterator[None]:
    """Process 0 holds the run's lock. While it waits, it sends signs of life, so that the others do not time out."""
    with contextlib.ExitStack() as stack:
        waiting = torch.ones(1, device=device)
        while waiting:
            if dist.get_rank() == 0:
                with contextlib.suppress(filelock.Timeout):
                    stack.enter_context(job.store.locked([key], PATIENCE))
                    waiting.zero_()
            dist.broadcast(waiting, 0)
        yield


def _load_or_start(job: SharedRuns, key: str) -> RunState | None:
    """The run as process 0 has it, with tensors only on process 0; None if it is finished."""
    run, received = job.runs[key], [None]
    if dist.get_rank() == 0 and job.store.result(key, job.keep_weights) is None:
        fresh = job.store.resume(key, run) or RunState.start(run, job.setup.shape, len(job.setup.loader.domains))
        dist.broadcast_object_list([fresh.to_json()])
        return fresh
    dist.broadcast_object_list(received)
    return None if received[0] is None else RunState.from_json(run, received[0], {})


class _Checkpoints:
    """Saves the run every ``checkpoint_seconds``, by the clock of process 0."""

    def __init__(self, job: SharedRuns, key: str, state: RunState, compute: Sharded) -> None:
        self.job, self.key, self.state, self.compute = job, key, state, compute
        self.last = time.monotonic()

    def __call__(self) -> None:
        passed = time.monotonic() - self.last >= self.job.machine.checkpoint_seconds
        due = torch.tensor(passed, device=self.compute.device)
        dist.broadcast(due, 0)
        if due:
            self.compute.gather()
            if dist.get_rank() == 0:
                self.job.store.save(self.key, self.state)
                self.state.tensors = {}
            self.last = time.monotonic()


def _device(machine: Machine, local: int) -> torch.device:
    if machine.device == "cpu":
        return torch.device("cpu")
    gpus()
    if local >= torch.cuda.device_count():
        raise InputError(
            f"machine.sharded: more processes than this machine's {torch.cuda.device_count()} GPUs; lower it"
        )
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def _start(job: SharedRuns, processes: int) -> None:
    """Run ``share`` in processes on this machine and wait for them. Re-raises their errors that the user can fix."""
    # Before the fork, torch must not have used several threads or a GPU; here it has only been imported.
    torch.set_num_threads(1)
    logging.getLogger("torch.multiprocessing").setLevel(logging.ERROR)  # no warning per process it terminates
    with tempfile.TemporaryDirectory() as scratch:
        context = multiprocessing.start_processes(
            _share_here, (job, processes, scratch), processes, join=False, daemon=True, start_method="fork"
        )
        assert context is not None
        try:
            while not context.join():
                pass
        except (multiprocessing.ProcessRaisedException, multiprocessing.ProcessExitedException):
            errors = [pickle.loads(path.read_bytes()) for path in sorted(Path(scratch).glob("error-*"))]
            for error in (error for error in errors if not isinstance(error, PeerLost)):
                raise error from None
            codes = [-(process.exitcode or 0) for process in context.processes]
            fatal = [signal.Signals(code).name for code in codes if code > 0 and code != signal.SIGTERM]
            if fatal:  # torch terminates the others by SIGTERM
                raise InputError(
                    f"{job.label}: a training process was killed ({fatal[0]}), perhaps because memory ran out; "
                    "run again, finished runs and checkpoints are kept"
                ) from None
            for error in errors:
                raise error from None
            raise


def _share_here(rank: int, job: SharedRuns, processes: int, scratch: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # torch sends it when this process's parent dies
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
    try:
        share(job, f"file://{scratch}/rendezvous")
    except (InputError, OSError) as error:
        Path(scratch, f"error-{rank}").write_bytes(pickle.dumps(error))
        raise
