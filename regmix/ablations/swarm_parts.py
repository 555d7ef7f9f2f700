"""Parts of a swarm: fewer of its proxies to learn from, and some that nothing learns from.

Frames are swarm_collect's tables, each with a column ``run``; ``mixtures`` has ``kind`` as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from regmix.core.errors import InputError

UNSEEN = "unseen"  # the kind of runs that are kept from all methods


def kept_apart(mixtures: pd.DataFrame, shards: Sequence[str]) -> pd.DataFrame:
    """``mixtures`` with the runs of ``shards`` as a kind of their own, ``unseen``."""
    of = mixtures["run"].str.replace(r"-\d+$", "", regex=True)
    return mixtures.assign(kind=mixtures["kind"].mask(of.isin(list(shards)), UNSEEN))


def part(tables: Mapping[str, pd.DataFrame], random: int, switched: int, what: str) -> dict[str, pd.DataFrame]:
    """The tables of the first ``random`` and ``switched`` runs of these kinds and of all anchors.

    Raises InputError, which calls the part ``what``, if the swarm has fewer.
    """
    mixtures = tables["mixtures"]
    runs = mixtures.loc[mixtures["kind"] == "anchor", "run"].tolist()
    for kind, wanted in (("random", random), ("switched", switched)):
        found = mixtures.loc[mixtures["kind"] == kind, "run"].tolist()
        if len(found) < wanted:
            raise InputError(f"{what}: {wanted} {kind} runs of {len(found)}; lower it or add shards to the world")
        runs += found[:wanted]
    return {name: table[table["run"].isin(runs)].reset_index(drop=True) for name, table in tables.items()}
