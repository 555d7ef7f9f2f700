"""Train a few proxies on the recommended mixtures and the baselines before any target is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regmix.core.files import read_json, writing
from regmix.corpus.tokens.tokenized import open_corpus
from regmix.engine.settings import Training
from regmix.mixture.confirmation.confirming_runs import baselines, confirming_runs
from regmix.mixture.settings import Mixture
from regmix.objectives import ObjectiveSections
from stages.common.rules import read_rules
from stages.common.run import run
from stages.common.training import TrainingSections, train_to


class Settings(ObjectiveSections, TrainingSections):
    mixture: Mixture
    proxy: Training


def mixture_confirm(
    params: Settings, *, simulated: Path, sample: Path, corpus: Path, answers: Path, store: Path, out: Path
) -> None:
    """Train mixture.confirm.seeds proxies on each mixture in SIMULATED, and on natural, uniform and single domains, and
    score them on ANSWERS."""
    domains = tuple(params.corpus.trained)
    rules = read_rules(sample, params.corpus.trained)
    mixtures = baselines(rules, params.objectives.values())
    for objective in params.objectives:
        weights = read_json(simulated / f"{objective}.json")["weights"]
        mixtures[f"regmix_{objective}"] = np.array([weights[name] for name in domains])
    seeds = params.mixture.confirm.seeds
    runs, kinds = confirming_runs(domains, mixtures, seeds), [name for name in mixtures for _ in range(seeds)]
    text = open_corpus(corpus, domains).cut(rules.text)
    with writing(out) as scratch:
        train_to(scratch, text, params.proxy, params.machine, store, runs, kinds, "confirm", answers=answers)


if __name__ == "__main__":
    run(mixture_confirm)
