"""The swarm's own proxies on its own corpus, trained in a store that is thrown away, and what they took."""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regmix.core.files import read_json
from regmix.core.schedule import Schedule
from regmix.corpus.tokens.tokenized import Corpus, open_corpus
from regmix.engine.run import Result, Run, Setup
from regmix.engine.settings import Training
from regmix.engine.train_many import train_runs
from regmix.params import Params

CORPUS, SHARDS = Path("data/corpus_tokenize"), Path("data/swarm_sample/shards")


@dataclass(frozen=True)
class Trained:
    """``wall`` seconds on the clock, start of the processes included; ``cpu`` seconds of all of them.

    Processes that train never wait, so CPU seconds compare two trainings even where other work shares the cores.
    """

    results: list[Result]
    wall: float
    cpu: float


def corpus(params: Params) -> Corpus:
    return open_corpus(CORPUS, params.corpus.trained)


def runs(shard: str) -> list[Run]:
    """Those that swarm_sample listed."""
    listed = read_json(SHARDS / f"{shard}.json")["runs"]
    return [Run(entry["run"], Schedule.from_json(entry["schedule"]), entry["seed"]) for entry in listed]


def train(params: Params, training: Training, text: Corpus, runs: Sequence[Run], label: str) -> Trained:
    """Train ``runs`` from nothing, by ``training``, as a stage would."""
    setup = Setup(training, text.vocab, text.train, text.valid)
    with tempfile.TemporaryDirectory() as store:
        start, cpu = time.perf_counter(), _children()
        results = train_runs(setup, runs, Path(store), text.digest, params.machine, weights=False, label=label)
        return Trained(results, time.perf_counter() - start, _children() - cpu)


def summary(values: Sequence[float], digits: int = 3) -> dict[str, Any]:
    """The median and all of them."""
    return {"median": round(statistics.median(values), digits), "all": [round(value, digits) for value in values]}


def _children() -> float:
    """CPU seconds of processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
