"""What fewer proxies cost: the choice by the first of them, on targets, against the choice by all.

The first design, part of the first round's proposals, then round by round, as the run in data/ trained them. Each
choice trains targets with the pipeline's seeds, so differences are paired, and those that the pipeline trained come
from its store.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from regmix.core import runs as tables
from regmix.core.files import read_json
from regmix.core.runs import LEARNT, Runs
from regmix.core.schedule import Schedule
from regmix.corpus.tokens.tokenized import digest_of, open_corpus
from regmix.engine.run import Run, Setup
from regmix.engine.train_many import train_runs
from regmix.evaluation.summary import spread
from regmix.mixture.from_settings import evidence
from regmix.mixture.optima import optima
from regmix.objectives import resolve
from regmix.params import Params
from regmix.sampling.rules import Rules
from regmix.target.targets import Targets
from stages.target.plans import training_of

SIZES = (36,)  # beside those after the first design and each round
SHOWN = 4  # heaviest domains of a mixture


def measure(params: Params, objectives: tuple[str, ...] = ("reviews", "skills", "worst")) -> dict[str, Any]:
    """By objective and number of proxies: the mixture's heaviest domains, and the targets' loss minus that with all
    proxies, in nats per token, with half its interval."""
    trained = tuple(params.corpus.trained)
    last = tables.read(Path(params.swarm.learn_from), trained)
    learnt, aims = last.of(*LEARNT), resolve({name: params.objectives[name] for name in objectives}, last)
    parts = {len(part.names): part for part in (_first(learnt, size) for size in _sizes(params))}
    rules = Rules.from_json(read_json(Path("data/swarm_sample/rules.json")))
    chosen: dict[tuple[int, str], np.ndarray] = {}
    for size, part in parts.items():
        fitted = evidence(part, aims, rules, params.mixture, params.regressors, params.machine.processes)
        _, optimal = optima(fitted, fitted.whole())
        chosen |= {(size, name): optimum.weights for name, optimum in zip(fitted.losses, optimal, strict=True)}
    text, targets = open_corpus(Path("data/corpus_tokenize"), trained), Targets.read(Path("data/target_schedule"))
    runs = [
        Run(f"{name}, {size} proxies, seed {i}", Schedule.static(trained, row), seed, bounds=rules.bounds)
        for (size, name), row in chosen.items()
        for i, seed in enumerate(targets.seeds)
    ]
    setup = Setup(training_of(targets), text.vocab, text.train, text.valid)
    digest = digest_of(text, None)
    results = train_runs(setup, runs, Path(".runs"), digest, params.machine, weights=False, label="targets")
    at = iter(results)
    losses = {key: np.array([aims[key[1]].at(next(at).losses) for _ in targets.seeds]) for key in chosen}
    most = max(parts)
    return {
        name: {
            str(size): {
                "mixture": _heaviest(chosen[size, name], trained),
                "minus_all": _difference(losses[size, name] - losses[most, name], params.regression.interval),
            }
            for size in parts
        }
        for name in objectives
    }


def _sizes(params: Params) -> list[int]:
    """The numbers of proxies after the first design and each round, and ``SIZES``."""
    places = ["data/swarm_collect", *(f"data/swarm_round/{name}" for name in params.swarm.rounds)]
    return sorted({*SIZES, *(params.swarm.learnt(place, len(params.corpus.trained)) for place in places)})


def _first(learnt: Runs, size: int) -> Runs:
    """The first ``size`` runs; a round's follow those before it."""
    return learnt.at(np.arange(len(learnt.names)) < size)


def _heaviest(weights: np.ndarray, domains: tuple[str, ...]) -> dict[str, float]:
    return {domains[k]: round(float(weights[k]), 3) for k in np.argsort(-weights)[:SHOWN]}


def _difference(values: np.ndarray, level: float) -> list[float]:
    mean, _, _, _, high = spread(values, level)
    return [round(mean, 4), round(high - mean, 4)]
