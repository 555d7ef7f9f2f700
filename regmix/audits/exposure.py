"""Is it the dynamics of a schedule, or only a different average?

Each target's realised schedule against three with the same tokens of every domain: its time average from start to
end, its mixtures in reverse, and in random order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Measured, Size
from regmix.ablations.bench import Bench, Targets
from regmix.core.schedule import Schedule
from regmix.core.settings import Count, Name, NonNegative, Strict
from regmix.statistics.verdicts import FAILS, HOLDS

CONTROLS = ("average", "reversed", "shuffled")


class Options(Strict):
    methods: Annotated[list[Name], Field(min_length=1)]  # of params.yaml's target.methods
    objective: Name
    seeds: Count  # at most target.seeds
    seed: NonNegative  # of the random order


def size(options: Options, learnt: int, domains: int) -> Size:
    return Size(targets=len(options.methods) * len(CONTROLS) * options.seeds)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown method or objective."""
    answers, rows, ledgers = [], [], []
    static = bench.targets_of(f"regmix_{options.objective}")
    for method in options.methods:
        own = _first(bench.targets_of(method), options.seeds)
        schedules = list(bench.realised[method])[: options.seeds]
        controls = {name: bench.target_runs(runs) for name, runs in _controls(schedules, own, options.seed).items()}
        for name, targets in controls.items():
            apart = (targets.ledger - own.ledger[targets.ledger.columns]).abs().max(axis=1)
            ledgers += [[method, name, seed, int(tokens)] for seed, tokens in enumerate(apart)]
        differences = {
            f"minus {name}": bench.minus(own, targets, options.objective) for name, targets in controls.items()
        }
        differences["minus regmix"] = bench.minus(own, static, options.objective)
        rows += [[method, name, *spread] for name, spread in differences.items()]
        average, backwards, shuffled, rounds = differences.values()
        answers += [
            Answer.below(f"{method}: its schedule is better than its time average, static",
                         {"minus average": average}),
            Answer.below(f"{method}: the order of its mixtures is better than their reverse and than a random one",
                         {"minus reversed": backwards, "minus shuffled": shuffled}),
            Answer.below(f"{method}: its schedule is better than the rounds' static mixture", {"minus RegMix": rounds}),
        ]  # fmt: skip
    ledger = pd.DataFrame(ledgers, columns=["method", "control", "seed", "tokens_apart"])
    recipe, shape = bench.context.target.recipe, bench.context.target.shape
    sequences = int(ledger["tokens_apart"].max()) // shape.context
    most, share = 2 * len(bench.context.domains), sequences / (recipe.steps * recipe.sequences)
    largest = Measured("largest difference, % of training", 100 * share, np.nan, np.nan, len(ledger))
    equal = Answer(
        "A schedule and its controls train on equally many tokens of every domain",
        (largest,), "percent", "controls",
        HOLDS if sequences <= most else FAILS,
        f"none of {len(ledger)} controls differs by more than {sequences} sequences of a domain, {share:.1%} of "
        "training",
    )  # fmt: skip
    table = pd.DataFrame(rows, columns=["method", "control", "mean", "sd", "n", "low", "high"])
    return Audit((*answers, equal), {"differences": table, "ledger": ledger})


def _first(targets: Targets, seeds: int) -> Targets:
    return Targets(targets.losses.iloc[:seeds], targets.ledger.iloc[:seeds])


def averages(ledger: pd.DataFrame, domains: Sequence[str]) -> list[Schedule]:
    """For each seed's target the mixture of the tokens that it trained on (``ledger``), for the whole of training."""
    counts = ledger[list(domains)].to_numpy(np.float64)
    return [Schedule.static(tuple(domains), row / row.sum()) for row in counts]


def _controls(schedules: list[Schedule], own: Targets, seed: int) -> dict[str, list[Schedule]]:
    """The controls of each seed's schedule by name."""
    rng = np.random.default_rng(seed)
    shuffles = [reordered(schedule, _other_order(rng, len(schedule.knots))) for schedule in schedules]
    backwards = [reordered(schedule, np.arange(len(schedule.knots))[::-1]) for schedule in schedules]
    static = averages(own.ledger, schedules[0].domains)
    return dict(zip(CONTROLS, (static, backwards, shuffles), strict=True))


def reordered(schedule: Schedule, order: np.ndarray) -> Schedule:
    """The mixtures of ``schedule`` in another ``order`` (S,), each for as long as before."""
    lengths = np.diff(np.append(schedule.knots, 1.0))[order]
    knots = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    return Schedule(schedule.domains, knots, schedule.mixtures[order])


def _other_order(rng: np.random.Generator, count: int) -> np.ndarray:
    """A random order that is neither 0, 1, 2, ... nor its reverse, if there are three or more."""
    forwards = np.arange(count)
    while True:
        order = rng.permutation(count)
        if count < 3 or not (np.array_equal(order, forwards) or np.array_equal(order, forwards[::-1])):
            return order
