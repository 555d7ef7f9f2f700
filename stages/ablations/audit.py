"""Run one audit of ablations/params.yaml on the default pipeline's mixtures and targets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from regmix.ablations.audit import audit_of, to_json
from regmix.ablations.bench import Bench, Targets
from regmix.ablations.settings import Ablations
from regmix.core.files import read_json, write_csv, write_json, writing
from regmix.core.model_shape import ModelShape
from regmix.core.tables import read_csv
from regmix.engine.run import Result
from regmix.evaluation import answers as gold
from regmix.evaluation import summary
from regmix.mixture.propose import earlier
from regmix.params import Params
from regmix.target.realised_schedules import schedules
from stages.ablations.contexts import at_budget, under_vocabulary, with_parts
from stages.ablations.downstream import scored
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
            context=context, realised=realised, targets=targets, scores=_scores(params, evaluated),
            methods=params.target.methods, proposals=earlier(swarm), settings=params.mixture,
            tokenized=partial(under_vocabulary, params, swarms, extracted, Path(work)),
            refined=partial(with_parts, params, context, swarms, tokenizer, Path(work)),
            budgeted=partial(at_budget, params, swarms, corpus),
            downstream=partial(_downstream, params, tokenizer, tasks, Path(work)),
            workers=params.machine.processes, level=params.regression.interval, resamples=params.regression.bootstrap,
        )  # fmt: skip
        result = module.audit(bench, options)
        write_json(scratch / "answers.json", to_json(result))
        for table, frame in result.tables.items():
            write_csv(scratch / f"{table}.csv", frame)


def _scores(params: Params, evaluated: Path) -> pd.DataFrame:
    """method, seed, measure, value: zero-shot accuracies in percent, bits per byte of right answers, and averages."""
    return _measures(params, *(read_csv(evaluated / f"{table}.csv") for table in ("losses", "lm_eval")))


def _downstream(
    params: Params, tokenizer: Path, tasks: Path, work: Path, finished: Iterable[Sequence[Result]]
) -> pd.DataFrame:
    """``_scores`` of targets, a list of results per seed; its number stands in for a method."""
    shape = ModelShape(**params.target.shape.model_dump(), vocab=read_json(tokenizer / "meta.json")["vocab"])
    answers, losses = gold.read(tasks / "target.json"), list[dict[str, Any]]()

    def one_by_one() -> Iterator[Result]:
        for number, row in enumerate(finished):
            for seed, result in enumerate(row):
                bits = gold.with_tasks(shape, result, answers).losses
                losses.append({"method": number, "seed": seed, **bits})
                yield result

    frames = scored(params, shape, one_by_one(), shots=[0], tokenizer=tokenizer, tasks=tasks, work=work)
    lm_eval = pd.concat([frame.assign(method=row["method"], seed=row["seed"]) for frame, row in
                         zip(frames, losses, strict=True)])  # fmt: skip
    return _measures(params, pd.DataFrame(losses), lm_eval)


def _measures(params: Params, losses: pd.DataFrame, lm_eval: pd.DataFrame) -> pd.DataFrame:
    lm_eval = lm_eval[lm_eval["shots"] == 0]
    if lm_eval.empty:
        return pd.DataFrame(columns=["method", "seed", "measure", "value"])
    tasks = [column for column in losses if column not in {"method", "seed", *params.corpus.domains}]
    return pd.concat([summary.measures(losses, lm_eval, {}), summary.bits(losses, tasks)], ignore_index=True)


if __name__ == "__main__":
    run(audit)
