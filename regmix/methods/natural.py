"""Sample by the prior, as when the corpus is read as it comes. Stands for `human` until weights are published."""

from regmix.core.settings import Strict
from regmix.target.interface import Context, Plan


class Options(Strict):
    """No further keys."""


def plan(context: Context, options: Options) -> Plan:
    return Plan(context.static(context.rules.prior))
