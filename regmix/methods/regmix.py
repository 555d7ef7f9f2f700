"""The mixture that the regression recommends for an objective (section 3 of the paper)."""

from regmix.core.settings import Strict
from regmix.target.interface import Context, Plan


class Options(Strict):
    """``objective``: the name of an objective in params.yaml."""

    objective: str


def plan(context: Context, options: Options) -> Plan:
    return Plan(context.static(context.recommended[options.objective]), spent=[context.swarm_cost()])
