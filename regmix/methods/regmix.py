"""The mixture that the regression recommends for an objective (section 3 of the paper)."""

from regmix.methods._context import Context
from regmix.plugins import Strict
from regmix.schedule import Schedule


class Options(Strict):
    """``objective``: a name of params.yaml's objectives."""

    objective: str


def schedule(context: Context, options: Options) -> Schedule:
    return Schedule.static(context.domains, context.recommended[options.objective])
