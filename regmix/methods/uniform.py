"""Every trained domain alike, as far as the bounds on repetition allow."""

from regmix.methods._interface import Context, Plan
from regmix.plugins import Strict


class Options(Strict):
    """No further keys."""


def plan(context: Context, options: Options) -> Plan:
    return Plan(context.static(context.rules.uniform))
