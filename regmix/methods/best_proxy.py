"""The mixture of the proxy with the lowest loss: what a sceptic tries before any regression.

Where the objective has limits, of those that keep them best. If its mixture breaks the constraints, as the natural one
can, the nearest that respects them.
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
    mixture = context.rules.nearest(proxies.mixtures[best])
    return Plan(context.static(mixture), facts={"proxy": str(proxies.names[best])}, spent=[context.swarm_cost()])
