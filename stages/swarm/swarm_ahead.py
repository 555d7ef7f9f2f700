"""Train the runs of all shards together, so that swarm_train finds them. Not a stage: it skips finished runs."""

from __future__ import annotations

from pathlib import Path

from regmix.corpus.tokens.tokenized import open_corpus
from regmix.engine.run import Setup
from regmix.engine.settings import Training
from regmix.engine.train_many import train_missing
from regmix.objectives import ObjectiveSections, tasks_of
from regmix.sampling.settings import Swarm
from stages.common.run import run
from stages.common.training import TrainingSections
from stages.swarm.swarm_train import listed


class Settings(ObjectiveSections, TrainingSections):
    proxy: Training
    swarm: Swarm


def swarm_ahead(params: Settings, *, shards: Path, corpus: Path, store: Path) -> None:
    """Train the runs listed in the files of SHARDS together: on a cluster in one job array, not one per shard."""
    files = [listed(shards / f"{shard}.json") for shard in params.swarm.shards]
    domains, limits = files[0][:2]
    text, runs = open_corpus(corpus, domains).cut(limits), [entry for file in files for entry in file[3]]
    setup = Setup(params.proxy, text.vocab, text.train, text.valid)
    weights = bool(tasks_of(params.objectives))  # to score them on
    train_missing(setup, runs, store, text.digest, params.machine, weights=weights, label="swarm")


if __name__ == "__main__":
    run(swarm_ahead)
