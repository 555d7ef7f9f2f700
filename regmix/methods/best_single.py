"""The single domain whose proxy has the lowest loss: one anchor per domain, as closely as the bounds allow."""

from collections.abc import Iterator

import numpy as np

from regmix.core.errors import InputError
from regmix.core.settings import Strict
from regmix.sampling.settings import Swarm
from regmix.target.interface import Context, Plan

ALONE = "anchor-only_"


class Options(Strict):
    """``objective``: the name of an objective in params.yaml."""

    objective: str


def faults(options: Options, swarm: Swarm) -> Iterator[str]:
    if "anchors" not in swarm.shards:
        yield "kind = best_single: needs proxies of single domains; add anchors to swarm.shards"


def plan(context: Context, options: Options) -> Plan:
    """Raises InputError if the swarm has no anchor of a single domain."""
    anchors = context.proxies("anchor")
    alone = anchors.at(np.array([str(name).startswith(ALONE) for name in anchors.names]))
    if not len(alone.names):
        raise InputError(
            "params.yaml: target.methods: best_single needs proxies of single domains; add anchors to swarm.shards"
        )
    best = int(np.argmin(alone.objective(context.objectives[options.objective])))
    cost = context.swarm_cost(len(alone.names) / len(context.swarm.mixtures))
    facts = {"domain": str(alone.names[best]).removeprefix(ALONE)}
    return Plan(context.static(alone.mixtures[best]), facts=facts, spent=[cost])
