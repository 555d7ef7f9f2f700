"""Every trained domain alike, as far as the bounds on repetition allow."""

from regmix.core.settings import Strict
from regmix.target.interface import Context, Plan


class Options(Strict):
    """No further keys."""


def plan(context: Context, options: Options) -> Plan:
    return Plan(context.static(context.rules.uniform))
