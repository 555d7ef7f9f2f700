"""What a swarm at params.yaml's settings pays besides its training steps: evaluation, start-up, checkpoints."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.dvc.growth import MINIMAL
from benchmarks.training import proxies
from profiles.switch import switch
from profiles.tryout import ROOT
from regmix.core.files import read_json, write_json
from regmix.corpus.tokens.tokenized import Corpus
from regmix.engine.compute.compiled import prepare
from regmix.engine.compute.pytorch import arithmetic
from regmix.engine.compute.select import stack_of
from regmix.engine.compute.threads import one_thread
from regmix.engine.packs import packs
from regmix.engine.run import Run, RunState, Setup
from regmix.engine.store.runs import RunStore
from regmix.engine.train import train_stack
from regmix.params import Params

REPEATS = 3


def measure(params: Params, repeats: int = REPEATS) -> dict[str, Any]:
    """Shares of training, of the swarm's seconds, and of training between checkpoints."""
    text, shards = proxies.corpus(params), {shard: proxies.runs(shard) for shard in params.swarm.shards}
    some = max(shards.values(), key=len)
    return {
        "startup": startup(params, text, shards, repeats),
        "evaluation": evaluation(params, text, some, repeats),
        "checkpoints": checkpoints(params, text, some, repeats),
    }


def evaluation(params: Params, text: Corpus, runs: Sequence[Run], repeats: int) -> dict[str, Any]:
    """CPU seconds of one stack, in one process of one thread: its training, its trajectories, its final losses.

    CPU seconds, which other work on the machine hardly touches; a process that trains never waits. What is evaluated
    at the logged steps and at the end is evaluated once more, to be timed apart.
    """
    setup = Setup(params.proxy, text.vocab, text.train, text.valid)
    stack = list(runs[: len(packs(len(runs), params.machine.processes, params.machine.stack)[0])])
    prepare()
    with multiprocessing.get_context("fork").Pool(1) as pool:  # torch stays unused here, where others will fork
        turns = pool.apply(_evaluated, (setup, stack, repeats))
    training, trajectories, final = zip(*turns, strict=True)
    return {
        "runs": len(stack),
        "training_seconds": proxies.summary(training, 2),
        "trajectories_of_training": proxies.summary(
            [part / whole for part, whole in zip(trajectories, training, strict=True)]
        ),
        "final_of_training": proxies.summary([part / whole for part, whole in zip(final, training, strict=True)]),
    }


def _evaluated(setup: Setup, runs: list[Run], repeats: int) -> list[tuple[float, float, float]]:
    """CPU seconds of training, of all evaluations at logged steps, and of the last one, each time."""
    arithmetic.settle()
    out = []
    for _ in range(repeats):
        states = [RunState.start(run, setup.shape, len(setup.loader.domains)) for run in runs]
        marks = [time.process_time()]
        stack = stack_of(setup, states)
        train_stack(setup, states, compute=stack)
        marks.append(time.process_time())
        with one_thread():
            for step in setup.logged_steps:
                stack.evaluate(logged=step < setup.recipe.steps)
                marks.append(time.process_time())
        all_, *logged, final = np.diff(marks)
        out.append((float(all_ - sum(logged) - final), float(sum(logged)), float(final)))
    return out


def startup(params: Params, text: Corpus, shards: Mapping[str, Sequence[Run]], repeats: int) -> dict[str, Any]:
    """Seconds of a `swarm_train` whose two runs take one small step each, against those of training a shard.

    Imports, which are also taken by themselves, opening the corpus, starting the processes that train and writing the
    tables are all in the former. The shares are those of all stages in start-up and training of all runs, each run
    taking as long as one of the largest shard. The three take turns.
    """
    largest, count = max(shards.values(), key=len), sum(len(runs) for runs in shards.values())
    imports, starts, trains = [], [], []
    for _ in range(repeats):
        imports.append(_imports())
        starts.append(_smallest(params))
        trains.append(proxies.train(params, params.proxy, text, largest, "a shard").wall)
    swarms = [len(shards) * start + train / len(largest) * count for start, train in zip(starts, trains, strict=True)]

    def share(seconds: list[float]) -> dict[str, Any]:
        return proxies.summary([len(shards) * second / swarm for second, swarm in zip(seconds, swarms, strict=True)])

    return {
        "stages": len(shards),
        "stage_seconds": proxies.summary(starts, 2),
        "import_seconds": proxies.summary(imports, 2),
        "swarm_seconds": proxies.summary(swarms, 1),
        "share_of_swarm": share(starts),
        "imports_of_swarm": share(imports),
    }


def _imports() -> float:
    """Seconds of a process that imports what `swarm_train` does, and ends."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import stages.swarm.swarm_train"], cwd=ROOT, check=True)
    return time.perf_counter() - start


def _smallest(params: Params) -> float:
    """Seconds of the smallest `swarm_train` that trains at all, in a process of its own."""
    smallest = MINIMAL | {
        "proxy.recipe.steps": 1,
        "proxy.validation.logged": 1,
        "swarm.per_shard": params.swarm.per_shard,
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "params.yaml").write_text(switch((ROOT / "params.yaml").read_text(), smallest, "benchmark"))
        shard = read_json(proxies.SHARDS / f"{params.swarm.shards[0]}.json")
        write_json(folder / "shard.json", shard | {"runs": shard["runs"][: params.machine.processes]})
        command = [
            sys.executable, "-m", "stages.swarm.swarm_train", "--shard", "shard.json",
            "--corpus", str(proxies.CORPUS.resolve()), "--store", "runs", "--out", "out",
        ]  # fmt: skip
        start = time.perf_counter()
        subprocess.run(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True
        )
        return time.perf_counter() - start


def checkpoints(params: Params, text: Corpus, runs: Sequence[Run], repeats: int) -> dict[str, Any]:
    """Seconds to save the runs of one stack and to bring them back, as a killed process's successor does."""
    setup = Setup(params.proxy, text.vocab, text.train, text.valid)
    stack = packs(len(runs), params.machine.processes, params.machine.stack)[0]
    states = [RunState.start(run, setup.shape, len(setup.loader.domains)) for run in runs[: len(stack)]]
    saving, resuming = [], []
    with tempfile.TemporaryDirectory() as scratch:
        store = RunStore(Path(scratch))
        for _ in range(repeats):
            start = time.perf_counter()
            for state in states:
                store.save(state.run.name, state)
            saved = time.perf_counter()
            for state in states:
                store.resume(state.run.name, state.run)
            saving.append(saved - start)
            resuming.append(time.perf_counter() - saved)
    every = params.machine.checkpoint_seconds
    return {
        "runs": len(states),
        "save_seconds": proxies.summary(saving, 4),
        "resume_seconds": proxies.summary(resuming, 4),
        "seconds_between": every,
        "share_of_training": round(statistics.median(saving) / every, 5),
    }
