"""Train the targets of one method, one run per seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from regmix.core import plugins
from regmix.core.files import read_json, write_json, writing
from regmix.core.settings import Kind
from regmix.engine.run import Run
from regmix.engine.settings import Training
from regmix.engine.store import tensors
from regmix.engine.train_many import train_targets
from regmix.target.interface import Plan
from stages.run import note, run
from stages.target.plans import read_plan
from stages.training import TrainingSections, train_to


def target_train(params: TrainingSections, *, plan: Path, corpus: Path, store: Path, out: Path) -> None:
    """Train the runs of PLAN, a folder of target_schedule; write their tables and weights/seed-<i>.safetensors to OUT.

    A policy's decisions and their reasons go to OUT/policy.json.
    """
    given, training, runs = planned(params.corpus.trained, plan)
    with writing(out) as scratch:
        _, results = train_to(
            scratch, params, training, corpus, store, runs, [plan.name] * len(runs), f"target {plan.name}",
            weights=True, tokens=given.tokens, train=train_targets,
        )  # fmt: skip
        (scratch / "weights").mkdir()
        write_json(scratch / "policy.json", {r.name: result.state for r, result in zip(runs, results, strict=True)})
        for entry, result in zip(runs, results, strict=True):
            if entry.policy and (warning := entry.policy.warning(result.state)):
                note(f"{plan.name}, {entry.name}: {warning}")
            assert result.weights is not None
            tensors.save(scratch / "weights" / f"{entry.name}.safetensors", result.weights)


def planned(domains: Sequence[str], plan: Path) -> tuple[Plan, Training, list[Run]]:
    """The plan in the folder ``plan`` (named after its method), how its targets train, and its runs."""
    given, target = read_plan(plan, domains), read_json(plan / "target.json")
    training = plugins.checked(Training, target["training"], str(plan / "target.json"), "training")
    method, key = Kind.model_validate(target["method"]), f"target.methods.{plan.name}"
    module = plugins.load("methods", method.kind, f"{key}.kind")
    policy = None
    if hasattr(module, "policy"):
        policy = module.policy(given, plugins.options(module, method.model_extra or {}, key), training)
    bounds = np.array(target["bounds"])
    runs = [Run(f"seed-{i}", given.schedule, seed, policy, bounds) for i, seed in enumerate(target["seeds"])]
    return given, training, runs


if __name__ == "__main__":
    run(target_train)
