"""Does the proxies' order of mixtures survive at the target, near the optimum too, and how much compute does it take?

Decision accuracy (DataDecide, arXiv 2504.11393): the share of pairs of mixtures that proxies order as targets do, at
each logged step of the proxies' training, and by fits to parts of the swarm that have none of these mixtures.
"""

from __future__ import annotations

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
from regmix.statistics.decisions import accuracy

RANDOM, NEAR = "random mixtures", "mixtures near the optimum"
KINDS = {RANDOM: "heldout", NEAR: "proposal"}


class Options(Strict):
    random: Annotated[int, Field(ge=4)]  # held-out mixtures
    near: Annotated[int, Field(ge=4)]  # mixtures of the rounds, spread over them
    seeds: Count  # targets per mixture
    objectives: Annotated[list[Name], Field(min_length=1)]
    learnt: list[Count]  # how many of the other proxies fits learn from
    sizes: dict[str, dict[str, Any]]  # other proxies, by name: changes to params.yaml's `proxy`
    least: Share  # accuracy that counts as surviving; DataDecide: about 0.8
    seed: NonNegative


def size(options: Options, learnt: int, domains: int) -> Size:
    mixtures = options.random + options.near
    return Size(proxies=mixtures * len(options.sizes), targets=mixtures * options.seeds)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective, or too few mixtures."""
    tested = compared(bench, options.random, options.near)
    targets = [bench.static_targets(row, options.seeds) for row in tested.mixtures]
    others = {size: bench.proxies(tested, changed(bench.context.proxy, changes, f"audits: sizes.{size}"))
              for size, changes in options.sizes.items()}  # fmt: skip
    groups = {name: tested.kinds == kind for name, kind in KINDS.items()}
    rows, answers = [], []
    for name in options.objectives:
        values = np.stack([bench.value(target, name) for target in targets])  # (N, seeds)
        true, objective = values.mean(axis=1), bench.objective(name)
        ways = {
            **_at_steps(bench, tested, objective),
            **{f"{size} proxies": proxies.objective(objective) for size, proxies in others.items()},
            **_by_fits(bench, tested, objective, options),
            **({"another seed of the targets": values[:, 1]} if options.seeds > 1 else {}),
        }
        for group, those in groups.items():
            for way, measured in ways.items():
                truth = values[:, 0] if way.startswith("another") else true
                score = accuracy(truth[those], measured[those], resamples=bench.resamples, level=bench.level,
                                 seed=options.seed)  # fmt: skip
                rows.append([name, group, way, *score, int(those.sum())])
    table = pd.DataFrame(rows, columns=["objective", "group", "by", "accuracy", "low", "high", "mixtures"])
    for group in groups:
        final = table[(table["group"] == group) & (table["by"] == "proxies, whole training")]
        shares = [Measured(row.objective, row.accuracy, row.low, row.high, row.mixtures) for row in final.itertuples()]
        answers.append(
            Answer.above(f"Proxies rank {options.least:.0%} of pairs of {group} as targets do", shares,
                         options.least, "share of pairs", "mixtures")
        )  # fmt: skip
    return Audit(tuple(answers), {"accuracy": table})


def changed(proxy: Training, changes: dict[str, Any], where: str) -> Training:
    """The proxies' training with ``changes``, dotted keys. Raises InputError."""
    values = proxy.model_dump()
    dotted_keys.apply(values, changes, where, of="params.yaml's proxy")
    return checked(Training, values, where)


def compared(bench: Bench, random: int, near: int) -> Runs:
    """The first held-out proxies, one per mixture, and proposals spread over the rounds."""
    heldout = bench.context.proxies("heldout")
    proposals = bench.context.proxies("proposal")
    for setting, count, runs in (("random", random, heldout), ("near", near, proposals)):
        if len(runs.names) < count:
            raise InputError(f"audits: {setting} = {count}: the swarm has {len(runs.names)}; lower it")
    spread = np.linspace(0, len(proposals.names) - 1, near).round().astype(int)
    chosen = np.zeros(len(proposals.names), bool)
    chosen[spread] = True
    first = np.arange(len(heldout.names)) < random
    return heldout.at(first).joined(proposals.at(chosen))


def _at_steps(bench: Bench, tested: Runs, objective: Objective) -> dict[str, np.ndarray]:
    """The objective of each mixture's proxy at its logged steps, by share of training."""
    logged = bench.context.swarm.trajectories
    steps = bench.context.proxy.recipe.steps
    out = {}
    for step, frame in logged.groupby("step"):
        if step == steps:
            out["proxies, whole training"] = tested.objective(objective)
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
            weights = stack(regressors, first.mixtures, {"objective": parts}, options.seed)
            model = together(regressors, weights, first.mixtures, parts, options.seed)
        except TooFewRuns:
            continue
        out[f"a fit to {len(first.names)} other proxies"] = model.mean(tested.mixtures)
    return out
