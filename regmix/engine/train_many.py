"""Train many runs: finished runs come from the store, the rest go to the launcher named in params.yaml."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from regmix.core import plugins
from regmix.core.errors import InputError
from regmix.engine.machine import Machine
from regmix.engine.run import Result, Run, Setup
from regmix.engine.store import rates
from regmix.engine.store.keys import run_key
from regmix.engine.store.runs import RunStore
from regmix.engine.train_pack import Assignment

KEY = "machine.launcher"


def train_runs(
    setup: Setup, runs: Sequence[Run], store_root: Path, data: str, machine: Machine, *, weights: bool, label: str
) -> list[Result]:
    """The results of ``runs``, in their order, from the store or by training.

    ``data`` is a digest of the token files, ``weights`` says whether to return the trained weights, and ``label``
    names the progress bar. Raises InputError.
    """
    find = train_missing(setup, runs, store_root, data, machine, weights=weights, label=label)
    results = [find(run) for run in runs]
    for run, result in zip(runs, results, strict=True):
        if result is None:
            raise InputError(f"{store_root}: the result of run {run.name} vanished while it was in use; run again")
    return [result for result in results if result is not None]


def train_missing(
    setup: Setup, runs: Sequence[Run], store_root: Path, data: str, machine: Machine, *, weights: bool, label: str
) -> Callable[[Run], Result | None]:
    """Train those of ``runs`` that the store lacks, without holding their results in memory.

    The arguments are those of ``train_runs``. Returns a function that finds a run in the store. Raises InputError.
    """
    launcher = launcher_of(machine)
    options = plugins.options(launcher, machine.launcher.extras, KEY)
    setup = placed(setup, machine)
    assignment = Assignment(setup, runs, data, RunStore(store_root), machine, weights, label)
    places = launcher.places(assignment.store, setup.compute)
    # Identical runs are trained once. The key leaves out the hardware: this may be a cluster's login node.
    missing = [run for run in runs if assignment.find(run, places) is None]
    pending = {run_key(setup, run, data, {"processor": "any"}): run for run in missing}
    if pending:
        started = time.monotonic()
        launcher.launch(replace(assignment, runs=list(pending.values())), options)
        seconds = time.monotonic() - started
        rate = setup.run_tokens * len(pending) / seconds
        if machine.launcher.kind == "local":  # others train elsewhere
            rates.record(store_root, setup, len(pending), setup.run_tokens, machine.processes, seconds)
        print(f"{label}: {len(pending)} runs, {seconds:.0f} s, {rate / 1e3:.0f} thousand tokens/s", flush=True)
        places = launcher.places(assignment.store, setup.compute)
    return lambda run: assignment.find(run, places)


def train_targets(
    setup: Setup, runs: Sequence[Run], store_root: Path, data: str, machine: Machine, *, weights: bool, label: str
) -> list[Result]:
    """As ``train_runs``, but with ``machine.sharded`` above 0, that many processes share each run."""
    train = train_runs
    if machine.sharded:
        from regmix.engine.processes import train_sharded as train  # importing torch.distributed takes a second
    return train(setup, runs, store_root, data, machine, weights=weights, label=label)


def placed(setup: Setup, machine: Machine) -> Setup:
    """``setup`` for the device in params.yaml."""
    if machine.device == "cpu":
        return setup
    out = copy.copy(setup)
    out.compute = "cuda"
    return out


def launcher_of(machine: Machine) -> ModuleType:
    """The launcher module that params.yaml names. Raises InputError."""
    return plugins.load("launchers", machine.launcher.kind, f"{KEY}.kind")
