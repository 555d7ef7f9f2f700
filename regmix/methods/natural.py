"""Sample by the prior, as when the corpus is read as it comes. Stands for `human` until weights are published."""

from regmix.methods._interface import Context, Plan
from regmix.plugins import Strict


class Options(Strict):
    """No further keys."""


def plan(context: Context, options: Options) -> Plan:
    return Plan(context.static(context.rules.prior))
