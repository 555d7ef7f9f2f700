"""Proxies of other sizes: how they rank mixtures, and how far apart their chosen mixtures are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regmix.ablations import mixture_ranks
from regmix.statistics import metrics

DEFAULT = "main"  # the variant with proxies of the default size
SIZES = ("small_proxies", DEFAULT, "large_proxies")
PART = "half"  # the part of the swarm that all sizes have
REGRESSOR = "gp"  # its ranking represents each variant


@dataclass(frozen=True)
class Swarm:
    """A variant's swarm: ``final`` predictions, the mixture ``chosen`` (JSON), the proxies' ``body`` parameters."""

    body: int
    final: pd.DataFrame
    chosen: Mapping[str, Any]


def table(swarms: Mapping[str, Swarm], large: pd.Series, level: float) -> pd.DataFrame:
    """variant, body, n, heldout_{value,low,high}, target_{value,low,high}, target_n, distance, expected_distance.

    ``heldout`` is Spearman of REGRESSOR's predictions with the losses of held-out proxies of the same size, ``target``
    with those of targets: ``large``, by run. ``apart`` gives the distances, from the variant DEFAULT.
    """
    rows = []
    for variant in [name for name in SIZES if name in swarms]:
        swarm = swarms[variant]
        own = swarm.final[(swarm.final["regressor"] == REGRESSOR) & (swarm.final["proxies"] == PART)]
        heldout = mixture_ranks.heldout(own, level).iloc[0]
        both = own[own["run"].isin(large.index)]
        pair = both["predicted"].to_numpy(), large.loc[both["run"]].to_numpy()
        carried = metrics.correlation(*pair, resamples=mixture_ranks.RESAMPLES, level=level, seed=0)
        distance, noise = apart(swarm.chosen, swarms[DEFAULT].chosen)
        rows.append(
            {"variant": variant, "body": swarm.body, "n": len(own)}
            | {f"heldout_{key}": heldout[key] for key in ("value", "low", "high")}
            | {f"target_{key}": value for key, value in carried._asdict().items()}
            | {"target_n": len(both), "distance": distance, "expected_distance": noise}
        )
    return pd.DataFrame(rows)


def apart(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[float, float]:
    """The L1 distance between two chosen mixtures, and the distance expected from their refits' spread alone."""
    weights, others = (np.array(list(chosen["weights"].values())) for chosen in (first, second))
    spread = np.hypot(*(np.array(list(chosen["spread"].values())) for chosen in (first, second)))
    return float(np.abs(weights - others).sum()), float(np.sqrt(2 / np.pi) * spread.sum())
