"""Sample by the prior, as if reading the corpus in order. Stands in for `human` until its weights are published."""

from regmix.core.settings import Strict
from regmix.target.interface import Context, Plan


class Options(Strict):
    """No options."""


def plan(context: Context, options: Options) -> Plan:
    return Plan(context.static(context.rules.prior))
