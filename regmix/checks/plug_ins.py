"""Faults in the options of plug-ins, and settings that their code says cannot work. Imports the plug-ins."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from regmix.core import plugins
from regmix.core.faults import Check, across_sections, raised, refuse, unknown
from regmix.core.settings import Kind
from regmix.corpus.settings import Corpus
from regmix.engine.machine import Machine
from regmix.engine.settings import Training
from regmix.evaluation.summary import BASELINE
from regmix.mixture import from_settings
from regmix.mixture.acquisition.bootstrap import TRIES
from regmix.mixture.refits import resamples
from regmix.mixture.settings import Mixture
from regmix.objectives import Objectives
from regmix.regression import interface
from regmix.regression.ensemble import FOLDS
from regmix.regression.interface import least_runs
from regmix.sampling.settings import Swarm
from regmix.target.settings import Target
from regmix.trajectory.settings import Trajectory


def readers(corpus: Corpus) -> Iterator[str]:
    for name, domain in corpus.domains.items():
        yield from raised(_options, "readers", domain.reader, f"corpus.domains.{name}", domain.extras)


def regressors(regressors: dict[str, Kind]) -> Iterator[str]:
    for name, entry in regressors.items():
        yield from raised(_options, "regressors", entry.kind, f"regressors.{name}", entry.extras)


def launcher(machine: Machine) -> Iterator[str]:
    yield from raised(_options, "launchers", machine.launcher.kind, "machine.launcher", machine.launcher.extras)


def methods(target: Target) -> Iterator[str]:
    for name, method in target.methods.items():
        yield from raised(_options, "methods", method.kind, f"target.methods.{name}", method.extras)


def methods_regressors(regressors: dict[str, Kind], target: Target) -> Iterator[str]:
    for key, _, options in _methods(target):
        for field, regressor in plugins.named(options, "regressors").items():
            yield from unknown(regressor, regressors, f"{key}.{field}", "regressor")


def methods_settings(
    corpus: Corpus, objectives: Objectives, proxy: Training, regressors: dict[str, Kind], swarm: Swarm, target: Target
) -> Iterator[str]:
    """What each method's own ``faults`` finds in the sections that it names."""
    sections = {"corpus": corpus, "objectives": objectives, "proxy": proxy, "regressors": _usable(regressors),
                "swarm": swarm, "target": target}  # fmt: skip
    for key, module, options in _methods(target):
        if hasattr(module, "faults"):
            for line in across_sections([partial(module.faults, options)], sections):
                yield f"{key}.{line}"


def ensemble_chooses(mixture: Mixture, regressors: dict[str, Kind]) -> Iterator[str]:
    for name in mixture.ensemble:
        if name in regressors:
            yield from raised(from_settings.member, name, regressors[name])


def rounds_can_expect(mixture: Mixture, regressors: dict[str, Kind], swarm: Swarm) -> Iterator[str]:
    """Expected improvement draws from a posterior."""
    usable = _usable(regressors)
    names = [name for name in mixture.ensemble if name in usable and not interface.bind(name, usable[name]).bayesian]
    for key, further in swarm.rounds.items():
        if names and further.acquisition == "expected_improvement":
            yield (
                f"swarm.rounds.{key}.acquisition: expected_improvement needs a posterior, and {names[0]} in "
                "mixture.ensemble has none; use bootstrap, or regressors of kind effective_tokens, gp or gp_on_law"
            )


def ensemble_has_runs(corpus: Corpus, mixture: Mixture, regressors: dict[str, Kind], swarm: Swarm) -> Iterator[str]:
    """The ensemble is fitted to part of the runs too: in refits, and in the folds that weigh its regressors."""
    domains, usable = len(corpus.trained), _usable(regressors)
    refits = {"swarm.learn_from": (swarm.learn_from, mixture.refits.count, mixture.seed)}
    for name, further in swarm.rounds.items():
        count = TRIES * further.proposals if further.acquisition == "bootstrap" else 0
        refits[f"swarm.rounds.{name}.follows"] = (further.follows, count, mixture.seed + 1)
    for key, (place, count, seed) in refits.items():
        runs = swarm.learnt(place, domains)
        seen = min((len(rows) for rows in resamples(runs, count, seed)), default=runs) if runs else 0
        if len(mixture.ensemble) > 1:
            seen = min(seen, runs - math.ceil(runs / FOLDS))
        for name in (name for name in mixture.ensemble if name in usable):
            if seen < (least := least_runs(name, usable[name], domains)):
                yield (
                    f"mixture.ensemble: {name} needs {least} runs, and of the {runs} at {place} ({key}) a refit sees "
                    f"{seen}; raise swarm.per_shard or add to swarm.shards"
                )


def stepwise_has_runs(
    corpus: Corpus, regressors: dict[str, Kind], swarm: Swarm, trajectory: Trajectory
) -> Iterator[str]:
    """The stepwise regressors have one row for each run and interval, and two columns more than domains."""
    domains, usable = len(corpus.trained), _usable(regressors)
    runs = sum(swarm.first(kind, domains) for kind in ("random", "anchor", "switched"))
    for granularity, name in itertools.product(trajectory.granularities, usable.keys() & trajectory.regressors):
        if runs * granularity < (least := least_runs(name, usable[name], domains + 2)):
            yield (
                f"trajectory.regressors: {name} needs {least} rows and at granularity {granularity} has "
                f"{runs * granularity}, one for each run and interval; raise swarm.per_shard or add to swarm.shards"
            )


def stepwise_is_tested(swarm: Swarm) -> Iterator[str]:
    if not swarm.first("heldout", 0):
        yield "trajectory: no held-out run to test regressors on; add heldout to swarm.shards and raise swarm.heldout"


def baseline(target: Target) -> Iterator[str]:
    if BASELINE not in target.methods:
        yield f"target.methods: no {BASELINE!r}, with which all methods are compared; add it"


def _options(package: str, kind: str, key: str, values: dict[str, Any]) -> Any:
    return plugins.options(plugins.load(package, kind, key), values, key)


def _methods(target: Target) -> Iterator[tuple[str, ModuleType, Any]]:
    """The key, the module and the options of each method whose entry has no fault."""
    for name, method in target.methods.items():
        entry = "methods", method.kind, f"target.methods.{name}", method.extras
        if not any(raised(_options, *entry)):
            yield entry[2], plugins.load("methods", method.kind, entry[2]), _options(*entry)


def _usable(regressors: Mapping[str, Kind]) -> dict[str, Kind]:
    """The regressors whose entries have no fault."""
    return {name: entry for name, entry in regressors.items() if not any(raised(interface.options, name, entry))}


OPTIONS: tuple[Check, ...] = (readers, regressors, launcher, methods, methods_regressors)
CHECKS: tuple[Check, ...] = (
    *OPTIONS, methods_settings, ensemble_chooses, rounds_can_expect, ensemble_has_runs, stepwise_has_runs,
    stepwise_is_tested, baseline,
)  # fmt: skip


def check(params: BaseModel, checks: Iterable[Check] = CHECKS) -> None:
    """Check all settings (regmix.params.Params). Raises Faults."""
    refuse(across_sections(checks, dict(params)))
