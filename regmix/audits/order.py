"""Does the proxies' order of mixtures survive at the target, near the optimum too, and how much compute does it take?

Decision accuracy (DataDecide, arXiv 2504.11393): the share of pairs of mixtures that proxies order as targets do, at
each logged step of the proxies' training, and by fits to parts of the swarm that have none of these mixtures. Each
objective is judged on mixtures that the rounds proposed for it alone: those for others are easy to tell from them.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Measured, Size
from regmix.ablations.bench import Bench
from regmix.core import dotted_keys
from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.plugins import checked
from regmix.core.runs import LossParts, Runs, objective_losses
from regmix.core.settings import Count, Name, NonNegative, Share, Strict
from regmix.engine.settings import Training
from regmix.mixture.from_settings import member
from regmix.regression.ensemble import stack, together
from regmix.regression.interface import TooFewRuns
from regmix.statistics import metrics
from regmix.statistics.decisions import accuracy
from regmix.statistics.intervals import Score
from regmix.statistics.verdicts import HOLDS

RANDOM, NEAR = "random mixtures", "mixtures near the optimum"
WHOLE, FIT, TARGETS = "proxies, whole training", "a fit to ", "targets"
ACCURACY = ("accuracy", "low", "high")
FEWEST = 4  # mixtures of a group


class Options(Strict):
    random: Annotated[int, Field(ge=FEWEST)]  # held-out mixtures
    near: Annotated[int, Field(ge=FEWEST)]  # at most so many for each objective, spread over the rounds
    seeds: Count  # targets per mixture
    objectives: Annotated[list[Name], Field(min_length=1)]
    learnt: list[Count]  # how many of the other proxies fits learn from
    sizes: dict[str, dict[str, Any]]  # other proxies, by name: changes to params.yaml's `proxy`
    least: Share  # accuracy that counts as surviving; DataDecide: about 0.8
    seed: NonNegative


def size(options: Options, learnt: int, domains: int) -> Size:
    mixtures = options.random + options.near * len(options.objectives)
    return Size(proxies=mixtures * len(options.sizes), targets=mixtures * options.seeds)


@dataclasses.dataclass(frozen=True)
class Group:
    """Mixtures that one objective orders: their mean loss on targets (``true``), and as every other way measures it."""

    objective: str
    name: str
    true: np.ndarray
    ways: Mapping[str, np.ndarray]

    @property
    def mixtures(self) -> int:
        return len(self.true)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective, or too few mixtures."""
    tested = compared(bench, options.random, options.near, options.objectives)
    targets = bench.static_targets_at(tested.mixtures, options.seeds)
    others = {size: bench.proxies(tested, changed(bench.context.proxy, changes, f"audits: sizes.{size}"))
              for size, changes in options.sizes.items()}  # fmt: skip
    groups, rows = [], []
    for name in options.objectives:
        values, objective = np.stack([bench.value(target, name) for target in targets]), bench.objective(name)
        ways = {
            **_at_steps(bench, tested, objective),
            **{f"{size} proxies": proxies.objective(objective) for size, proxies in others.items()},
        }
        for label, those in masks(bench, tested, name, options.near).items():
            own = {way: measured[those] for way, measured in ways.items()}
            own |= _by_fits(bench, tested.at(those), objective, options)
            groups.append(Group(name, label, values[those].mean(axis=1), own))
            rows += _scored(bench, options, groups[-1])
            if options.seeds > 1:
                score = _accuracy(bench, options, values[those, 0], values[those, 1])
                rows.append([name, label, "another seed of the targets", *score, int(those.sum())])
    columns = ["objective", "group", "by", *ACCURACY, "mixtures"]
    table = pd.DataFrame(rows, columns=columns)
    compute = _by_compute(bench, table)
    answers = (*_survival(options, table), *_other_sizes(options, table), *_enough(options, compute))
    return Audit(answers, {"accuracy": table, "compute": compute, "ranks": _ranks(bench, options, groups)})


def _scored(bench: Bench, options: Options, group: Group) -> list[list[Any]]:
    return [
        [group.objective, group.name, way, *_accuracy(bench, options, group.true, measured), group.mixtures]
        for way, measured in group.ways.items()
    ]


def _accuracy(bench: Bench, options: Options, true: np.ndarray, measured: np.ndarray) -> Score:
    return accuracy(true, measured, resamples=bench.resamples, level=bench.level, seed=options.seed)


def _measured(label: str, row: Any) -> Measured:
    return Measured(label, row.accuracy, row.low, row.high, row.mixtures)


def _survival(options: Options, table: pd.DataFrame) -> list[Answer]:
    """For each objective and group: whether the swarm's own proxies order it as targets do."""
    return [
        Answer.above(f"{row.objective}: proxies rank {options.least:.0%} of pairs of {row.group} as targets do",
                     [_measured("proxies", row)], options.least, "share of pairs", "mixtures")
        for row in table[table["by"] == WHOLE].itertuples()
    ]  # fmt: skip


def _other_sizes(options: Options, table: pd.DataFrame) -> list[Answer]:
    """The same for proxies of each other size or budget, all objectives together."""
    return [
        Answer.above(f"{size} proxies rank {options.least:.0%} of pairs of {group} as targets do",
                     [_measured(row.objective, row) for row in own.itertuples()],
                     options.least, "share of pairs", "mixtures")
        for size in options.sizes
        for group, own in table[table["by"] == f"{size} proxies"].groupby("group", sort=False)
    ]  # fmt: skip


def _by_compute(bench: Bench, table: pd.DataFrame) -> pd.DataFrame:
    """The accuracies by the share of the swarm's compute that they take, from the smallest up.

    Two proxies decide a pair by themselves, however briefly they train; a fit takes all runs that it learnt from.
    """
    rows, swarm = [], len(bench.learnt.names)
    for row in table.itertuples():
        if row.by.startswith("proxies, "):
            runs = 2 * share_of_training(row.by)
        elif row.by.startswith(FIT):
            runs = float(row.by.removeprefix(FIT).split()[0])
        else:
            continue
        rows.append([row.objective, row.group, row.by, runs / swarm, row.accuracy, row.low, row.high, row.mixtures])
    out = pd.DataFrame(rows, columns=["objective", "group", "by", "share_of_swarm", *ACCURACY, "mixtures"])
    return out.sort_values("share_of_swarm", kind="stable").reset_index(drop=True)


def share_of_training(way: str) -> float:
    """How far the proxies of ``way`` have trained."""
    part = way.removeprefix("proxies, ").split("%")[0]
    return 1.0 if way == WHOLE else float(part) / 100


def _enough(options: Options, compute: pd.DataFrame) -> list[Answer]:
    """For each objective and group: whether every share of the swarm's compute orders it as targets do."""
    answers = []
    for (name, group), rows in compute.groupby(["objective", "group"], sort=False):
        smallest = rows["share_of_swarm"].min()
        says = (f"{name}: any share of the swarm's compute from 1/{1 / smallest:.0f} up ranks {options.least:.0%} of "
                f"pairs of {group} as targets do")  # fmt: skip
        shares = [_measured(f"1/{1 / row.share_of_swarm:.3g}", row) for row in rows.itertuples()]
        answer = Answer.above(says, shares, options.least, "share of pairs", "mixtures")
        sure = rows.loc[rows["low"] > options.least, "share_of_swarm"]
        if answer.verdict != HOLDS and len(sure):
            why = f"{answer.why}; the smallest share that is sure to is 1/{1 / sure.iloc[0]:.3g}"
            answer = dataclasses.replace(answer, why=why)
        answers.append(answer)
    return answers


def _ranks(bench: Bench, options: Options, groups: list[Group]) -> pd.DataFrame:
    """Spearman between each two of the default's proxies, those of other sizes and budgets, and targets."""
    rows = []
    for group in groups:
        sizes = {"proxies": WHOLE, **{size: f"{size} proxies" for size in options.sizes}}
        losses = {**{size: group.ways[way] for size, way in sizes.items()}, TARGETS: group.true}
        for (first, own), (second, other) in itertools.combinations(losses.items(), 2):
            link = metrics.correlation(own, other, resamples=bench.resamples, level=bench.level, seed=options.seed)
            rows.append([group.objective, group.name, first, second, *link, group.mixtures])
    return pd.DataFrame(rows, columns=["objective", "group", "first", "second", "spearman", "low", "high", "mixtures"])


def changed(proxy: Training, changes: dict[str, Any], where: str) -> Training:
    """The proxies' training with ``changes``, dotted keys. Raises InputError."""
    values = proxy.model_dump()
    dotted_keys.apply(values, changes, where, of="params.yaml's proxy")
    return checked(Training, values, where)


def compared(bench: Bench, random: int, near: int, objectives: Sequence[str]) -> Runs:
    """The first held-out proxies, one per mixture, and the proposals for any of the objectives. Raises InputError."""
    heldout, proposals = bench.context.proxies("heldout"), bench.context.proxies("proposal")
    if len(heldout.names) < random:
        raise InputError(f"audits: random = {random}: the swarm has {len(heldout.names)}; lower it")
    chosen = {run for name in objectives for run in proposed(bench, name, near)}
    first = np.arange(len(heldout.names)) < random
    return heldout.at(first).joined(proposals.at(np.isin(proposals.names, list(chosen))))


def proposed(bench: Bench, objective: str, near: int) -> list[str]:
    """The runs that the rounds proposed for an objective; if there are more than ``near``, some of all rounds.

    Raises InputError if there are fewer than FEWEST.
    """
    bench.objective(objective)
    own = bench.proposals.loc[bench.proposals["objective"] == objective, "run"].to_numpy()
    if len(own) < FEWEST:
        raise InputError(f"audits: objectives: the rounds proposed {len(own)} mixtures for {objective}, and {FEWEST} "
                         "are needed; leave it out or add it to swarm.rounds")  # fmt: skip
    return list(own[np.linspace(0, len(own) - 1, min(near, len(own))).round().astype(int)])


def masks(bench: Bench, tested: Runs, objective: str, near: int) -> dict[str, np.ndarray]:
    """Which of the ``tested`` mixtures an objective is judged on, by the name of their group."""
    return {RANDOM: tested.kinds == "heldout", NEAR: np.isin(tested.names, proposed(bench, objective, near))}


def _at_steps(bench: Bench, tested: Runs, objective: Objective) -> dict[str, np.ndarray]:
    """The objective of each mixture's proxy at its logged steps, by share of training."""
    logged = bench.context.swarm.trajectories
    steps = bench.context.proxy.recipe.steps
    out = {}
    for step, frame in logged.groupby("step"):
        if step == steps:
            out[WHOLE] = tested.objective(objective)
        else:
            at = frame.set_index("run").loc[tested.names].reset_index()
            out[f"proxies, {step / steps:.0%} of training"] = objective_losses(at, objective)
    return out


def _by_fits(bench: Bench, tested: Runs, objective: Objective, options: Options) -> dict[str, np.ndarray]:
    """The predicted objective of each mixture by the ensemble, fitted to the first ``count`` of the other proxies."""
    others = bench.learnt.at(~np.isin(bench.learnt.names, tested.names))
    out = {}
    regressors = [member(name, bench.context.regressors[name]) for name in bench.settings.ensemble]
    for count in options.learnt:
        first = others.at(np.arange(len(others.names)) < count)
        parts = LossParts(first.parts(objective).losses, objective)
        try:
            weights = stack(regressors, first.mixtures, {"objective": parts}, options.seed, bench.workers)
            model = together(regressors, weights, first.mixtures, parts, options.seed)
        except TooFewRuns:
            continue
        out[f"{FIT}{len(first.names)} other proxies"] = model.mean(tested.mixtures)
    return out
