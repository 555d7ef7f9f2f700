"""Train the targets of all methods, one run per method and seed."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from regmix.core.files import write_json, writing
from regmix.corpus.tokens.tokenized import Corpus, open_corpus
from regmix.engine.machine import Machine
from regmix.engine.run import Run, Setup
from regmix.engine.settings import Training
from regmix.engine.store import tensors
from regmix.engine.train_many import train_missing, train_targets
from regmix.target import targets
from regmix.target.interface import Plan
from regmix.target.targets import Targets
from stages.common.run import note, run
from stages.common.training import TrainingSections, train_to
from stages.target.plans import read_plan, runs_of, training_of


def target_train(params: TrainingSections, *, plans: Path, corpus: Path, answers: Path, store: Path, out: Path) -> None:
    """Train by the PLANS of target_schedule and score on ANSWERS; write tables and weights/seed-<i>.safetensors to
    OUT/<method>.

    A policy's decisions and their reasons go to OUT/<method>/policy.json. STORE keeps every run, so a method whose plan
    has not changed does not train again.
    """
    target, machine = Targets.read(plans), params.machine
    planned = {name: read_plan(plans / name) for name in target.methods}
    training, text = training_of(target), open_corpus(corpus, next(iter(planned.values())).schedule.domains)
    runs = {name: runs_of(name, plan, target) for name, plan in planned.items()}
    if not machine.sharded:
        _train_together(planned, runs, training, text, store, machine)
    with writing(out) as scratch:
        for name, plan in planned.items():
            _write(scratch / name, name, plan, runs[name], training, text, answers, store, machine)
        shutil.copy(plans / targets.FILE, scratch)


def _train_together(
    planned: Mapping[str, Plan], runs: Mapping[str, Sequence[Run]], training: Training, text: Corpus, store: Path,
    machine: Machine,
) -> None:  # fmt: skip
    """Train the missing runs on the corpus's own tokens in one call, so that no process waits after each method.

    Stacks are as large as those of one method, as `make plan` counts memory.
    """
    named = [replace(entry, name=f"{name}, {entry.name}") for name in runs if planned[name].tokens is None
             for entry in runs[name]]  # fmt: skip
    seeds = max(len(entries) for entries in runs.values())
    capped = machine.model_copy(update={"stack": min(machine.stack, math.ceil(seeds / machine.processes))})
    setup = Setup(training, text.vocab, text.train, text.valid)
    train_missing(setup, named, store, text.digest, capped, weights=True, label="targets")


def _write(
    out: Path, method: str, plan: Plan, runs: Sequence[Run], training: Training, text: Corpus,
    answers: Path, store: Path, machine: Machine,
) -> None:  # fmt: skip
    """The tables, policy.json and weights of one method; a function, so that its weights do not stay in memory."""
    _, results = train_to(
        out, text, training, machine, store, runs, [method] * len(runs), f"target {method}",
        weights=True, tokens=plan.tokens, train=train_targets, answers=answers,
    )  # fmt: skip
    write_json(out / "policy.json", {entry.name: result.state for entry, result in zip(runs, results, strict=True)})
    (out / "weights").mkdir()
    for entry, result in zip(runs, results, strict=True):
        if entry.policy and (warning := entry.policy.warning(result.state)):
            note(f"{method}, {entry.name}: {warning}")
        assert result.weights is not None
        tensors.save(out / "weights" / f"{entry.name}.safetensors", result.weights)


if __name__ == "__main__":
    run(target_train)
