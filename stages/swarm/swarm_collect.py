"""Join the shards listed in params.yaml, and prune those no longer listed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from regmix.core.errors import InputError
from regmix.core.files import prune, read_json, write_csv, write_json, writing
from regmix.core.sections import Sections
from regmix.engine import results
from regmix.sampling.settings import Swarm
from stages.common.run import run


class Settings(Sections):
    swarm: Swarm


def swarm_collect(params: Settings, *, trained: Path, out: Path) -> None:
    """Join the shards under TRAINED into one swarm in OUT."""
    prune(trained, params.swarm.shards, "losses.csv")
    metas = {shard: read_json(trained / shard / "meta.json") for shard in params.swarm.shards}
    first = params.swarm.shards[0]
    for shard, meta in metas.items():
        if meta != metas[first]:
            raise InputError(
                f"{trained / shard}: its runs differ from those of {first} in shape, recipe or tokenizer; "
                "run `dvc repro` to train it again"
            )
    tables = {name: results.joined([trained / shard / f"{name}.csv" for shard in metas]) for name in results.TABLES}
    times = Counter(row["run"] for row in tables["losses"])
    if twice := [name for name, count in times.items() if count > 1]:
        raise InputError(f"{trained}: run {min(twice)} is in two shards; run `dvc repro -f swarm_sample`")
    with writing(out) as scratch:
        for name, rows in tables.items():
            write_csv(scratch / f"{name}.csv", rows)
        write_json(scratch / "meta.json", metas[first])


if __name__ == "__main__":
    run(swarm_collect)
