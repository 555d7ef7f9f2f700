"""Parts of a swarm: fewer proxies to learn from, and some that nothing learns from.

Frames are swarm_collect's tables, each with a column ``run``; ``mixtures`` has ``kind`` as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from regmix.core.errors import InputError

UNSEEN = "unseen"  # the kind of runs that no method sees


def kept_apart(mixtures: pd.DataFrame, shards: Sequence[str]) -> pd.DataFrame:
    """``mixtures`` with the runs of ``shards`` marked as kind ``unseen``."""
    shard = mixtures["run"].str.replace(r"-\d+$", "", regex=True)
    return mixtures.assign(kind=mixtures["kind"].mask(shard.isin(list(shards)), UNSEEN))


def part(tables: Mapping[str, pd.DataFrame], random: int, switched: int, label: str) -> dict[str, pd.DataFrame]:
    """The tables of the first ``random`` random and ``switched`` switched runs and of all anchors.

    Raises InputError, naming it by ``label``, if the swarm has fewer.
    """
    mixtures = tables["mixtures"]
    runs = mixtures.loc[mixtures["kind"] == "anchor", "run"].tolist()
    for kind, count in (("random", random), ("switched", switched)):
        present = mixtures.loc[mixtures["kind"] == kind, "run"].tolist()
        if len(present) < count:
            raise InputError(
                f"{label}: needs {count} {kind} runs, but there are {len(present)}; lower it or add shards"
            )
        runs += present[:count]
    return {name: table[table["run"].isin(runs)].reset_index(drop=True) for name, table in tables.items()}
