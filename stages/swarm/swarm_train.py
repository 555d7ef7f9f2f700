"""Train the proxies of one shard (section 3.1 of the paper)."""

from __future__ import annotations

from pathlib import Path

from regmix.core import plugins
from regmix.core.files import read_json, writing
from regmix.core.schedule import Schedule
from regmix.corpus.tokens.tokenized import open_corpus
from regmix.engine.run import Run
from regmix.engine.settings import Training
from stages.common.run import run
from stages.common.training import TrainingSections, train_to


def swarm_train(params: TrainingSections, *, shard: Path, corpus: Path, answers: Path, store: Path, out: Path) -> None:
    """Train the runs listed in SHARD and score them on ANSWERS; checkpoints and finished runs go to STORE, tables to
    OUT."""
    domains, limits, training, runs, kinds = listed(shard)
    text = open_corpus(corpus, domains).cut(limits)
    with writing(out) as scratch:
        label = f"swarm {shard.stem}"
        train_to(scratch, text, training, params.machine, store, runs, kinds, label, answers=answers)


def listed(shard: Path) -> tuple[list[str], dict[str, int] | None, Training, list[Run], list[str]]:
    """The trained domains in a shard's file, their tokens if not all, how its runs train, the runs, and their kinds."""
    content = read_json(shard)
    training = plugins.checked(Training, content["training"], str(shard), "training")
    entries = content["runs"]
    runs = [Run(entry["run"], Schedule.from_json(entry["schedule"]), entry["seed"]) for entry in entries]
    return content["domains"], content.get("text"), training, runs, [entry["kind"] for entry in entries]


if __name__ == "__main__":
    run(swarm_train)
