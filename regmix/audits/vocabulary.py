"""Is the choice the same under another tokenizer? Byte-level vocabularies of other sizes; targets keep their own.

Losses in nats per token cannot be compared between vocabularies, and a mean of two would weigh them differently. So
losses under another vocabulary are in nats per token of the default's, for the same text: bits per byte times a number
that is the same for both, and an objective is the same function of bits per byte under either.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Size
from regmix.ablations.bench import Bench
from regmix.core.runs import Runs
from regmix.core.settings import Count, Name, Strict
from regmix.corpus.tokens.tokenized import Corpus
from regmix.evaluation.summary import Spread


class Options(Strict):
    sizes: Annotated[list[Annotated[int, Field(ge=300)]], Field(min_length=1)]  # entries
    objectives: Annotated[list[Name], Field(min_length=1)]
    seeds: Count  # at most target.seeds
    margin: Annotated[float, Field(ge=0)]  # nats that a choice under another tokenizer may be worse


def size(options: Options, learnt: int, domains: int) -> Size:
    choices = len(options.sizes) * len(options.objectives)
    return Size(proxies=len(options.sizes) * learnt, targets=choices * options.seeds)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective."""
    rows, costs = [], {}
    for entries in options.sizes:
        other = bench.under_vocabulary(entries)
        swarm = rescaled(other.proxies(bench.learnt), other.context.corpus, bench.context.corpus)
        for name, mixture in other.choose(swarm, options.objectives).items():
            trained = bench.static_targets(mixture, options.seeds)
            costs[f"{name}, {entries}"] = cost = bench.minus(trained, bench.targets_of(f"regmix_{name}"), name)
            apart = float(np.abs(mixture - bench.context.recommended[name]).sum())
            rows.append([name, entries, apart, *cost])
    says = f"The choice under another vocabulary costs less than {options.margin:g} nats on targets of the default's"
    table = pd.DataFrame(rows, columns=["objective", "vocabulary", "distance", *Spread._fields])
    return Audit((Answer.below(says, costs, options.margin),), {"choices": table})


def rescaled(runs: Runs, own: Corpus, default: Corpus) -> Runs:
    """``runs`` with domains' losses in nats per token of the ``default`` corpus, which has the same text."""
    ratios = {name: len(own.valid[name]) / len(default.valid[name]) for name in runs.losses if name in own.valid}
    return replace(runs, losses=runs.losses.assign(**{name: runs.losses[name] * by for name, by in ratios.items()}))
