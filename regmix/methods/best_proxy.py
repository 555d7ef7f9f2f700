"""The mixture of the proxy with the lowest loss: what a sceptic tries before any regression."""

import numpy as np

from regmix.core.runs import LEARNT
from regmix.core.settings import Strict
from regmix.target.interface import Context, Plan


class Options(Strict):
    """``objective``: the name of an objective in params.yaml."""

    objective: str


def plan(context: Context, options: Options) -> Plan:
    proxies = context.proxies(*LEARNT)
    best = int(np.argmin(proxies.objective(context.objectives[options.objective])))
    facts = {"proxy": str(proxies.names[best])}
    return Plan(context.static(proxies.mixtures[best]), facts=facts, spent=[context.swarm_cost()])
