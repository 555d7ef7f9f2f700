"""Equal weights for all trained domains, as closely as the bounds on repetition allow."""

from regmix.core.settings import Strict
from regmix.target.interface import Context, Plan


class Options(Strict):
    """No options."""


def plan(context: Context, options: Options) -> Plan:
    return Plan(context.static(context.rules.uniform))
