"""Join the shards listed in params.yaml, and prune those no longer listed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from regmix.core.errors import InputError
from regmix.core.files import prune, read_json, read_rows, write_csv, write_json, writing
from regmix.core.sections import Sections
from regmix.engine import results
from regmix.sampling.settings import Swarm
from stages.run import run


class Settings(Sections):
    swarm: Swarm


def swarm_collect(params: Settings, *, trained: Path, out: Path) -> None:
    """Join the shards under TRAINED into one swarm in OUT."""
    prune(trained, params.swarm.shards)
    metas = {shard: read_json(trained / shard / "meta.json") for shard in params.swarm.shards}
    first = params.swarm.shards[0]
    for shard, meta in metas.items():
        if meta != metas[first]:
            raise InputError(
                f"{trained / shard}: its runs differ from those of {first} in shape, recipe or tokenizer; "
                "run `dvc repro` to train it again"
            )
    with writing(out) as scratch:
        for name in results.TABLES:
            table = {shard: read_rows(trained / shard / f"{name}.csv") for shard in metas}
            times = Counter(entry for rows in table.values() for entry in {row["run"] for row in rows})
            if twice := [entry for entry, shards in times.items() if shards > 1]:
                raise InputError(f"{trained}: run {min(twice)} is in two shards; run `dvc repro -f swarm_sample`")
            write_csv(scratch / f"{name}.csv", [row for rows in table.values() for row in rows])
        write_json(scratch / "meta.json", metas[first])


if __name__ == "__main__":
    run(swarm_collect)
