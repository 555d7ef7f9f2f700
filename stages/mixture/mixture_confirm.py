"""Train a few proxies on the recommended mixtures and the baselines before any target is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regmix.core.files import read_json, writing
from regmix.core.schedule import Schedule
from regmix.corpus.tokenized import open_corpus
from regmix.engine.run import Run
from regmix.engine.settings import Training
from regmix.mixture.settings import Mixture
from regmix.objectives import ObjectiveSections
from regmix.sampling.rules import project
from stages.rules import read_rules
from stages.run import run
from stages.training import TrainingSections, train_to


class Settings(ObjectiveSections, TrainingSections):
    mixture: Mixture
    proxy: Training


def mixture_confirm(params: Settings, *, simulated: Path, sample: Path, corpus: Path, store: Path, out: Path) -> None:
    """Train mixture.confirm.seeds proxies on each mixture in SIMULATED, and on natural, uniform and single domains."""
    domains = tuple(params.corpus.trained)
    rules = read_rules(sample, params.corpus.trained)
    mixtures = {"natural": rules.prior, "uniform": rules.uniform}
    for objective in params.objectives:
        # As the papers' Pile-CC-only row, for objectives that are the loss of one trained domain.
        alone = [name for name in params.objective_weights(objective) if name in domains]
        if len(alone) == len(params.objective_weights(objective)) == 1:
            single = np.array([float(name == alone[0]) for name in domains])
            mixtures[f"only_{alone[0]}"] = project(single, rules.bounds)
    for objective in params.objectives:
        weights = read_json(simulated / f"{objective}.json")["weights"]
        mixtures[f"regmix_{objective}"] = np.array([weights[name] for name in domains])
    seeds = params.mixture.confirm.seeds
    # The same seeds for every mixture, so differences are paired; the swarm uses none of them.
    runs = [
        Run(f"{name}-{i}", Schedule.static(domains, mixture), 2**31 + i)
        for name, mixture in mixtures.items()
        for i in range(seeds)
    ]
    kinds = [name for name in mixtures for _ in range(seeds)]
    text = open_corpus(corpus, domains)
    with writing(out) as scratch:
        train_to(scratch, text, params.proxy, params.machine, store, runs, kinds, "confirm")


if __name__ == "__main__":
    run(mixture_confirm)
