"""Propose the mixtures of a round from the runs before it, train them, and join them with these runs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from regmix.core import runs
from regmix.core.errors import InputError
from regmix.core.files import read_json, write_csv, write_json, writing
from regmix.core.runs import LEARNT
from regmix.core.settings import Kind, Name
from regmix.corpus.tokens.tokenized import open_corpus
from regmix.engine import results
from regmix.engine.run import Run
from regmix.engine.settings import Training
from regmix.mixture.from_settings import evidence
from regmix.mixture.propose import earlier, propose
from regmix.mixture.settings import Mixture
from regmix.objectives import ObjectiveSections, resolve
from regmix.sampling import shards
from regmix.sampling.settings import Swarm
from stages.common.rules import read_rules
from stages.common.run import run
from stages.common.training import TrainingSections, train_to


class Settings(ObjectiveSections, TrainingSections):
    mixture: Mixture
    proxy: Training
    regressors: dict[Name, Kind]
    swarm: Swarm


def swarm_round(
    params: Settings, *, name: str, swarm: Path, sample: Path, corpus: Path, answers: Path, store: Path, out: Path
) -> None:
    """Train round NAME of swarm.rounds and score it on ANSWERS; OUT has the tables of SWARM and of its own runs, and
    all proposals."""
    if name not in params.swarm.rounds:
        raise InputError(f"--name {name}: not in swarm.rounds; use one of {', '.join(params.swarm.rounds)}")
    settings, rules = params.swarm.rounds[name], read_rules(sample, params.corpus.trained)
    learnt = runs.read(swarm, params.corpus.trained).of(*LEARNT)
    objectives = resolve({objective: params.objectives[objective] for objective in settings.objectives}, learnt)
    proxies = evidence(learnt, objectives, rules, params.mixture, params.regressors, params.machine.processes)
    table = propose(proxies, settings.proposals, settings.acquisition)
    planned = shards.proposed(rules, params.swarm, name, table[list(rules.domains)].to_numpy())
    table.insert(0, "run", [entry.name for entry in planned])
    text = open_corpus(corpus, rules.domains).cut(rules.text)
    with writing(out) as scratch:
        with tempfile.TemporaryDirectory(dir=scratch) as work:
            new = Path(work)
            entries = [Run(entry.name, entry.schedule, entry.seed) for entry in planned]
            kinds = [entry.kind for entry in planned]
            train_to(new, text, params.proxy, params.machine, store, entries, kinds, f"swarm {name}", answers=answers)
            meta = read_json(new / "meta.json")
            if meta != read_json(swarm / "meta.json"):
                raise InputError(f"{swarm}: trained with other settings than `proxy` in params.yaml; run `dvc repro`")
            for part in results.TABLES:
                write_csv(scratch / f"{part}.csv", results.joined([swarm / f"{part}.csv", new / f"{part}.csv"]))
        write_json(scratch / "meta.json", meta)
        before = earlier(swarm)
        write_csv(scratch / "proposals.csv", pd.concat([before, table]) if len(before) else table)


if __name__ == "__main__":
    run(swarm_round)
