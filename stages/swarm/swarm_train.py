"""Train the proxies of one shard (section 3.1 of the paper)."""

from __future__ import annotations

from pathlib import Path

from regmix.core.files import read_json, writing
from regmix.core.schedule import Schedule
from regmix.engine.run import Run
from regmix.params import Params
from stages.run import run
from stages.training import train_to


def swarm_train(params: Params, *, shard: Path, corpus: Path, store: Path, out: Path) -> None:
    """Train the runs listed in SHARD; checkpoints and finished runs live in STORE, tables go to OUT."""
    runs, kinds = listed(shard)
    with writing(out) as scratch:
        train_to(scratch, params, params.proxy, corpus, store, runs, kinds, f"swarm {shard.stem}")


def listed(shard: Path) -> tuple[list[Run], list[str]]:
    """The runs of a shard's file, and their kinds."""
    entries = read_json(shard)["runs"]
    runs = [Run(entry["run"], Schedule.from_json(entry["schedule"]), entry["seed"]) for entry in entries]
    return runs, [entry["kind"] for entry in entries]


if __name__ == "__main__":
    run(swarm_train)
