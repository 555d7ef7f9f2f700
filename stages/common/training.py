"""Shared by the stages that train: train through the store, write the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from regmix.core.files import write_csv, write_json
from regmix.core.sections import Sections
from regmix.corpus.tokens.tokenized import Corpus, digest_of
from regmix.engine import results
from regmix.engine.machine import Machine
from regmix.engine.run import Result, Run, Setup
from regmix.engine.settings import Training
from regmix.engine.train_many import train_runs
from regmix.evaluation import answers as gold


class TrainingSections(Sections):
    """The settings that a stage needs to train."""

    machine: Machine


def train_to(
    out: Path, text: Corpus, training: Training, machine: Machine, store: Path, runs: Sequence[Run],
    kinds: Sequence[str], label: str, weights: bool = False, tokens: Mapping[str, np.ndarray] | None = None,
    train: Callable[..., list[Result]] = train_runs, answers: Path | None = None,
) -> tuple[Setup, list[Result]]:  # fmt: skip
    """Train ``runs`` by ``training`` and write their tables and meta.json into the folder ``out``.

    ``tokens`` by domain replace those of ``text``. ``train`` has the signature of ``train_runs``. losses.csv has a
    column of bits per byte for each task in the file ``answers``.
    """
    setup = Setup(training, text.vocab, tokens or text.train, text.valid)
    tasks = gold.read(answers) if answers else {}
    digest, keep = digest_of(text, tokens), weights or bool(tasks)
    run_results = train(setup, runs, store, digest, machine, weights=keep, label=label)
    scored = [gold.with_tasks(setup.shape, result, tasks) for result in run_results]
    for name, table in results.tables(runs, kinds, scored).items():
        write_csv(out / f"{name}.csv", table)
    write_json(out / "meta.json", results.describe(setup, text.fingerprint))
    return setup, scored
