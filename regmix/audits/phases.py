"""Does a schedule of a few phases, proposed and trained in rounds like mixtures, beat one mixture?

Each phase of a domain counts as a domain of its own, and a phase is as long as its weights sum to; so regressors,
search and proposals are those of mixtures. Static proxies get as many further runs, so both choose from equally many.
Where phases win, their time average says whether by the order, or by another mixture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Size
from regmix.ablations.bench import Bench, Scheduled, Text
from regmix.audits.exposure import averages
from regmix.constraints import build
from regmix.constraints.settings import Constraints
from regmix.core.errors import InputError
from regmix.core.plugins import checked
from regmix.core.runs import Runs
from regmix.core.schedule import Schedule
from regmix.core.settings import Count, Name, Positive, Strict
from regmix.mixture.propose import propose
from regmix.sampling import draws
from regmix.sampling.rules import Rules

PHASES = ("first", "second", "third", "fourth")
NUMBERS = {2: "two", 3: "three", 4: "four"}
SHORTEST = 1e-3  # share of training below which a phase is left out


class Options(Strict):
    phases: Annotated[int, Field(ge=2, le=4)]
    budget: Positive  # by which the steps of proxies and targets are multiplied
    random: Count  # proxies of random phases
    rounds: Count
    proposals: Count  # proxies per round
    objectives: Annotated[list[Name], Field(min_length=1)]
    seeds: Count  # at most target.seeds
    tokens: dict[Name, Count]  # the length to which the text of these domains is cut, for all runs

    def _faults(self) -> Iterator[str]:
        if self.random % self.proposals:
            yield f"random = {self.random}: must be a multiple of proposals ({self.proposals}), as static rounds are"


def size(options: Options, learnt: int, domains: int) -> Size:
    new = options.random + options.rounds * options.proposals
    again = learnt if options.tokens or options.budget != 1 else 0
    targets = 3 * len(options.objectives) * options.seeds
    return Size(proxies=(2 * new + again) * options.budget, targets=targets * options.budget)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective."""
    text, bench = cut(bench, options.tokens), bench.at_budget(options.budget)
    swarm = bench.proxies(bench.learnt, text=text) if text or options.budget != 1 else bench.learnt
    static, rules = swarm, of_phases(bench.context.rules, options.phases)
    same = np.hstack([swarm.mixtures] * options.phases) / options.phases
    phased = Runs(rules.domains, swarm.names, swarm.kinds, same, swarm.losses)
    drawn = np.stack([draws.draw(rules, draws.RANDOM, i) for i in range(options.random)])
    phased = phased.joined(bench.new_proxies(drawn, rules.domains, "phases-random", scheduled(bench), text))
    for number in range(options.rounds):
        kind = f"phases-{number}"
        phased = one_more_round(
            bench, phased, rules, options.objectives, options.proposals, kind, scheduled(bench), text
        )
    for number in range(options.rounds + options.random // options.proposals):
        static = static_round(bench, static, options.objectives, options.proposals, f"static-{number}", text)
    chosen = bench.choose(phased, options.objectives, rules)
    single = bench.choose(static, options.objectives)
    answers, rows, weights = [], [], []
    for name in options.objectives:
        schedule = scheduled(bench)(chosen[name])
        dynamic = bench.target_runs([schedule] * options.seeds, text)
        best = bench.static_targets(single[name], options.seeds, text)
        average = bench.target_runs(averages(dynamic.ledger, bench.context.domains), text)
        apart = max(float(np.abs(one - other).sum()) for one in schedule.mixtures for other in schedule.mixtures)
        kept = chosen[name].reshape(options.phases, -1).sum(axis=1) > SHORTEST
        starts = " and ".join(f"{knot:.2f}" for knot in schedule.knots[1:]) or "never"
        named = zip(np.array(PHASES[: options.phases])[kept].tolist(), schedule.mixtures, strict=True)
        for phase, mixture in (*named, ("static", single[name])):
            weights.append({"objective": name, "phase": phase,
                            **dict(zip(bench.context.domains, mixture.tolist(), strict=True))})  # fmt: skip
        for rival, what, other in (("static", "one mixture, both by as many proxies", best),
                                   ("time average", "their time average, static", average)):  # fmt: skip
            difference = bench.minus(dynamic, other, name)
            rows.append([name, rival, len(phased.names), len(static.names), starts, apart, *difference])
            says = f"{name}: {NUMBERS[options.phases]} phases are better than {what}{_where(options)}"
            answers.append(Answer.below(says, {f"minus {rival}": difference}))
    columns = ["objective", "minus", "proxies", "static_proxies", "switches_at", "phases_apart",
               "mean", "sd", "n", "low", "high"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    return Audit(tuple(answers), {"differences": table, "weights": pd.DataFrame(weights)})


def _where(options: Options) -> str:
    """What differs from the default's training."""
    budget = f", at {options.budget:g} times the steps" if options.budget != 1 else ""
    return budget + (f", with little text of {' and '.join(options.tokens)}" if options.tokens else "")


def static_round(
    bench: Bench, runs: Runs, objectives: Sequence[str], proposals: int, kind: str, text: Text | None = None
) -> Runs:
    """The runs plus those of one more round of proxies that keep one mixture."""
    return one_more_round(bench, runs, bench.context.rules, objectives, proposals, kind, bench.context.static, text)


def one_more_round(
    bench: Bench, runs: Runs, rules: Rules, objectives: Sequence[str], proposals: int, kind: str,
    scheduled: Scheduled, text: Text | None,
) -> Runs:  # fmt: skip
    """The runs plus those of one more round."""
    table = propose(bench.evidence(runs, objectives, rules), proposals, "expected_improvement")
    mixtures = table[list(rules.domains)].to_numpy()
    return runs.joined(bench.new_proxies(mixtures, rules.domains, kind, scheduled, text))


def of_phases(rules: Rules, count: int) -> Rules:
    """Rules for the weights (P K,) of P = ``count`` phases; a domain's bound holds for all together."""
    names = [f"{name}/{phase}" for phase in PHASES[:count] for name in rules.domains]
    groups = {name: {"domains": [f"{name}/{phase}" for phase in PHASES[:count]], "at_most": float(most)}
              for name, most in zip(rules.domains, rules.bounds, strict=True) if most < 1}  # fmt: skip
    prior = dict(zip(names, (np.tile(rules.prior, count) / count).tolist(), strict=True))
    region = build.region(checked(Constraints, {"groups": groups}), prior, {}, "audits: phases")
    tempered = np.tile(rules.tempered, count) / count
    return Rules(region, tempered, rules.strengths, rules.min_weight, rules.max_tries, rules.seed, rules.kl_reg)


def scheduled(bench: Bench) -> Scheduled:
    domains = bench.context.domains

    def schedule(weights: np.ndarray) -> Schedule:
        """The schedule of the weights (P K,) of P phases, each as long as its weights sum to."""
        rows = weights.reshape(-1, len(domains))
        rows = rows[rows.sum(axis=1) > SHORTEST]
        lengths = rows.sum(axis=1)
        knots = np.array([0.0, *np.cumsum(lengths)[:-1]])
        return Schedule(domains, knots, rows / lengths[:, None])

    return schedule


def cut(bench: Bench, tokens: dict[str, int]) -> dict[str, np.ndarray] | None:
    """The corpus with some domains cut to their first tokens; None if none is. Raises InputError."""
    if unknown := sorted(set(tokens) - set(bench.context.domains)):
        raise InputError(f"audits: tokens: unknown domain {unknown[0]!r}; use {', '.join(bench.context.domains)}")
    text = bench.context.corpus.train
    return {name: np.asarray(part[: tokens.get(name, len(part))]) for name, part in text.items()} if tokens else None
