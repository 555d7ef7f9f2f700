"""Proxies of other sizes: how they rank mixtures, and how far apart the mixtures that they choose are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regmix.ablations import mixture_ranks
from regmix.statistics import metrics

DEFAULT = "main"  # the world of the proxies' own size
SIZES = ("small_proxies", DEFAULT, "large_proxies")
PART = "half"  # the part of the swarm that all sizes have
REGRESSOR = "gp"  # whose ranking stands for all


@dataclass(frozen=True)
class Swarm:
    """A world's swarm: ``final`` predictions, the mixture ``chosen`` (JSON), the proxies' ``body`` parameters."""

    body: int
    final: pd.DataFrame
    chosen: Mapping[str, Any]


def table(swarms: Mapping[str, Swarm], large: pd.Series, level: float) -> pd.DataFrame:
    """world, body, n, heldout_{value,low,high}, target_{value,low,high}, target_n, distance, expected_distance.

    ``heldout`` is Spearman of REGRESSOR's predictions with the losses of held-out proxies of the same size, ``target``
    with those of targets: ``large``, by run. ``apart`` gives the distances, from the world DEFAULT.
    """
    rows = []
    for world in [name for name in SIZES if name in swarms]:
        swarm = swarms[world]
        own = swarm.final[(swarm.final["regressor"] == REGRESSOR) & (swarm.final["proxies"] == PART)]
        found = mixture_ranks.heldout(own, level).iloc[0]
        both = own[own["run"].isin(large.index)]
        pair = both["predicted"].to_numpy(), large.loc[both["run"]].to_numpy()
        carried = metrics.correlation(*pair, resamples=mixture_ranks.RESAMPLES, level=level, seed=0)
        distance, noise = apart(swarm.chosen, swarms[DEFAULT].chosen)
        rows.append(
            {"world": world, "body": swarm.body, "n": len(own)}
            | {f"heldout_{key}": found[key] for key in ("value", "low", "high")}
            | {f"target_{key}": value for key, value in carried._asdict().items()}
            | {"target_n": len(both), "distance": distance, "expected_distance": noise}
        )
    return pd.DataFrame(rows)


def apart(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[float, float]:
    """The L1 distance of two chosen mixtures, and the one expected of two that differ by their refits' spread alone."""
    one, two = (np.array(list(of["weights"].values())) for of in (first, second))
    spread = np.hypot(*(np.array(list(of["spread"].values())) for of in (first, second)))
    return float(np.abs(one - two).sum()), float(np.sqrt(2 / np.pi) * spread.sum())
