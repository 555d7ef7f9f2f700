"""Do proxies order mixtures alike at every learning rate, and do they choose as well (arXiv 2512.24503)?"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Measured, Size
from regmix.ablations.bench import Bench
from regmix.audits.order import FEWEST, compared, masks
from regmix.core.settings import Count, Name, NonNegative, Positive, Share, Strict
from regmix.engine.settings import Training
from regmix.evaluation.summary import Spread
from regmix.statistics.decisions import accuracy


class Options(Strict):
    factors: Annotated[list[Positive], Field(min_length=1)]  # of the proxies' rate
    random: Annotated[int, Field(ge=FEWEST)]  # mixtures that are ordered: those of the audit `order`
    near: Annotated[int, Field(ge=FEWEST)]  # at most so many for each objective
    seeds: Count  # targets per mixture
    objectives: Annotated[list[Name], Field(min_length=1)]
    choice_seeds: Count  # targets at each choice; at most target.seeds
    least: Share  # accuracy that counts as surviving
    margin: Annotated[float, Field(ge=0)]  # nats that a choice at another rate may be worse
    seed: NonNegative


def size(options: Options, learnt: int, domains: int) -> Size:
    rates = len(options.factors)
    mixtures = options.random + options.near * len(options.objectives)
    return Size(
        proxies=rates * (learnt + options.random),
        targets=mixtures * options.seeds + rates * len(options.objectives) * options.choice_seeds,
    )


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective, or too few mixtures."""
    tested = compared(bench, options.random, options.near, options.objectives)
    every = tested.joined(bench.learnt.at(~np.isin(bench.learnt.names, tested.names)))
    targets = bench.static_targets_at(tested.mixtures, options.seeds)
    true = {name: np.array([bench.value(target, name).mean() for target in targets]) for name in options.objectives}
    orders, regrets, answers = [], [], []
    for factor in options.factors:
        proxies = bench.proxies(every, at_rate(bench.context.proxy, factor))
        first = proxies.at(np.arange(len(proxies.names)) < len(tested.names))
        chosen = bench.choose(proxies.at(np.isin(proxies.names, bench.learnt.names)), options.objectives)
        for name in options.objectives:
            own = np.logical_or(*masks(bench, tested, name, options.near).values())
            score = accuracy(true[name][own], first.objective(bench.objective(name))[own], resamples=bench.resamples,
                             level=bench.level, seed=options.seed)  # fmt: skip
            orders.append([factor, name, *score, int(own.sum())])
            trained = bench.static_targets(chosen[name], options.choice_seeds)
            loss = bench.minus(trained, bench.targets_of(f"regmix_{name}"), name)
            apart = float(np.abs(chosen[name] - bench.context.recommended[name]).sum())
            regrets.append([factor, name, apart, *loss])
    order = pd.DataFrame(orders, columns=["factor", "objective", "accuracy", "low", "high", "mixtures"])
    regret = pd.DataFrame(regrets, columns=["factor", "objective", "distance", "mean", "sd", "n", "low", "high"])
    for factor in options.factors:
        rows = order[order["factor"] == factor]
        answers.append(
            Answer.above(f"Proxies at {factor:g} times the rate rank {options.least:.0%} of pairs as targets do",
                         [Measured(r.objective, r.accuracy, r.low, r.high, r.mixtures) for r in rows.itertuples()],
                         options.least, "share of pairs", "mixtures")
        )  # fmt: skip
        costs = {r.objective: Spread(r.mean, r.sd, r.n, r.low, r.high) for r in
                 regret[regret["factor"] == factor].itertuples()}  # fmt: skip
        answers.append(
            Answer.below(f"The choice by proxies at {factor:g} times the rate costs less than {options.margin:g} nats",
                         costs, options.margin)
        )  # fmt: skip
    return Audit(tuple(answers), {"order": order, "regret": regret})


def at_rate(proxy: Training, factor: float) -> Training:
    """The proxies' training at another peak learning rate."""
    return proxy.model_copy(update={"recipe": proxy.recipe.model_copy(update={"lr": proxy.recipe.lr * factor})})
