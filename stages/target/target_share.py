"""Train the targets of one method as one of the processes started by torchrun, on one machine or several.

    torchrun --nnodes 2 --nproc-per-node 8 ... -m stages.target.target_share --plan data/target_schedule/natural
      --corpus data/corpus_tokenize --store .runs

on every machine; with ``machine.sharded`` above 0, the stage target_train then finds the runs in STORE.
"""

from __future__ import annotations

import os
from pathlib import Path

from regmix.core.errors import InputError
from regmix.corpus.tokenized import digest_of, open_corpus
from regmix.engine.processes import SharedRuns, share
from regmix.engine.run import Setup
from stages.run import run
from stages.target.target_train import planned
from stages.training import TrainingSections


def target_share(params: TrainingSections, *, plan: Path, corpus: Path, store: Path) -> None:
    """Train the runs of PLAN that STORE lacks. All machines read the same files; process 0 writes to STORE."""
    if not {"RANK", "LOCAL_RANK", "WORLD_SIZE"} <= set(os.environ):
        raise InputError(
            "stages.target.target_share: RANK is not set; start it with torchrun, or run stages.target.target_train"
        )
    if not params.machine.sharded:
        raise InputError("machine.sharded: 0, so `dvc repro` would not use the runs trained here; set it to 1 or more")
    given, training, runs = planned(params.corpus.trained, plan)
    text = open_corpus(corpus, list(params.corpus.domains), params.corpus.trained)
    setup = Setup(training, text.vocab, given.tokens or text.train, text.valid)
    label = f"target {plan.name}"
    share(SharedRuns.of(setup, runs, store, digest_of(text, given.tokens), params.machine, weights=True, label=label))


if __name__ == "__main__":
    run(target_share)
