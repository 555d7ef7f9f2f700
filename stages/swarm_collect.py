"""Join the shards that params.yaml lists, and prune those that it no longer does."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regmix import results
from regmix.errors import InputError
from regmix.params import Params
from stages.harness import prune, read_csv, read_json, run, write_csv, write_json, writing


def swarm_collect(params: Params, *, trained: Path, out: Path) -> None:
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
            table = pd.concat([read_csv(trained / shard / f"{name}.csv") for shard in metas], ignore_index=True)
            if name not in ("schedules", "trajectories") and table["run"].duplicated().any():
                twice = table.loc[table["run"].duplicated(), "run"].iloc[0]
                raise InputError(f"{trained}: run {twice} is in two shards; run `dvc repro -f swarm_sample`")
            write_csv(scratch / f"{name}.csv", table)
        write_json(scratch / "meta.json", metas[first])


if __name__ == "__main__":
    run(swarm_collect)
