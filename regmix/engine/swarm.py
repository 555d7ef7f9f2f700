"""Train many runs: skip what is done, resume what was begun, stack the rest over a few processes."""

from __future__ import annotations

import ctypes
import gc
import math
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from regmix.engine.compiled import prepare
from regmix.engine.run import Result, Run, RunState, Setup
from regmix.engine.store import RunStore, run_key
from regmix.engine.train import train_stack
from regmix.errors import InputError
from regmix.params import Machine


@dataclass(frozen=True)
class Plan:
    """What a worker needs beside the runs; handed over by fork, so that token files stay mapped."""

    setup: Setup
    store: RunStore
    keep_weights: bool
    checkpoint_seconds: float
    progress: Any  # a queue of token counts


def train_runs(
    setup: Setup, runs: Sequence[Run], store_root: Path, data: str, machine: Machine, *, weights: bool, label: str
) -> list[Result]:
    """The results of ``runs``, in their order, from the store or by training.

    ``data`` is a digest of the token files, ``weights`` whether the trained weights come along, ``label``
    what the progress bar says. Raises InputError.
    """
    store = RunStore(store_root)
    keys = [run_key(setup, run, data) for run in runs]
    pending = {key: run for key, run in zip(keys, runs, strict=True) if store.result(key, weights) is None}
    if pending:
        _train_pending(setup, pending, store, machine, weights=weights, label=label)
    results = [store.result(key, weights) for key in keys]
    for run, result in zip(runs, results, strict=True):
        if result is None:
            raise InputError(f"{store_root}: the result of run {run.name} vanished while it was in use; run again")
    return [result for result in results if result is not None]


def packs(count: int, processes: int, stack: int) -> list[range]:
    """Split ``count`` runs into equal stacks of at most ``stack``; a multiple of ``processes`` if that works."""
    number = math.ceil(count / stack)
    number = min(count, math.ceil(number / processes) * processes)
    edges = [round(i * count / number) for i in range(number + 1)]
    return [range(a, b) for a, b in pairwise(edges)]


def _train_pending(
    setup: Setup, pending: dict[str, Run], store: RunStore, machine: Machine, *, weights: bool, label: str
) -> None:
    items = list(pending.items())
    prepare()
    context = multiprocessing.get_context("fork")
    plan = Plan(setup, store, weights, machine.checkpoint_seconds, context.SimpleQueue())
    tokens_a_run = setup.recipe.steps * setup.recipe.sequences * setup.shape.context
    started = time.monotonic()
    chunks = [items[pack.start : pack.stop] for pack in packs(len(items), machine.processes, machine.stack)]
    # torch must not have run in parallel before the fork; here it has only been imported.
    torch.set_num_threads(1)
    with (
        ProcessPoolExecutor(min(machine.processes, len(chunks)), context, _prepare, (plan,)) as pool,
        tqdm(total=tokens_a_run * len(items), unit="tok", unit_scale=True, desc=label, disable=None) as bar,
    ):
        futures: set[Future[None]] = {pool.submit(_train_pack, chunk) for chunk in chunks}
        try:
            while futures:
                done, futures = wait(futures, timeout=0.2, return_when=FIRST_COMPLETED)
                while not plan.progress.empty():
                    bar.update(plan.progress.get())
                for future in done:
                    future.result()
        except BrokenProcessPool:
            raise InputError(
                f"{label}: a training process was killed, perhaps for want of memory; lower machine.stack and run "
                "again, finished runs and checkpoints are kept"
            ) from None
        finally:
            for future in futures:
                future.cancel()
    seconds = time.monotonic() - started
    rate = tokens_a_run * len(items) / seconds
    print(f"{label}: {len(items)} runs, {seconds:.0f} s, {rate / 1e3:.0f} thousand tokens/s", flush=True)


_plan: Plan  # of this worker process


def _prepare(plan: Plan) -> None:
    global _plan
    _plan = plan
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    # Keep freed buffers: by default glibc gives large ones back at every step and faults them in again.
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
    gc.freeze()


def _train_pack(items: list[tuple[str, Run]]) -> None:
    """Train the runs of one pack; those that another process finished meanwhile are left alone."""
    plan = _plan
    keys = {id(run): key for key, run in items}
    with plan.store.locked([key for key, _ in items]):
        states = [
            plan.store.resume(key, run) or RunState.start(run, plan.setup.shape, len(plan.setup.loader.domains))
            for key, run in items
            if plan.store.result(key, plan.keep_weights) is None
        ]
        states.sort(key=lambda state: state.step)
        for step, group in groupby(states, key=lambda state: state.step):
            stack = list(group)
            plan.progress.put(step * len(stack) * plan.setup.recipe.sequences * plan.setup.shape.context)
            results = train_stack(plan.setup, stack, plan.progress.put, _Checkpoints(plan, stack, keys))
            for state, result in zip(stack, results, strict=True):
                plan.store.finish(keys[id(state.run)], result, plan.keep_weights)


class _Checkpoints:
    """Saves the runs of a stack when the time between checkpoints has passed."""

    def __init__(self, plan: Plan, stack: list[RunState], keys: dict[int, str]) -> None:
        self.plan, self.stack, self.keys = plan, stack, keys
        self.last = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self.last >= self.plan.checkpoint_seconds:
            for state in self.stack:
                self.plan.store.save(self.keys[id(state.run)], state)
            self.last = time.monotonic()
