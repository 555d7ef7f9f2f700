"""Write down every method's schedule, one file a method, so that a target re-trains only when its own changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regmix import plugins
from regmix.methods._context import Context
from regmix.params import Params
from stages.harness import read_json, run, write_json, writing


def target_schedule(params: Params, *, sample: Path, chosen: Path, out: Path) -> None:
    """Ask each method of params.target.methods for its schedule; the mixtures in CHOSEN are RegMix's."""
    domains = tuple(params.corpus.trained)
    prior = read_json(sample / "prior.json")
    weights = {name: read_json(chosen / f"{name}.json")["weights"] for name in params.objectives}
    context = Context(
        domains,
        np.array([prior[name] for name in domains]),
        {name: params.objective_weights(name) for name in params.objectives},
        {name: np.array([value[domain] for domain in domains]) for name, value in weights.items()},
    )
    with writing(out) as scratch:
        for name, method in params.target.methods.items():
            key = f"target.methods.{name}"
            module = plugins.load("methods", method.kind, f"{key}.kind")
            options = plugins.options(module, method.model_extra or {}, key)
            write_json(scratch / f"{name}.json", {"schedule": module.schedule(context, options).to_json()})


if __name__ == "__main__":
    run(target_schedule)
