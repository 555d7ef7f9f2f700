"""Sample by the prior, as when the corpus is read as it comes. Stands for `human` until weights are published."""

from regmix.methods._context import Context
from regmix.plugins import Strict
from regmix.schedule import Schedule


class Options(Strict):
    """No further keys."""


def schedule(context: Context, options: Options) -> Schedule:
    return Schedule.static(context.domains, context.prior)
