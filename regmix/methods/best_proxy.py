"""The mixture of the proxy with the lowest loss: what a sceptic tries before any regression.

Where the objective has limits, of those that keep them best.
"""

import numpy as np

from regmix.core.runs import LEARNT
from regmix.core.settings import Strict
from regmix.target.interface import Context, Plan


class Options(Strict):
    """``objective``: the name of an objective in params.yaml."""

    objective: str


def plan(context: Context, options: Options) -> Plan:
    proxies = context.proxies(*LEARNT)
    parts = proxies.parts(context.objectives[options.objective])
    above = parts.objective.excess(parts.losses).max(axis=1)
    best = int(np.lexsort((parts.total, above))[0])
    facts = {"proxy": str(proxies.names[best])}
    return Plan(context.static(proxies.mixtures[best]), facts=facts, spent=[context.swarm_cost()])
