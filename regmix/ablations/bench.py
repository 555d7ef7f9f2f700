"""What an audit works with: the default pipeline's proxies, mixtures and targets, and training through the store.

Audits that need the same run train it once. K domains, S seeds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.runs import LEARNT, Runs, objective_losses
from regmix.core.schedule import Schedule
from regmix.core.settings import Kind
from regmix.engine.run import Result, Run
from regmix.engine.settings import Training
from regmix.evaluation.summary import Spread, spread
from regmix.mixture.from_settings import evidence
from regmix.mixture.optima import Evidence, optima
from regmix.mixture.settings import Mixture
from regmix.regression.interface import Regressor, bind
from regmix.sampling.rules import Rules
from regmix.target.interface import Context

Text = Mapping[str, np.ndarray]  # tokens by domain
Part = tuple[str, Mapping[str, Any]]  # a domain, and what its reader reads instead
Scheduled = Callable[[np.ndarray], Schedule]  # what a run at a mixture trains on
T = TypeVar("T", bound=Training)
NEW_SEEDS = 2**33  # the seeds of an audit's own proxies, where the swarm's do not share one


@dataclass(frozen=True)
class Targets:
    """Targets of one kind, a row per seed: their ``losses`` and ``ledger`` (training tokens) by domain."""

    losses: pd.DataFrame
    ledger: pd.DataFrame

    @classmethod
    def of(cls, results: Sequence[Result]) -> Targets:
        return cls(pd.DataFrame([result.losses for result in results]), pd.DataFrame([r.ledger for r in results]))


@dataclass(frozen=True)
class Bench:
    """What an audit can use: the ``context`` in which methods plan, and the methods' targets.

    ``realised`` holds the schedules of a method's targets, one per seed, and ``targets`` their losses, ``scores`` what
    they reach downstream (method, seed, measure, value), ``methods`` their entries in params.yaml. ``proposals`` has
    the run and the objective of each mixture that the rounds proposed. ``settings`` say how mixtures are chosen.
    ``tokenized``, ``refined`` and ``budgeted`` make other contexts: ``under_vocabulary``, ``with_parts`` and
    ``at_budget``. ``downstream`` gives the scores of finished targets, a list of results per mixture.
    Intervals have coverage ``level``; bootstraps have ``resamples``.
    """

    context: Context
    realised: Mapping[str, Sequence[Schedule]]
    targets: Mapping[str, Targets]
    scores: pd.DataFrame
    methods: Mapping[str, Kind]
    proposals: pd.DataFrame
    settings: Mixture
    tokenized: Callable[[int], Context]
    refined: Callable[[Mapping[str, Part]], Context]
    budgeted: Callable[[float], Context]
    downstream: Callable[[Iterable[Sequence[Result]]], pd.DataFrame]
    workers: int
    level: float
    resamples: int

    @cached_property
    def learnt(self) -> Runs:
        """The proxies that mixtures are chosen by."""
        return self.context.proxies(*LEARNT)

    def under_vocabulary(self, entries: int) -> Bench:
        """The bench with the corpus in a byte-level vocabulary of ``entries`` tokens, and the default's targets."""
        return replace(self, context=self.tokenized(entries))

    def with_parts(self, parts: Mapping[str, Part]) -> Bench:
        """The bench with parts of domains in place of these; rules, swarm and targets are still the default's."""
        return replace(self, context=self.refined(parts))

    def at_budget(self, budget: float) -> Bench:
        """The bench where proxies and targets train for ``budget`` times the steps; swarm and targets are still the
        default's."""
        return self if budget == 1 else replace(self, context=self.budgeted(budget))

    def targets_of(self, method: str) -> Targets:
        """Raises InputError for an unknown method."""
        if method not in self.targets:
            raise InputError(f"audits: unknown method {method!r}; use one of {', '.join(self.targets)}")
        return self.targets[method]

    def objective(self, name: str) -> Objective:
        """Raises InputError for an unknown objective."""
        if name not in self.context.objectives:
            raise InputError(f"audits: unknown objective {name!r}; use one of {', '.join(self.context.objectives)}")
        return self.context.objectives[name]

    def regressor(self, name: str) -> Regressor:
        """Raises InputError for an unknown regressor."""
        if name not in self.context.regressors:
            raise InputError(f"audits: unknown regressor {name!r}; use one of {', '.join(self.context.regressors)}")
        return bind(name, self.context.regressors[name])

    def target_runs(self, schedules: Sequence[Schedule], text: Text | None = None) -> Targets:
        """Targets of one kind, one per schedule with the seeds of all methods' targets, on a ``text`` of their own."""
        runs = [Run(f"seed-{i}", schedule, seed)
                for i, (schedule, seed) in enumerate(zip(schedules, self.context.seeds, strict=False))]  # fmt: skip
        return Targets.of(self.context.train(unlogged(self.context.target), runs, text))

    def static_targets(self, mixture: np.ndarray, seeds: int, text: Text | None = None) -> Targets:
        """Targets at a mixture (K,) for the whole of training."""
        return self.target_runs([self.context.static(mixture)] * seeds, text)

    def static_targets_at(self, mixtures: np.ndarray, seeds: int) -> list[Targets]:
        """Targets with the first ``seeds`` seeds at each of the ``mixtures`` (M, K)."""
        return [Targets.of(results) for results in self.results_at(map(self.context.static, mixtures), seeds)]

    def scored_targets_at(self, mixtures: np.ndarray, seeds: int) -> tuple[list[Targets], pd.DataFrame]:
        """The same targets, and what ``downstream`` says of them, by their number in place of a method."""
        targets: list[Targets] = []

        def finished() -> Iterator[list[Result]]:
            for results in self.results_at(map(self.context.static, mixtures), seeds):
                targets.append(Targets.of(results))
                yield results

        return targets, self.downstream(finished())

    def results_at(self, schedules: Iterable[Schedule], seeds: int) -> Iterator[list[Result]]:
        """The results, weights included, of targets with the first ``seeds`` seeds at each of the schedules.

        As many train together, and are in memory at once, as targets of one method.
        """
        first = self.context.seeds[:seeds]
        for some in batched(enumerate(schedules), max(1, len(self.context.seeds) // len(first))):
            runs = [Run(f"target-{i}+{j}", schedule, seed) for i, schedule in some for j, seed in enumerate(first)]
            results = self.context.train(unlogged(self.context.target), runs)
            yield from batched(results, len(first))

    def proxies(
        self, runs: Runs, training: Training | None = None, text: Text | None = None, seed: int | None = None
    ) -> Runs:
        """``runs`` with other losses: from proxies trained differently, on another text, or from a ``seed``."""
        own = self.context.swarm.mixtures.set_index("run")["seed"]
        seeds = [int(own[name]) if seed is None else seed for name in runs.names]
        schedules = [self.context.static(row) for row in runs.mixtures]
        losses = self._losses(schedules, seeds, training, text)
        return Runs(runs.domains, runs.names, runs.kinds, runs.mixtures, losses)

    def new_proxies(
        self, mixtures: np.ndarray, domains: Sequence[str], kind: str, scheduled: Scheduled, text: Text | None = None
    ) -> Runs:
        """Proxies at new ``mixtures`` (M, K'), each trained on what ``scheduled`` makes of it, as runs over
        ``domains`` (K')."""
        shared = self.context.sampling.run_seeds == "shared"
        first = int(self.context.swarm.mixtures["seed"].iloc[0])
        seeds = [first if shared else NEW_SEEDS + i for i in range(len(mixtures))]
        losses = self._losses([scheduled(row) for row in mixtures], seeds, None, text)
        names = np.array([f"{kind}-{i}" for i in range(len(mixtures))], dtype=object)
        return Runs(tuple(domains), names, np.full(len(names), kind, dtype=object), np.asarray(mixtures), losses)

    def _losses(
        self, schedules: Sequence[Schedule], seeds: Sequence[int], training: Training | None, text: Text | None
    ) -> pd.DataFrame:
        runs = [Run(f"proxy-{i}", *pair) for i, pair in enumerate(zip(schedules, seeds, strict=True))]
        results = self.context.train(unlogged(training or self.context.proxy), runs, text, weights=False)
        return pd.DataFrame([result.losses for result in results])

    def rules(self, prior: Mapping[str, float], bounds: Mapping[str, float] | None = None) -> Rules:
        """The swarm's rules for other domains."""
        own = self.context.rules
        return Rules.around(
            prior, bounds, temperature=self.context.sampling.temperature, strengths=own.strengths,
            min_weight=own.min_weight, max_tries=own.max_tries, seed=own.seed,
        )  # fmt: skip

    def evidence(self, runs: Runs, objectives: Sequence[str], rules: Rules | None = None) -> Evidence:
        """What the objectives' mixtures follow from, if these were the proxies."""
        aims = {name: self.objective(name) for name in objectives}
        return evidence(runs, aims, rules or self.context.rules, self.settings, self.context.regressors, self.workers)

    def choose(self, runs: Runs, objectives: Sequence[str], rules: Rules | None = None) -> dict[str, np.ndarray]:
        """The mixture (K,) for each objective by the default's ensemble and search, if these were the proxies."""
        evidence = self.evidence(runs, objectives, rules)
        _, optimal = optima(evidence, evidence.whole())
        return {name: best.weights for name, best in zip(evidence.losses, optimal, strict=True)}

    def minus(self, first: Targets, second: Targets, objective: str) -> Spread:
        """The first targets' loss minus the second's, seed by seed, for the seeds that both have."""
        values, others = (self.value(part, objective) for part in (first, second))
        n = min(len(values), len(others))
        return spread(values[:n] - others[:n], self.level)

    def value(self, targets: Targets, objective: str) -> np.ndarray:
        """The objective's value (S,)."""
        return objective_losses(targets.losses.assign(run=targets.losses.index), self.objective(objective))


def unlogged(training: T) -> T:
    """The same training without losses along the way: the same final losses, sooner."""
    return training.model_copy(update={"validation": training.validation.model_copy(update={"logged": 1})})


def batched(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The values in lists of ``size``, the last of which can be shorter."""
    rest = iter(values)
    while some := list(itertools.islice(rest, size)):
        yield some
