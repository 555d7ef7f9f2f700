"""Ask every method for its plan. The targets' runs are stored by plan, so only those whose plan changes train again."""

from __future__ import annotations

from pathlib import Path

from regmix.core import plugins
from regmix.core.errors import InputError
from regmix.core.files import writing
from regmix.evaluation.summary import BASELINE
from regmix.target.targets import Targets
from stages.common.run import run
from stages.target.context import PlanSections, context_of
from stages.target.plans import write_plan


def target_schedule(
    params: PlanSections,
    *,
    sample: Path,
    swarm: Path,
    chosen: Path,
    corpus: Path,
    answers: Path,
    store: Path,
    out: Path,
) -> None:
    """Write OUT/<method>, the schedule of every method, and OUT/targets.json, how all targets train.

    CHOSEN holds RegMix's mixtures and SWARM the proxies; models that a method trains are stored in STORE,
    and proxies among them are scored on ANSWERS.
    """
    context = context_of(params, sample, swarm, chosen, corpus, answers, store)
    with writing(out) as scratch:
        for name, method in params.target.methods.items():
            key = f"target.methods.{name}"
            module = plugins.load("methods", method.kind, f"{key}.kind")
            plan = module.plan(context, plugins.options(module, method.extras, key))
            # All methods are compared with the natural mixture, even where the constraints forbid training on it.
            if name != BASELINE and (fault := context.rules.region.broken_by(plan.schedule)):
                raise InputError(f"params.yaml: {key}: {fault}; correct the method's plan or the constraints")
            (scratch / name).mkdir()
            write_plan(scratch / name, plan)
        training = params.target.model_dump(mode="json", include={"shape", "recipe", "validation"})
        targets = Targets(params.target.methods, context.seeds, training, context.rules.region.epochs.tolist())
        targets.write(scratch)


if __name__ == "__main__":
    run(target_schedule)
