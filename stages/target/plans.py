"""Shared by the stages of methods: a plan as a folder, and the context that methods plan in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from regmix.core.files import read_json, write_csv, write_json
from regmix.core.schedule import Schedule
from regmix.core.settings import Kind, Name
from regmix.core.tables import read_csv
from regmix.corpus.tokenized import digest_of, open_corpus
from regmix.engine.run import Result, Run, Setup
from regmix.engine.settings import Training
from regmix.engine.train_many import train_runs, train_targets
from regmix.objectives import ObjectiveSections
from regmix.sampling.rules import Rules
from regmix.sampling.settings import Swarm
from regmix.target.interface import Context, Plan, Proxies
from regmix.target.settings import Target
from stages.rules import read_rules
from stages.run import note
from stages.training import TrainingSections


class PlanSections(ObjectiveSections, TrainingSections):
    """The settings that a method can use to plan."""

    proxy: Training
    regressors: dict[Name, Kind]
    swarm: Swarm
    target: Target


def context_of(params: PlanSections, sample: Path, swarm: Path, chosen: Path, corpus: Path, store: Path) -> Context:
    """Everything that a method can use; training goes through STORE."""
    text = open_corpus(corpus, list(params.corpus.domains), params.corpus.trained)
    weights = {name: read_json(chosen / f"{name}.json")["weights"] for name in params.objectives}

    def train(training: Training, runs: Sequence[Run], tokens: Mapping[str, np.ndarray] | None = None) -> list[Result]:
        setup = Setup(training, text.vocab, tokens or text.train, text.valid)
        digest = digest_of(text, tokens)
        train_all = train_targets if training == params.target else train_runs
        return train_all(setup, runs, store, digest, params.machine, weights=True, label=runs[0].name)

    return Context(
        rules=read_rules(sample, params.corpus.trained),
        max_epochs=params.swarm.max_epochs,
        objectives={name: params.objective_weights(name) for name in params.objectives},
        recommended={
            name: np.array([value[domain] for domain in params.corpus.trained]) for name, value in weights.items()
        },
        regressors=params.regressors,
        proxy=params.proxy,
        target=params.target,
        seeds=target_seeds(params.target),
        corpus=text,
        swarm=Proxies(
            read_csv(swarm / "mixtures.csv"),
            read_csv(swarm / "schedules.csv"),
            read_csv(swarm / "trajectories.csv"),
            read_json(swarm / "meta.json"),
        ),
        train=train,
        warn=note,
    )


def target_seeds(target: Target) -> list[int]:
    """The same seeds for every method: init and draws are shared, so differences are paired."""
    return [2**32 + i for i in range(target.seeds)]


def target_json(target: Target, method: Kind, rules: Rules) -> dict[str, Any]:
    """How a method's targets train; stored with its plan so that target_train needs nothing else of params.yaml."""
    return {
        "method": method.model_dump(),
        "training": target.model_dump(mode="json", include={"shape", "recipe", "validation"}),
        "seeds": target_seeds(target),
        "bounds": rules.bounds.tolist(),
    }


def write_plan(folder: Path, plan: Plan) -> None:
    """plan.json, the tables as CSV, and tokens/<domain>.npy if the method has its own tokens."""
    spent = [{"what": s.what, "trained": s.trained, "scored": s.scored, "flops": s.flops()} for s in plan.spent]
    write_json(folder / "plan.json", {"schedule": plan.schedule.to_json(), "facts": plan.facts, "spent": spent})
    for name, table in plan.tables.items():
        write_csv(folder / f"{name}.csv", table)
    if plan.tokens is not None:
        (folder / "tokens").mkdir()
        for name, array in plan.tokens.items():
            np.save(folder / "tokens" / f"{name}.npy", array)


def read_plan(folder: Path, domains: Sequence[str]) -> Plan:
    """The plan of a folder, without its cost."""
    value = read_json(folder / "plan.json")
    tokens = folder / "tokens"
    own = {name: np.load(tokens / f"{name}.npy", mmap_mode="r") for name in domains} if tokens.is_dir() else None
    tables = {path.stem: read_csv(path) for path in sorted(folder.glob("*.csv"))}
    return Plan(Schedule.from_json(value["schedule"]), own, value["facts"], tables)
