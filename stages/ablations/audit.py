"""Run one audit of ablations/params.yaml on the default pipeline's mixtures and targets."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from regmix.ablations.audit import audit_of, to_json
from regmix.ablations.bench import Bench, Targets
from regmix.ablations.settings import Ablations
from regmix.core.files import write_csv, write_json, writing
from regmix.core.tables import read_csv
from regmix.mixture.propose import earlier
from regmix.params import Params
from regmix.target.realised_schedules import schedules
from stages.ablations.contexts import at_budget, under_vocabulary, with_parts
from stages.ablations.downstream import pipeline_scores, target_scores
from stages.common.run import run
from stages.target.context import PlanSections, context_of


def audit(
    params: Params, settings: Ablations, *, name: str, sample: Path, swarm: Path, chosen: Path, trained: Path,
    evaluated: Path, extracted: Path, tokenizer: Path, corpus: Path, tasks: Path, store: Path, out: Path,
) -> None:  # fmt: skip
    """Write the verdicts of the audit NAME to OUT/answers.json and its tables beside them; runs go to STORE."""
    module, options = audit_of(settings, name)
    swarms = {"sample": sample, "swarm": swarm, "chosen": chosen, "answers": tasks / "proxy.json", "store": store}
    context = context_of(PlanSections.of(params), corpus=corpus, **swarms)
    realised, targets = {}, {}
    for method in params.target.methods:
        tables = {table: read_csv(trained / method / f"{table}.csv") for table in ("schedules", "losses", "ledger")}
        realised[method] = list(schedules(tables["schedules"], context.domains).values())
        losses, ledger = (tables[table].drop(columns="run") for table in ("losses", "ledger"))
        targets[method] = Targets(losses, ledger)
    with writing(out) as scratch, tempfile.TemporaryDirectory(dir=scratch) as work:
        bench = Bench(
            context=context, realised=realised, targets=targets, scores=pipeline_scores(params, evaluated),
            methods=params.target.methods, proposals=earlier(swarm), settings=params.mixture,
            tokenized=partial(under_vocabulary, params, swarms, extracted, Path(work)),
            refined=partial(with_parts, params, context, swarms, tokenizer, Path(work)),
            budgeted=partial(at_budget, params, swarms, corpus),
            downstream=partial(target_scores, params, tokenizer, tasks, Path(work)),
            workers=params.machine.processes, level=params.regression.interval, resamples=params.regression.bootstrap,
        )  # fmt: skip
        result = module.audit(bench, options)
        write_json(scratch / "answers.json", to_json(result))
        for table, frame in result.tables.items():
            write_csv(scratch / f"{table}.csv", frame)


if __name__ == "__main__":
    run(audit)
