"""How many proxies does a choice need as domains are merged or split?

Merged domains keep their natural shares within a group; a split domain becomes parts of its text, one after the other.
Each partition has random proxies of its own, and its choice is trained as a target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Size
from regmix.ablations.bench import Bench, Text
from regmix.core.errors import InputError
from regmix.core.schedule import Schedule
from regmix.core.settings import Count, Name, Strict
from regmix.regression.interface import TooFewRuns
from regmix.sampling import draws


class Options(Strict):
    merged: dict[Name, list[list[Name]]]  # partitions of the domains into groups
    split: list[Annotated[int, Field(ge=2)]]  # the number of parts of each domain
    proxies: Annotated[list[Count], Field(min_length=1)]  # the number of random ones, the first of the swarm
    objective: Name
    seeds: Count  # at most target.seeds
    margin: Annotated[float, Field(ge=0)]  # nats that a choice may be worse than the default's


def size(options: Options, learnt: int, domains: int) -> Size:
    partitions = len(options.merged) + len(options.split) + 1
    return Size(partitions * max(options.proxies), partitions * len(options.proxies) * options.seeds)


@dataclass(frozen=True)
class Partition:
    """``names`` of its parts, their ``shares`` (P,), and the weights (P, Q) of the text's domains in each part."""

    names: tuple[str, ...]
    shares: np.ndarray
    within: np.ndarray
    domains: tuple[str, ...]
    text: Text | None

    def __call__(self, mixture: np.ndarray) -> Schedule:
        return Schedule.static(self.domains, mixture @ self.within)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective."""
    aim, rows, regrets = options.objective, [], {}
    rival = bench.targets_of(f"regmix_{aim}")
    for part in _partitions(bench, options):
        rules = bench.rules(dict(zip(part.names, part.shares.tolist(), strict=True)))
        drawn = np.stack([draws.draw(rules, draws.RANDOM, i) for i in range(max(options.proxies))])
        swarm = bench.new_proxies(drawn, rules.domains, "random", part, part.text)
        for count in options.proxies:
            first = swarm.at(np.arange(len(drawn)) < count)
            try:
                mixture = bench.choose(first, [aim], rules)[aim]
            except TooFewRuns:  # the law has more parameters than runs
                rows.append([len(part.names), count, *[np.nan] * 2, 0, *[np.nan] * 2])
                continue
            trained = bench.target_runs([part(mixture)] * options.seeds, part.text)
            spread = bench.minus(trained, rival, aim)
            regrets[len(part.names), count] = spread
            rows.append([len(part.names), count, *spread])
    table = pd.DataFrame(rows, columns=["domains", "proxies", "mean", "sd", "n", "low", "high"])
    answers = []
    for count in options.proxies:
        if costs := {f"{k} domains": spread for (k, n), spread in regrets.items() if n == count}:
            answers.append(Answer.below(claim(table, count, options.margin), costs, options.margin))
    return Audit(tuple(answers), {"regret": table})


def claim(table: pd.DataFrame, count: int, margin: float) -> str:
    """What ``count`` proxies are to do, and with how many domains they are too few for a fit."""
    says = f"{count} random proxies choose within {margin:g} nats of the rounds, at any number of domains"
    few = table.loc[(table["proxies"] == count) & table["mean"].isna(), "domains"]
    return f"{says} but {' and '.join(map(str, few))}, for which they are too few to fit" if len(few) else says


def _partitions(bench: Bench, options: Options) -> list[Partition]:
    domains, prior = bench.context.domains, bench.context.rules.prior
    own = Partition(domains, prior, np.eye(len(domains)), domains, None)
    return [*(_merged(bench, groups, name) for name, groups in options.merged.items()), own,
            *(_split(bench, parts) for parts in options.split)]  # fmt: skip


def _merged(bench: Bench, groups: list[list[str]], name: str) -> Partition:
    domains, prior = bench.context.domains, bench.context.rules.prior
    if sorted(domain for group in groups for domain in group) != sorted(domains):
        raise InputError(f"audits: merged.{name}: must have every trained domain once; they are {', '.join(domains)}")
    rows = np.array([[prior[k] if domain in group else 0.0 for k, domain in enumerate(domains)] for group in groups])
    shares = rows.sum(axis=1)
    return Partition(tuple("+".join(group) for group in groups), shares, rows / shares[:, None], domains, None)


def _split(bench: Bench, parts: int) -> Partition:
    text: dict[str, np.ndarray] = {}
    for domain, tokens in bench.context.corpus.train.items():
        ends = np.linspace(0, len(tokens), parts + 1).astype(int)
        text |= {f"{domain}/{i}": np.asarray(tokens[ends[i] : ends[i + 1]]) for i in range(parts)}
    shares = np.repeat(bench.context.rules.prior, parts) / parts
    return Partition(tuple(text), shares, np.eye(len(text)), tuple(text), text)
