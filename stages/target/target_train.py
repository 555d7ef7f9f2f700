"""Train the targets of all methods, one run per method and seed."""

from __future__ import annotations

import shutil
from pathlib import Path

from regmix.core.files import write_json, writing
from regmix.corpus.tokenized import open_corpus
from regmix.engine.run import Setup
from regmix.engine.store import tensors
from regmix.engine.train_many import train_missing, train_targets
from regmix.target import targets
from regmix.target.targets import Targets
from stages.run import note, run
from stages.target.plans import read_plan, runs_of, training_of
from stages.training import TrainingSections, train_to


def target_train(params: TrainingSections, *, plans: Path, corpus: Path, store: Path, out: Path) -> None:
    """Train by the PLANS of target_schedule; write tables and weights/seed-<i>.safetensors to OUT/<method>.

    A policy's decisions and their reasons go to OUT/<method>/policy.json. STORE keeps every run, so a method whose plan
    has not changed does not train again.
    """
    given, machine = Targets.read(plans), params.machine
    planned = {name: read_plan(plans / name) for name in given.methods}
    training, text = training_of(given), open_corpus(corpus, next(iter(planned.values())).schedule.domains)
    runs = {name: runs_of(name, plan, given) for name, plan in planned.items()}
    if not machine.sharded:  # the runs on the corpus's own tokens together: fewer, fuller stacks
        together = [entry for name in runs if planned[name].tokens is None for entry in runs[name]]
        setup = Setup(training, text.vocab, text.train, text.valid)
        train_missing(setup, together, store, text.digest, machine, weights=True, label="targets")
    with writing(out) as scratch:
        for name, plan in planned.items():
            folder, own = scratch / name, runs[name]
            _, results = train_to(
                folder, text, training, machine, store, own, [name] * len(own), f"target {name}",
                weights=True, tokens=plan.tokens, train=train_targets,
            )  # fmt: skip
            states = {entry.name: result.state for entry, result in zip(own, results, strict=True)}
            write_json(folder / "policy.json", states)
            (folder / "weights").mkdir()
            for entry, result in zip(own, results, strict=True):
                if entry.policy and (warning := entry.policy.warning(result.state)):
                    note(f"{name}, {entry.name}: {warning}")
                assert result.weights is not None
                tensors.save(folder / "weights" / f"{entry.name}.safetensors", result.weights)
        shutil.copy(plans / targets.FILE, scratch)


if __name__ == "__main__":
    run(target_train)
