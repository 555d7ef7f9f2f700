"""What does a seed decide: the noise of a proxy by its mixture, the choice by the same swarm from other seeds?"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import stats

from regmix.ablations.audit import Answer, Audit, Measured, Size
from regmix.ablations.bench import Bench
from regmix.core.settings import Count, Name, Strict
from regmix.evaluation.summary import Spread

FIRST = 2**34  # seeds that nothing else uses


class Options(Strict):
    mixtures: Annotated[int, Field(ge=2)]  # held-out ones, which like the anchors train from several seeds
    seeds: Annotated[int, Field(ge=3)]
    swarms: Count  # the learnt proxies again, each time from another seed
    objectives: Annotated[list[Name], Field(min_length=1)]
    choice_seeds: Count  # targets at each choice; at most target.seeds
    margin: Annotated[float, Field(ge=0)]  # nats that a choice from another seed may be worse


def size(options: Options, learnt: int, domains: int) -> Size:
    choices = options.swarms * len(options.objectives)
    repeated = options.mixtures + domains + 2
    return Size(repeated * options.seeds + options.swarms * learnt, choices * options.choice_seeds)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective."""
    heldout, anchors = (bench.context.proxies(kind) for kind in ("heldout", "anchor"))
    few = heldout.at(np.arange(len(heldout.names)) < options.mixtures)
    few = few.joined(anchors)
    distinct = np.unique(few.mixtures, axis=0, return_index=True)[1]  # a held-out mixture can be a single domain
    few = few.at(np.isin(np.arange(len(few.names)), distinct))
    again = [bench.proxies(few, seed=FIRST + i) for i in range(options.seeds)]
    noise, answers = [], []
    for name in options.objectives:
        values = np.stack([runs.objective(bench.objective(name)) for runs in again])  # (seeds, mixtures)
        free = values - values.mean(axis=1, keepdims=True)  # what the runs of a seed share does not count
        sds = free.std(axis=0, ddof=1)
        p = float(stats.levene(*free.T).pvalue)
        noise += [[name, str(run), sd, loss] for run, sd, loss in zip(few.names, sds, values.mean(axis=0), strict=True)]
        largest = Measured(
            "largest divided by smallest deviation", float(sds.max() / sds.min()), np.nan, np.nan, len(sds)
        )
        test = f"Levene's test: p = {p:.2g}"
        tested = Measured("p of Levene's test", p, np.nan, np.nan, len(sds))
        answers.append(Answer.by_test(f"{name}: a proxy's noise depends on its mixture", [largest, tested],
                                   "ratio and probability", "mixtures", p < 0.05, test, test))  # fmt: skip
    rows, costs = [], {}
    for swarm in range(options.swarms):
        other = bench.proxies(bench.learnt, seed=FIRST + swarm)
        for name, mixture in bench.choose(other, options.objectives).items():
            trained = bench.static_targets(mixture, options.choice_seeds)
            costs[f"{name}, seed {swarm + 1}"] = cost = bench.minus(trained, bench.targets_of(f"regmix_{name}"), name)
            rows.append([name, swarm + 1, float(np.abs(mixture - bench.context.recommended[name]).sum()), *cost])
    says = f"The same swarm from another seed chooses within {options.margin:g} nats of the default's choice"
    answers.append(Answer.below(says, costs, options.margin))
    columns = ["objective", "swarm", "distance", *Spread._fields]
    return Audit(tuple(answers), {
        "noise": pd.DataFrame(noise, columns=["objective", "mixture", "sd", "loss"]),
        "choices": pd.DataFrame(rows, columns=columns),
    })  # fmt: skip
