"""One round of trained proxies by every acquisition rule, and what the recommendation after it is worth.

A design is a first swarm of its own: random mixtures, anchors and training seed. From it each rule proposes as many
mixtures as the default round, for the same objectives in turn; after the round the ensemble recommends, and proxies
with fresh seeds are trained at each recommendation.

N runs, K domains.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.training import proxies
from regmix.core.files import read_json
from regmix.core.objective import Objective
from regmix.core.runs import Runs
from regmix.engine.run import Run, Setup
from regmix.engine.train_many import train_runs
from regmix.mixture import from_settings
from regmix.mixture.confirmation.confirming_runs import confirming_runs
from regmix.mixture.optima import Evidence, optima
from regmix.mixture.propose import propose
from regmix.mixture.search import Search
from regmix.objectives import resolve
from regmix.params import Params
from regmix.regression.interface import Regressor
from regmix.sampling.rules import Rules
from regmix.sampling.settings import Acquisition
from regmix.sampling.shards import proposed, shard_runs

STORE, RULES_FILE = Path(".runs"), Path("data/swarm_sample/rules.json")
TRIED: tuple[Acquisition, ...] = ("bootstrap", "expected_improvement")
BEST = "all"  # the ensemble fitted to all runs
SEEDS = 4  # fresh ones at each recommended mixture


@dataclass(frozen=True)
class Bench:
    """What all designs share."""

    params: Params
    rules: Rules
    search: Search
    regressors: Sequence[Regressor]
    objectives: Sequence[str]
    count: int  # proposals of a round

    @classmethod
    def of(cls, params: Params) -> Bench:
        settings = next(iter(params.swarm.rounds.values()))
        regressors = [from_settings.member(name, params.regressors[name]) for name in params.mixture.ensemble]
        rules = Rules.from_json(read_json(RULES_FILE))
        return cls(
            params, rules, from_settings.search(params.mixture), regressors, settings.objectives, settings.proposals
        )

    def design(self, seed: int) -> Bench:
        return replace(self, rules=replace(self.rules, seed=seed), search=replace(self.search, seed=seed))

    def train(self, runs: Sequence[Run], kinds: Sequence[str], label: str) -> Runs:
        text = proxies.corpus(self.params)
        setup = Setup(self.params.proxy, text.vocab, text.train, text.valid)
        results = train_runs(setup, runs, STORE, text.digest, self.params.machine, weights=False, label=label)
        return Runs(
            self.rules.domains, np.array([run.name for run in runs], object), np.array(kinds, object),
            np.stack([run.schedule.mixtures[0] for run in runs]), pd.DataFrame([result.losses for result in results]),
        )  # fmt: skip

    def first(self) -> Runs:
        """The first design: random mixtures and anchors."""
        swarm = self.params.swarm
        planned = [run for shard in ("random-0", "anchors") for run in shard_runs(self.rules, swarm, shard, [])]
        runs = [Run(run.name, run.schedule, run.seed) for run in planned]
        return self.train(runs, [run.kind for run in planned], f"design {self.rules.seed}")

    def aims(self, runs: Runs) -> dict[str, Objective]:
        return resolve({name: self.params.objectives[name] for name in self.objectives}, runs)

    def evidence(self, runs: Runs) -> Evidence:
        losses = {name: runs.parts(aim) for name, aim in self.aims(runs).items()}
        return Evidence(runs.mixtures, losses, self.regressors, self.rules, self.search, workers=2)

    def round(self, rule: Acquisition, runs: Runs) -> Runs:
        """The proxies of one round after ``runs``, proposed for the objectives in turn."""
        table = propose(self.evidence(runs), self.count, rule)
        planned = proposed(self.rules, self.params.swarm, rule, table[list(self.rules.domains)].to_numpy())
        new = [Run(run.name, run.schedule, run.seed) for run in planned]
        return self.train(new, [run.kind for run in planned], f"design {self.rules.seed}, {rule}")

    def recommended(self, runs: Runs) -> dict[str, np.ndarray]:
        """The mixture (K,) of each objective."""
        evidence = self.evidence(runs)
        _, optimal = optima(evidence, evidence.whole())
        return {name: best.weights for name, best in zip(evidence.losses, optimal, strict=True)}


def measure(params: Params, designs: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """objective, design, rule, loss: the lowest of the round's proxies, which share the design's seed; and the same
    with a seed, of proxies at the recommendations after it.

    The rule ``BEST`` is the ensemble fitted to the runs of all designs and rules: the best mixture known.
    """
    bench = Bench.of(params)
    chosen: dict[tuple[int, str], dict[str, np.ndarray]] = {}
    lowest: list[dict[str, Any]] = []
    everything: list[Runs] = []
    for seed in range(designs):
        design = bench.design(seed)
        first = design.first()
        everything.append(first)
        for rule in TRIED:
            new = design.round(rule, first)
            everything.append(new)
            lowest += [
                {"objective": name, "design": seed, "rule": rule, "loss": float(new.objective(aim).min())}
                for name, aim in design.aims(first).items()
            ]
            chosen[seed, rule] = design.recommended(first.joined(new))
    chosen[-1, BEST] = bench.recommended(functools.reduce(Runs.joined, everything))
    return pd.DataFrame(lowest), confirm(bench, chosen)


def confirm(bench: Bench, chosen: Mapping[tuple[int, str], Mapping[str, np.ndarray]]) -> pd.DataFrame:
    mixtures = {(name, *key): by_objective[name] for key, by_objective in chosen.items() for name in bench.objectives}
    runs = confirming_runs(bench.rules.domains, {"/".join(map(str, key)): row for key, row in mixtures.items()}, SEEDS)
    trained = bench.train(runs, [run.name for run in runs], "confirming")
    rows: list[dict[str, Any]] = []
    for name, aim in bench.aims(trained).items():
        losses = trained.objective(aim).reshape(len(mixtures), SEEDS)
        rows += [
            {"objective": name, "design": design, "rule": rule, "seed": seed, "loss": loss}
            for (own, design, rule), values in zip(mixtures, losses, strict=True)
            if own == name
            for seed, loss in enumerate(values.tolist())
        ]
    return pd.DataFrame(rows)
