"""Train only on the objective's domains, with its weights (the paper's Pile-CC Only), as far as the bounds allow."""

from collections.abc import Iterator

from regmix.core.errors import InputError
from regmix.core.settings import Strict
from regmix.corpus.settings import Corpus
from regmix.objectives import Objectives, counted
from regmix.target.interface import Context, Plan


class Options(Strict):
    """``objective``: the name of an objective in params.yaml that includes a trained domain."""

    objective: str


def faults(options: Options, corpus: Corpus, objectives: Objectives) -> Iterator[str]:
    aim = objectives.get(options.objective)
    if aim is not None and not set(counted(aim, corpus.trained)) & set(corpus.trained):
        yield f"objective = {options.objective}: none of its domains is trained on; choose another objective"


def plan(context: Context, options: Options) -> Plan:
    mixture = context.objectives[options.objective].own(context.domains)
    if mixture.sum() == 0:
        raise InputError(
            f"params.yaml: target.methods: objective_only of {options.objective!r}, none of whose domains is "
            "trained on; choose another objective"
        )
    return Plan(context.static(context.rules.nearest(mixture / mixture.sum())))
