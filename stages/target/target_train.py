"""Train the targets of one method, a run a seed."""

from __future__ import annotations

from pathlib import Path

from regmix.core import plugins
from regmix.core.files import read_json, write_json, writing
from regmix.engine.run import Run
from regmix.engine.store import tensors
from regmix.engine.train_many import train_targets
from regmix.params import Params
from regmix.sampling.rules import Rules
from regmix.target.interface import Plan
from stages.run import note, run
from stages.target.plans import read_plan, target_seeds
from stages.training import train_to


def target_train(params: Params, *, plan: Path, sample: Path, corpus: Path, store: Path, out: Path) -> None:
    """Train params.target.seeds runs by PLAN; write their tables and weights/seed-<i>.safetensors to OUT.

    What a policy decided and why goes to OUT/policy.json.
    """
    given, runs = planned(params, plan, sample)
    with writing(out) as scratch:
        _, results = train_to(
            scratch, params, params.target, corpus, store, runs, [plan.name] * len(runs), f"target {plan.name}",
            weights=True, tokens=given.tokens, train=train_targets,
        )  # fmt: skip
        (scratch / "weights").mkdir()
        write_json(scratch / "policy.json", {r.name: result.state for r, result in zip(runs, results, strict=True)})
        for entry, result in zip(runs, results, strict=True):
            if entry.policy and (said := entry.policy.warning(result.state)):
                note(f"{plan.name}, {entry.name}: {said}")
            assert result.weights is not None
            tensors.save(scratch / "weights" / f"{entry.name}.safetensors", result.weights)


def planned(params: Params, plan: Path, sample: Path) -> tuple[Plan, list[Run]]:
    """The plan in the folder ``plan``, named for its method, and its runs."""
    given, method = read_plan(plan, params.corpus.trained), params.target.methods[plan.name]
    key = f"target.methods.{plan.name}"
    module = plugins.load("methods", method.kind, f"{key}.kind")
    policy = None
    if hasattr(module, "policy"):
        policy = module.policy(given, plugins.options(module, method.model_extra or {}, key), params.target)
    bounds = Rules.from_json(read_json(sample / "rules.json")).bounds
    return given, [
        Run(f"seed-{i}", given.schedule, seed, policy, bounds) for i, seed in enumerate(target_seeds(params))
    ]


if __name__ == "__main__":
    run(target_train)
