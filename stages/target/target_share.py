"""Train the targets of one method as one of the processes started by torchrun, on one machine or several.

    torchrun --nnodes 2 --nproc-per-node 8 ... -m stages.target.target_share --method natural
      --plans data/target_schedule --corpus data/corpus_tokenize --store .runs

on every machine; with ``machine.sharded`` above 0, the stage target_train then finds the runs in STORE.
"""

from __future__ import annotations

import os
from pathlib import Path

from regmix.core.errors import InputError
from regmix.corpus.tokens.tokenized import digest_of, open_corpus
from regmix.engine.processes import SharedRuns, share
from regmix.engine.run import Setup
from regmix.target.targets import Targets
from stages.common.run import run
from stages.common.training import TrainingSections
from stages.target.plans import read_plan, runs_of, training_of


def target_share(params: TrainingSections, *, method: str, plans: Path, corpus: Path, store: Path) -> None:
    """Train the runs of METHOD that STORE lacks. All machines read the same files; process 0 writes to STORE."""
    if not {"RANK", "LOCAL_RANK", "WORLD_SIZE"} <= set(os.environ):
        raise InputError(
            "stages.target.target_share: RANK is not set; start it with torchrun, or run stages.target.target_train"
        )
    if not params.machine.sharded:
        raise InputError("machine.sharded: 0, so `dvc repro` would not use the runs trained here; set it to 1 or more")
    targets = Targets.read(plans)
    if method not in targets.methods:
        raise InputError(f"--method {method}: {plans} has no such method; use one of {', '.join(targets.methods)}")
    plan = read_plan(plans / method)
    text = open_corpus(corpus, plan.schedule.domains)
    setup = Setup(training_of(targets), text.vocab, plan.tokens or text.train, text.valid)
    digest, runs = digest_of(text, plan.tokens), runs_of(method, plan, targets)
    share(SharedRuns.of(setup, runs, store, digest, params.machine, weights=True, label=f"target {method}"))


if __name__ == "__main__":
    run(target_share)
