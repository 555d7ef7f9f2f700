"""Ask every method for its plan. Each has its own folder, so a target re-trains only when its own plan changes."""

from __future__ import annotations

from pathlib import Path

from regmix.core import plugins
from regmix.core.files import write_json, writing
from regmix.core.schedule import check_bounds
from stages.run import run
from stages.target.plans import PlanSections, context_of, target_json, write_plan


def target_schedule(
    params: PlanSections, *, sample: Path, swarm: Path, chosen: Path, corpus: Path, store: Path, out: Path
) -> None:
    """Write OUT/<method>: its schedule, and everything else that target_train needs.

    CHOSEN holds RegMix's mixtures and SWARM the proxies; models that a method trains are stored in STORE.
    """
    context = context_of(params, sample, swarm, chosen, corpus, store)
    with writing(out) as scratch:
        for name, method in params.target.methods.items():
            key = f"target.methods.{name}"
            module = plugins.load("methods", method.kind, f"{key}.kind")
            plan = module.plan(context, plugins.options(module, method.model_extra or {}, key))
            for mixture in plan.schedule.mixtures:
                check_bounds(mixture, context.rules.bounds, context.domains, f"method {name}")
            (scratch / name).mkdir()
            write_plan(scratch / name, plan)
            write_json(scratch / name / "target.json", target_json(params.target, method, context.rules))


if __name__ == "__main__":
    run(target_schedule)
