"""Train the targets of one comparison of ablations/params.yaml, with the root's own stages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from regmix.ablations import method_tables
from regmix.ablations.settings import Ablations, spell, variant_params, with_methods
from regmix.core.files import read_json, write_csv, writing
from regmix.core.tables import read_csv
from regmix.evaluation import summary
from regmix.params import Params
from stages.common.run import call, run
from stages.target.target_schedule import target_schedule
from stages.target.target_train import target_train


def ablation_targets(
    params: Params, settings: Ablations, *, comparison: str, variant: Path, corpus: Path, answers: Path, store: Path,
    out: Path,
) -> None:  # fmt: skip
    """Write losses, schedules, support, beta, spent and the design of COMPARISON, in the VARIANT's swarm, to OUT."""
    own = variant_params(params, settings, settings.comparisons[comparison].variant)
    spelled = spell(own, settings, comparison)
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in ("losses", "schedules", "support", "beta", "spent")}
    with writing(out) as scratch:
        for part, methods in spelled.methods.items():
            changed, learnt = with_methods(own, methods), variant / "parts" / part
            plans, trained = scratch / "work" / part / "plans", scratch / "work" / part / "trained"
            call(
                target_schedule, changed, sample=variant / "sample", swarm=learnt / "swarm", chosen=learnt / "chosen",
                corpus=corpus, answers=answers, store=store, out=plans,
            )  # fmt: skip
            call(target_train, changed, plans=plans, corpus=corpus, answers=answers, store=store, out=trained)
            for method in methods:
                folder = trained / method
                plan = read_json(plans / method / "plan.json")
                losses = read_csv(folder / "losses.csv")
                tables["losses"].append(summary.of_seeds(losses, method, own.target.seeds))
                tables["schedules"].append(read_csv(folder / "schedules.csv").assign(method=method))
                tables["support"].append(
                    method_tables.support(method, plan["facts"], read_json(folder / "policy.json"))
                )
                tables["beta"].append(method_tables.beta(method, plan["facts"]))
                tables["spent"].append(method_tables.costs(method, plan["spent"]))
            shutil.rmtree(trained)  # the weights are in STORE
        shutil.rmtree(scratch / "work")
        for name, frames in tables.items():
            write_csv(scratch / f"{name}.csv", pd.concat(frames, ignore_index=True))
        write_csv(scratch / "design.csv", pd.DataFrame(spelled.rows))


if __name__ == "__main__":
    run(ablation_targets)
