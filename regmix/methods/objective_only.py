"""Train on the objective's own domains alone, by its weights (the paper's Pile-CC Only)."""

import numpy as np

from regmix.core.errors import InputError
from regmix.core.settings import Strict
from regmix.target.interface import Context, Plan


class Options(Strict):
    """``objective``: a name of params.yaml's objectives, with a trained domain in it."""

    objective: str


def plan(context: Context, options: Options) -> Plan:
    weights = context.objectives[options.objective]
    mixture = np.array([weights.get(name, 0.0) for name in context.domains])
    if mixture.sum() == 0:
        raise InputError(
            f"params.yaml: target.methods: objective_only of {options.objective!r}, none of whose domains is "
            "trained on; name another objective"
        )
    return Plan(context.static(mixture / mixture.sum()))
