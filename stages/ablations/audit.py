"""Run one audit of ablations/params.yaml on the default pipeline's mixtures and targets."""

from __future__ import annotations

from pathlib import Path

from regmix.ablations.audit import Bench, Targets, to_json
from regmix.ablations.settings import Ablations, audit_of
from regmix.core.files import write_csv, write_json, writing
from regmix.core.tables import read_csv
from regmix.params import Params
from regmix.target.realised_schedules import schedules
from stages.run import run
from stages.target.context import PlanSections, context_of


def audit(
    params: Params, settings: Ablations, *, name: str, sample: Path, swarm: Path, chosen: Path, trained: Path,
    corpus: Path, answers: Path, store: Path, out: Path,
) -> None:  # fmt: skip
    """Write the verdicts of the audit NAME to OUT/answers.json and its tables beside them; runs go to STORE."""
    module, options = audit_of(settings, name)
    context = context_of(PlanSections.of(params), sample, swarm, chosen, corpus, answers, store)
    realised, targets = {}, {}
    for method in params.target.methods:
        tables = {table: read_csv(trained / method / f"{table}.csv") for table in ("schedules", "losses", "ledger")}
        realised[method] = list(schedules(tables["schedules"], context.domains).values())
        losses, ledger = (tables[table].drop(columns="run") for table in ("losses", "ledger"))
        targets[method] = Targets(losses, ledger)
    bench = Bench(
        context=context, realised=realised, targets=targets, settings=params.mixture,
        workers=params.machine.processes, level=params.regression.interval, resamples=params.regression.bootstrap,
    )  # fmt: skip
    done = module.audit(bench, options)
    with writing(out) as scratch:
        write_json(scratch / "answers.json", to_json(done))
        for table, frame in done.tables.items():
            write_csv(scratch / f"{table}.csv", frame)


if __name__ == "__main__":
    run(audit)
