"""Domains by source or package (in place of RegMix's Table 5): which parts help, and a mixture of them."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Measured, Size
from regmix.ablations.bench import Bench, Part
from regmix.core.errors import InputError
from regmix.core.schedule import Schedule
from regmix.core.settings import Count, Name, NonNegative, Strict
from regmix.mixture.propose import propose
from regmix.sampling import draws
from regmix.statistics import metrics


class Options(Strict):
    parts: Annotated[dict[Name, dict[str, Any]], Field(min_length=2)]  # `of`: a domain, and keys of its reader instead
    random: Annotated[int, Field(ge=8)]  # random proxies
    proposals: Count  # proxies of one round
    objective: Name
    seeds: Count  # at most target.seeds
    seed: NonNegative


def size(options: Options, learnt: int, domains: int) -> Size:
    return Size(proxies=options.random + options.proposals, targets=options.seeds)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective or domain."""
    text = _text(bench, options)
    total = sum(len(tokens) for tokens in text.values())
    rules = bench.rules({name: len(tokens) / total for name, tokens in text.items()})
    aim = options.objective

    def scheduled(mixture: np.ndarray) -> Schedule:
        return Schedule.static(rules.domains, mixture)

    drawn = np.stack([draws.draw(rules, draws.RANDOM, i) for i in range(options.random)])
    first = bench.new_proxies(drawn, rules.domains, "random", scheduled, text)
    table = propose(bench.evidence(first, [aim], rules), options.proposals, "expected_improvement")
    more = bench.new_proxies(table[list(rules.domains)].to_numpy(), rules.domains, "round", scheduled, text)
    chosen = bench.choose(first.joined(more), [aim], rules)[aim]
    trained = bench.target_runs([scheduled(chosen)] * options.seeds, text)
    loss, rows, helping = first.objective(bench.objective(aim)), [], list[Measured]()
    for name, weights, weight in zip(rules.domains, first.mixtures.T, chosen, strict=True):
        link = metrics.correlation(weights, loss, resamples=bench.resamples, level=bench.level, seed=options.seed)
        rows.append([name, len(text[name]), float(weight), *link])
        if name in options.parts:
            helping.append(Measured(name, *link, options.random))
    answers = [
        Answer.below(f"A mixture of {len(text)} finer domains is better than one of {len(bench.context.domains)}",
                     {"minus RegMix": bench.minus(trained, bench.targets_of(f"regmix_{aim}"), aim)}),
        *(_apart(bench, options, domain, helping) for domain in dict.fromkeys(p["of"] for p in options.parts.values())),
    ]  # fmt: skip
    columns = ["domain", "tokens", "chosen_weight", "correlation", "low", "high"]
    return Audit(tuple(answers), {"domains": pd.DataFrame(rows, columns=columns)})


def _apart(bench: Bench, options: Options, domain: str, correlations: list[Measured]) -> Answer:
    """Whether parts of one domain correlate differently with the objective's loss: intervals that do not overlap."""
    own = [part for part in correlations if options.parts[part.what]["of"] == domain]
    low, high = min(part.high for part in own), max(part.low for part in own)
    says = f"Parts of {domain} differ in how their weight correlates with the loss on {options.objective}"
    return Answer.by_test(says, own, "Spearman", "random proxies", high > low, "two intervals do not overlap",
                       "all intervals overlap")  # fmt: skip


def _text(bench: Bench, options: Options) -> dict[str, np.ndarray]:
    """The tokens of the parts, and of the domains that have none."""
    parts: dict[str, Part] = {}
    for name, entry in options.parts.items():
        domain = entry.get("of")
        if domain not in bench.context.domains or name in bench.context.domains:
            raise InputError(f"audits: parts.{name}: of = {domain}: must be a trained domain, and the name a new one; "
                             f"trained are {', '.join(bench.context.domains)}")  # fmt: skip
        parts[name] = (domain, {key: value for key, value in entry.items() if key != "of"})
    split = {domain for domain, _ in parts.values()}
    whole = {name: tokens for name, tokens in bench.context.corpus.train.items() if name not in split}
    return whole | bench.refined(parts)
