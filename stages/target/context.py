"""The context in which methods make their plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from regmix.core.files import read_json
from regmix.core.runs import runs
from regmix.core.settings import Kind, Name
from regmix.core.tables import read_csv
from regmix.corpus.tokens.tokenized import Corpus, digest_of, open_corpus
from regmix.engine.run import Result, Run, Setup
from regmix.engine.settings import Training
from regmix.engine.train_many import train_runs, train_targets
from regmix.evaluation import answers as gold
from regmix.objectives import ObjectiveSections, resolve
from regmix.sampling.settings import Swarm
from regmix.target.interface import Context, Proxies, Train
from regmix.target.settings import Target
from stages.common.rules import read_rules
from stages.common.run import note
from stages.common.training import TrainingSections


class PlanSections(ObjectiveSections, TrainingSections):
    """The settings that a method can use to plan."""

    proxy: Training
    regressors: dict[Name, Kind]
    swarm: Swarm
    target: Target


def context_of(
    params: PlanSections, sample: Path, swarm: Path, chosen: Path, corpus: Path, answers: Path, store: Path
) -> Context:
    """Everything that a method can use; training goes through STORE, and proxies are scored on ANSWERS."""
    text, rules = open_corpus(corpus, params.corpus.trained), read_rules(sample, params.corpus.trained)
    recommended = {name: read_json(chosen / f"{name}.json")["weights"] for name in params.objectives}

    tables = {name: read_csv(swarm / f"{name}.csv") for name in ("mixtures", "losses", "schedules", "trajectories")}
    proxies = Proxies(**tables, meta=read_json(swarm / "meta.json"))
    return Context(
        rules=rules,
        sampling=params.swarm,
        objectives=resolve(params.objectives, runs(proxies.mixtures, proxies.losses, params.corpus.trained)),
        recommended={
            name: np.array([value[domain] for domain in params.corpus.trained]) for name, value in recommended.items()
        },
        regressors=params.regressors,
        proxy=params.proxy,
        target=params.target,
        seeds=target_seeds(params.target),
        corpus=text,
        swarm=proxies,
        train=trainer(params, text, text.cut(rules.text), answers, store),
        warn=note,
    )


def trainer(params: PlanSections, text: Corpus, proxy_text: Corpus, answers: Path, store: Path) -> Train:
    """Training through STORE, of targets on ``text`` and of proxies on ``proxy_text``; both are scored on ANSWERS."""
    tasks = gold.read(answers)

    def train(
        training: Training, runs: Sequence[Run], tokens: Mapping[str, np.ndarray] | None = None, weights: bool = True
    ) -> list[Result]:
        target = training.model_copy(update={"validation": params.target.validation}) == params.target
        own_text, through = (text, train_targets) if target else (proxy_text, train_runs)
        setup = Setup(training, text.vocab, tokens or own_text.train, text.valid)
        digest, keep = digest_of(own_text, tokens), weights or bool(tasks)
        run_results = through(setup, runs, store, digest, params.machine, weights=keep, label=runs[0].name)
        return [gold.with_tasks(setup.shape, result, tasks) for result in run_results]

    return train


def target_seeds(target: Target) -> list[int]:
    """The seeds of every method's targets, none of which a proxy has."""
    return [2**32 + i for i in range(target.seeds)]
