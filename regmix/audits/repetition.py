"""Must proxies repeat each domain's text as often as the target will (simulated epoching; arXiv 2606.07597)?

Domains are so small that the target repeats them. Free proxies draw from all of that text, matched ones from the share
of it that their tokens are of the target's, so that a domain is repeated as often at both.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Size
from regmix.ablations.bench import Bench, Text
from regmix.core.settings import Count, Name, Positive, Strict
from regmix.engine.settings import Training

FREE, MATCHED, BOUNDED = "free", "matched", "bounded"


class Options(Strict):
    tokens: Count  # of each domain that the target has
    steps: Count  # of a proxy's training, so that it has far fewer tokens than the target
    max_epochs: Positive  # passes of the target over a domain, the bound of another choice by the free proxies
    objectives: Annotated[list[Name], Field(min_length=1)]
    seeds: Count  # at most target.seeds


def size(options: Options, learnt: int, domains: int) -> Size:
    return Size(proxies=2 * learnt, targets=(3 * len(options.objectives) + 1) * options.seeds)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective."""
    training = shorter(bench.context.proxy, options.steps)
    short = cut(bench.context.corpus.train, options.tokens)
    share = tokens_of(training) / tokens_of(bench.context.target)
    texts = {FREE: short, MATCHED: cut(short, max(int(options.tokens * share), 2 * training.shape.context))}
    swarms = {kind: bench.proxies(bench.learnt, training, text) for kind, text in texts.items()}
    chosen = {kind: bench.choose(swarm, options.objectives) for kind, swarm in swarms.items()}
    most = options.max_epochs * options.tokens / tokens_of(bench.context.target)
    prior = bench.context.rules.by_domain(bench.context.rules.prior)
    bounded = bench.rules(prior, dict.fromkeys(prior, min(1.0, most)))
    chosen[BOUNDED] = bench.choose(swarms[FREE], options.objectives, bounded)
    natural = bench.static_targets(bench.context.rules.prior, options.seeds, short)
    rows, weights, gains, bound = [], [], {}, {}
    for name in options.objectives:
        trained = {kind: bench.static_targets(mixtures[name], options.seeds, short)
                   for kind, mixtures in chosen.items()}  # fmt: skip
        gains[f"{name}, matched minus free"] = bench.minus(trained[MATCHED], trained[FREE], name)
        bound[f"{name}, matched minus bounded"] = bench.minus(trained[MATCHED], trained[BOUNDED], name)
        for kind, targets in trained.items():
            mixture = chosen[kind][name]
            passes = mixture.max() * tokens_of(bench.context.target) / options.tokens
            rows.append([name, kind, float(mixture.max()), passes, *bench.minus(targets, natural, name)])
            weights.append({"objective": name, "repetition": kind,
                            **dict(zip(bench.context.domains, mixture.tolist(), strict=True))})  # fmt: skip
    says = "Proxies that repeat text as often as the target does make better choices than proxies that do not"
    columns = ["objective", "repetition", "largest_weight", "most_passes", "mean", "sd", "n", "low", "high"]
    answers = (
        Answer.below(says, gains),
        Answer.below(f"They choose better than free proxies under a bound of {options.max_epochs:g} passes", bound),
    )
    return Audit(answers, {"minus_natural": pd.DataFrame(rows, columns=columns), "weights": pd.DataFrame(weights)})


def cut(text: Text, tokens: int) -> dict[str, np.ndarray]:
    """The first ``tokens`` of each domain."""
    return {name: np.asarray(part[:tokens]) for name, part in text.items()}


def shorter(training: Training, steps: int) -> Training:
    return training.model_copy(update={"recipe": training.recipe.model_copy(update={"steps": steps})})


def tokens_of(training: Training) -> int:
    """How many tokens a model trains on."""
    return training.recipe.steps * training.recipe.sequences * training.shape.context
