"""Run one audit of ablations/params.yaml on the default pipeline's mixtures and targets."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from regmix.ablations.audit import audit_of, to_json
from regmix.ablations.bench import Bench, Part, Targets
from regmix.ablations.settings import FILE, Ablations
from regmix.core import plugins
from regmix.core.files import write_csv, write_json, writing
from regmix.core.tables import read_csv
from regmix.corpus.settings import Corpus
from regmix.corpus.tokenized import open_corpus
from regmix.evaluation import summary
from regmix.params import Params
from regmix.target.interface import Context
from regmix.target.realised_schedules import schedules
from stages.corpus.corpus_extract import corpus_extract
from stages.corpus.corpus_tokenize import corpus_tokenize
from stages.corpus.tokenizer_train import tokenizer_train
from stages.run import call, run
from stages.target.context import PlanSections, context_of


def audit(
    params: Params, settings: Ablations, *, name: str, sample: Path, swarm: Path, chosen: Path, trained: Path,
    evaluated: Path, extracted: Path, tokenizer: Path, corpus: Path, answers: Path, store: Path, out: Path,
) -> None:  # fmt: skip
    """Write the verdicts of the audit NAME to OUT/answers.json and its tables beside them; runs go to STORE."""
    module, options = audit_of(settings, name)
    swarms = {"sample": sample, "swarm": swarm, "chosen": chosen, "answers": answers, "store": store}
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
            methods=params.target.methods, settings=params.mixture,
            tokenized=partial(_tokenized, params, swarms, extracted, Path(work)),
            refined=partial(_refined, params, tokenizer, Path(work)),
            workers=params.machine.processes, level=params.regression.interval, resamples=params.regression.bootstrap,
        )  # fmt: skip
        done = module.audit(bench, options)
        write_json(scratch / "answers.json", to_json(done))
        for table, frame in done.tables.items():
            write_csv(scratch / f"{table}.csv", frame)


def _scores(params: Params, evaluated: Path) -> pd.DataFrame:
    """method, seed, measure, value: zero-shot accuracies in percent, bits per byte of right answers, and averages."""
    losses, lm_eval = (read_csv(evaluated / f"{table}.csv") for table in ("losses", "lm_eval"))
    lm_eval = lm_eval[lm_eval["shots"] == 0]
    if lm_eval.empty:
        return pd.DataFrame(columns=["method", "seed", "measure", "value"])
    tasks = [column for column in losses if column not in {"method", "seed", *params.corpus.domains}]
    return pd.concat([summary.measures(losses, lm_eval, {}), summary.bits(losses, tasks)], ignore_index=True)


def _tokenized(params: Params, swarms: dict[str, Path], extracted: Path, work: Path, entries: int) -> Context:
    """The context with the corpus as a vocabulary of so many ``entries`` tokenizes it."""
    tokenizer = params.tokenizer.model_copy(update={"source": "train", "vocab_size": entries})
    own, folder = params.model_copy(update={"tokenizer": tokenizer}), work / str(entries)
    call(tokenizer_train, own, extracted=extracted, out=folder / "tokenizer")
    call(corpus_tokenize, own, extracted=extracted, tokenizer=folder / "tokenizer", store=folder / "parts",
         out=folder / "corpus")  # fmt: skip
    return context_of(PlanSections.of(own), corpus=folder / "corpus", **swarms)


def _refined(params: Params, tokenizer: Path, work: Path, parts: Mapping[str, Part]) -> dict[str, np.ndarray]:
    """The training tokens of parts of domains: read anew, under the default's tokenizer."""
    values = params.corpus.model_dump()
    values["domains"] = {name: values["domains"][domain] | changes for name, (domain, changes) in parts.items()}
    corpus = plugins.checked(Corpus, values | {"validation_only": []}, FILE, "audits: parts")
    own, texts = params.model_copy(update={"corpus": corpus}), work / "parts"
    for name in parts:
        call(corpus_extract, own, domain=name, out=texts / name)
    shutil.copytree(tokenizer, work / "tokenizer")
    write_json(work / "tokenizer/domains.json", {"all": list(parts), "trained": list(parts)})
    call(corpus_tokenize, own, extracted=texts, tokenizer=work / "tokenizer", store=work / "store", out=work / "corpus")
    return {name: np.array(tokens) for name, tokens in open_corpus(work / "corpus", list(parts)).train.items()}


if __name__ == "__main__":
    run(audit)
