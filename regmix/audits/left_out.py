"""Out of distribution for every domain in turn: left out of training, its loss the objective (Table 6 generalised)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from scipy import stats

from regmix.ablations.audit import Answer, Audit, Measured, Size
from regmix.ablations.bench import Bench
from regmix.core.objective import Objective
from regmix.core.runs import LossParts, Runs
from regmix.core.schedule import Schedule
from regmix.core.settings import Count, Name, NonNegative, Strict
from regmix.evaluation.summary import spread
from regmix.methods import regmix_one_shot
from regmix.mixture.optima import optima
from regmix.mixture.propose import propose
from regmix.sampling import draws
from regmix.sampling.rules import Rules
from regmix.statistics import metrics

RIVALS = {
    "natural": "natural", "uniform": "uniform", "best_single": "the best single domain",
    "first_design": "the choice by the first proxies alone",
    "one_shot": "RegMix as published by as many proxies",
}  # fmt: skip


class OneShot(Strict):
    """RegMix as published: random proxies alone, and the options of the method regmix_one_shot."""

    regressor: Name
    candidates: Count
    top_k: Count


class Options(Strict):
    random: Count  # random proxies without the domain, besides one for each other domain, natural and uniform
    proposals: Count  # proxies of one round
    seeds: Count  # at most target.seeds
    seed: NonNegative
    one_shot: OneShot


def size(options: Options, learnt: int, domains: int) -> Size:
    proxies = options.random + 2 * options.proposals + domains + 3
    return Size(domains * proxies, domains * (len(RIVALS) + 1) * options.seeds)


def audit(bench: Bench, options: Options) -> Audit:
    rows = []
    for domain in bench.context.domains:
        own = _without(bench, domain)
        bench_of = dataclasses.replace(bench, context=dataclasses.replace(
            bench.context, objectives={domain: Objective.loss(domain)}))  # fmt: skip
        rows.append(_one(bench_of, domain, own, options))
    table = pd.DataFrame(rows)
    answers = []
    for rival, name in RIVALS.items():
        means = table[f"minus_{rival}"].to_numpy()
        wins, n = int((means < 0).sum()), len(means)
        p = float(stats.binomtest(wins, n).pvalue)
        answer = Answer.below(f"On a domain left out of training, the rounds' mixture is better than {name}",
                             {f"mean over domains, {wins} of {n} better (sign test p = {p:.2g})":
                              spread(means, bench.level)})  # fmt: skip
        answers.append(dataclasses.replace(answer, over="domains"))
    link = metrics.correlation(table["predicted_gain"].to_numpy(), -table["minus_natural"].to_numpy(),
                               resamples=bench.resamples, level=bench.level, seed=options.seed)  # fmt: skip
    answers.append(
        Answer.above("The swarm predicts on which domain RegMix gains most over natural",
                     [Measured("Spearman of predicted and realised gain", *link, len(table))], 0.0, "Spearman",
                     "domains")
    )  # fmt: skip
    return Audit(tuple(answers), {"by_domain": table})


def _one(bench: Bench, domain: str, rules: Rules, options: Options) -> dict[str, object]:
    """The row of one domain left out: RegMix's gain over each rival on targets, and the predicted gain."""
    scheduled = _Embedded(bench.context.domains, rules.domains)
    anchors = np.vstack([np.eye(len(rules.domains)), rules.prior, rules.uniform])
    drawn = _drawn(rules, options.random)
    first = bench.new_proxies(np.vstack([anchors, drawn]), rules.domains, "first", scheduled)
    evidence = bench.evidence(first, [domain], rules)
    table = propose(evidence, options.proposals, "expected_improvement")
    more = bench.new_proxies(table[list(rules.domains)].to_numpy(), rules.domains, "round", scheduled)
    runs: Runs = first.joined(more)
    evidence = bench.evidence(runs, [domain], rules)
    _, (best,) = optima(evidence, evidence.whole())
    singles = first.losses[domain].to_numpy()[: len(rules.domains)]
    mixtures = {"regmix": best.weights, "natural": rules.prior, "uniform": rules.uniform,
                "best_single": np.eye(len(rules.domains))[int(singles.argmin())],
                "first_design": bench.choose(first, [domain], rules)[domain],
                "one_shot": _one_shot(bench, domain, rules, options.one_shot, len(runs.names), scheduled)}  # fmt: skip
    trained = {name: bench.target_runs([scheduled(row)] * options.seeds) for name, row in mixtures.items()}
    predicted = best.model.mean(np.stack([rules.prior, best.weights]))
    top = int(best.weights.argmax())
    out: dict[str, object] = {
        "domain": domain, "largest": rules.domains[top], "largest_weight": float(best.weights[top]),
        "best_single": rules.domains[int(singles.argmin())],
        "predicted_gain": float(predicted[0] - predicted[1]),
    }  # fmt: skip
    for rival in RIVALS:
        out[f"minus_{rival}"] = bench.minus(trained["regmix"], trained[rival], domain).mean
    return out


def _one_shot(
    bench: Bench, domain: str, rules: Rules, options: OneShot, count: int, scheduled: _Embedded
) -> np.ndarray:  # fmt: skip
    """The mixture that RegMix as published chooses from ``count`` random proxies."""
    drawn = _drawn(rules, count)
    runs = bench.new_proxies(drawn, rules.domains, "random", scheduled)
    settings = regmix_one_shot.Options(objective=domain, proxies=count, seed=rules.seed, **options.model_dump())
    parts = LossParts(runs.losses[[domain]].to_numpy(), Objective.loss(domain))
    return regmix_one_shot.choice(runs.mixtures, parts, rules, bench.regressor(options.regressor), settings)


def _drawn(rules: Rules, count: int) -> np.ndarray:
    return np.stack([draws.draw(rules, draws.RANDOM, i) for i in range(count)])


def _without(bench: Bench, domain: str) -> Rules:
    """The rules of the other domains, whose prior is theirs divided by its sum."""
    rules = bench.context.rules
    rest = [i for i, name in enumerate(rules.domains) if name != domain]
    prior = rules.prior[rest] / rules.prior[rest].sum()
    names = [rules.domains[i] for i in rest]
    bounds = dict(zip(names, rules.bounds[rest].tolist(), strict=True))
    return bench.rules(dict(zip(names, prior.tolist(), strict=True)), bounds)


@dataclasses.dataclass(frozen=True)
class _Embedded:
    """A mixture of ``some`` domains as a schedule over ``every`` one, with weight 0 for the rest."""

    every: tuple[str, ...]
    some: tuple[str, ...]

    def __call__(self, mixture: np.ndarray) -> Schedule:
        weights = dict(zip(self.some, mixture.tolist(), strict=True))
        return Schedule.static(self.every, np.array([weights.get(name, 0.0) for name in self.every]))
