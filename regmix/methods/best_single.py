"""The single domain whose proxy has the lowest loss: one anchor per domain, no regression."""

import numpy as np

from regmix.core.errors import InputError
from regmix.core.settings import Strict
from regmix.sampling.rules import project
from regmix.target.interface import Context, Plan


class Options(Strict):
    """``objective``: the name of an objective in params.yaml."""

    objective: str


def plan(context: Context, options: Options) -> Plan:
    """As nearly as the bounds allow. Raises InputError if the swarm has no anchor of a single domain."""
    anchors = context.proxies("anchor")
    alone = anchors.at(anchors.mixtures.max(axis=1) == 1)
    if not len(alone.names):
        raise InputError(
            "params.yaml: target.methods: best_single needs proxies of single domains; add anchors to swarm.shards, or "
            "raise swarm.max_epochs"
        )
    best = alone.mixtures[int(np.argmin(alone.objective(context.objectives[options.objective])))]
    cost = context.swarm_cost(len(alone.names) / len(context.swarm.mixtures))
    facts = {"domain": context.domains[int(np.argmax(best))]}
    return Plan(context.static(project(best, context.rules.bounds)), facts=facts, spent=[cost])
