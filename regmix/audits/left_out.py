"""Does RegMix pay on a domain left out of training? Every domain in turn (RegMix, Table 6 generalised)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from regmix.ablations.audit import Answer, Audit, Measured, Size
from regmix.ablations.bench import Bench, Targets
from regmix.core.objective import Objective
from regmix.core.runs import LossParts, Runs
from regmix.core.schedule import Schedule
from regmix.core.settings import Count, Name, NonNegative, Positive, Strict
from regmix.evaluation.summary import Spread, spread
from regmix.methods import regmix_one_shot
from regmix.mixture.optima import optima
from regmix.mixture.propose import propose
from regmix.sampling import draws
from regmix.sampling.rules import Rules
from regmix.statistics import metrics

RIVALS = {
    "natural": "natural", "uniform": "uniform", "best_single": "the best single domain",
    "one_shot": "RegMix as published by as many proxies",
}  # fmt: skip

PREDICTED = ("natural", "best_single")  # rivals over which the swarm alone predicts a gain


class OneShot(Strict):
    """RegMix as published: random proxies alone, and the options of the method regmix_one_shot."""

    regressor: Name
    candidates: Count
    top_k: Count


class Options(Strict):
    budget: Positive  # by which the steps of proxies and targets are multiplied
    random: Count  # random proxies without the domain, besides one for each other domain, natural and uniform
    proposals: Count  # proxies of one round
    seeds: Count  # at most target.seeds
    seed: NonNegative
    one_shot: OneShot


def size(options: Options, learnt: int, domains: int) -> Size:
    rounds = domains + 1 + options.random + options.proposals  # each other domain, natural and uniform first
    proxies = 2 * rounds - options.random  # and as many random ones, some of which are among them
    targets = (len(RIVALS) + 1) * options.seeds
    return Size(domains * proxies * options.budget, domains * targets * options.budget)


def audit(bench: Bench, options: Options) -> Audit:
    bench = bench.at_budget(options.budget)
    rows: list[dict[str, object]] = []
    spreads: dict[str, list[Spread]] = {rival: [] for rival in RIVALS}
    for domain in bench.context.domains:
        own = _without(bench, domain)
        bench_of = dataclasses.replace(bench, context=dataclasses.replace(
            bench.context, objectives={domain: Objective.loss(domain)}))  # fmt: skip
        row, differences = _one(bench_of, domain, own, options)
        rows.append(row)
        for rival, difference in differences.items():
            spreads[rival].append(difference)
    pools = {rival: pooled(some, bench.level) for rival, some in spreads.items()}
    single = pools["best_single"]
    table = pd.DataFrame(rows).assign(
        **{f"minus_{rival}": [part.mean for part in pool] for rival, pool in pools.items()},
        single_suffices=[not part.high < 0 for part in single],
    )
    answers = []
    for rival, name in RIVALS.items():
        means = table[f"minus_{rival}"].to_numpy()
        wins, n = int((means < 0).sum()), len(means)
        p = float(stats.binomtest(wins, n).pvalue)
        answer = Answer.below(f"On a domain left out of training, the rounds' mixture is better than {name}",
                             {f"mean over domains, {wins} of {n} better (sign test p = {p:.2g})":
                              spread(means, bench.level)})  # fmt: skip
        answers.append(dataclasses.replace(answer, over="domains"))
    answers += [_each_domain(table, single), *(_foretold(bench, options, table, rival) for rival in PREDICTED)]
    by_rival = pd.DataFrame(
        [[domain, name, *part] for rival, name in RIVALS.items()
         for domain, part in zip(table["domain"], pools[rival], strict=True)],
        columns=["domain", "minus", *Spread._fields],
    )  # fmt: skip
    return Audit(tuple(answers), {"by_domain": table, "differences": by_rival})


def pooled(spreads: Sequence[Spread], level: float) -> list[Spread]:
    """``spreads`` with the standard deviation of all together, since one from two seeds says little."""
    freedom = sum(part.n - 1 for part in spreads)
    sd = math.sqrt(sum((part.n - 1) * part.sd**2 for part in spreads if part.n > 1) / freedom) if freedom else math.nan
    quantile = float(stats.t.ppf((1 + level) / 2, freedom)) if freedom else math.nan
    halves = [quantile * sd / math.sqrt(part.n) for part in spreads]
    return [Spread(part.mean, sd, part.n, part.mean - half, part.mean + half)
            for part, half in zip(spreads, halves, strict=True)]  # fmt: skip


def _each_domain(table: pd.DataFrame, single: Sequence[Spread]) -> Answer:
    """Whether RegMix beats the best single domain everywhere, and where it is not shown to."""
    answer = Answer.below("RegMix is better than the best single domain on each domain left out",
                          dict(zip(table["domain"], single, strict=True)))  # fmt: skip
    enough = table.loc[table["single_suffices"], "domain"]
    where = f"a single domain is enough for {', '.join(enough)}" if len(enough) else "a single domain is never enough"
    why = f"{where}, as far as intervals tell; their standard deviation is that over seeds, pooled over domains"
    return dataclasses.replace(answer, why=f"{answer.why}; {why}")


def _foretold(bench: Bench, options: Options, table: pd.DataFrame, rival: str) -> Answer:
    """Whether the gain over a rival that the swarm alone predicts ranks the domains as the realised one does."""
    predicted, realised = table[f"predicted_over_{rival}"].to_numpy(), -table[f"minus_{rival}"].to_numpy()
    link = metrics.correlation(predicted, realised, resamples=bench.resamples, level=bench.level, seed=options.seed)
    return Answer.above(
        f"The swarm predicts on which domain RegMix gains most over {RIVALS[rival]}",
        [Measured("Spearman of predicted and realised gain", *link, len(table))], 0.0, "Spearman", "domains",
    )  # fmt: skip


def _one(bench: Bench, domain: str, rules: Rules, options: Options) -> tuple[dict[str, object], dict[str, Spread]]:
    """The row of one domain left out with the predicted gains, and RegMix's loss on targets minus each rival's."""
    scheduled = _Embedded(bench.context.domains, rules.domains)
    anchors = np.vstack([np.eye(len(rules.domains)), rules.prior, rules.uniform])
    count = len(anchors) + options.random + options.proposals  # of the rounds' proxies, and of those for one-shot
    drawn = np.stack([draws.draw(rules, draws.RANDOM, i) for i in range(count)])
    trained = bench.new_proxies(np.vstack([anchors, drawn]), rules.domains, "first", scheduled)
    number = np.arange(len(trained.names))
    first, random = trained.at(number < len(anchors) + options.random), trained.at(number >= len(anchors))
    evidence = bench.evidence(first, [domain], rules)
    table = propose(evidence, options.proposals, "expected_improvement")
    more = bench.new_proxies(table[list(rules.domains)].to_numpy(), rules.domains, "round", scheduled)
    runs: Runs = first.joined(more)
    evidence = bench.evidence(runs, [domain], rules)
    _, (best,) = optima(evidence, evidence.whole())
    singles = first.losses[domain].to_numpy()[: len(rules.domains)]
    mixtures = {"regmix": best.weights, "natural": rules.prior, "uniform": rules.uniform,
                "best_single": np.eye(len(rules.domains))[int(singles.argmin())],
                "one_shot": _one_shot(bench, domain, rules, options.one_shot, random)}  # fmt: skip
    results = bench.results_at(map(scheduled, mixtures.values()), options.seeds)
    targets = dict(zip(mixtures, map(Targets.of, results), strict=True))
    chosen, *others = best.model.mean(np.stack([best.weights, *(mixtures[rival] for rival in PREDICTED)])).tolist()
    top = int(best.weights.argmax())
    out: dict[str, object] = {
        "domain": domain, "largest": rules.domains[top], "largest_weight": float(best.weights[top]),
        "best_single": rules.domains[int(singles.argmin())],
        **{f"predicted_over_{rival}": loss - chosen for rival, loss in zip(PREDICTED, others, strict=True)},
    }  # fmt: skip
    return out, {rival: bench.minus(targets["regmix"], targets[rival], domain) for rival in RIVALS}


def _one_shot(bench: Bench, domain: str, rules: Rules, options: OneShot, runs: Runs) -> np.ndarray:
    """The mixture that RegMix as published chooses from the random proxies ``runs``."""
    settings = regmix_one_shot.Options(objective=domain, proxies=len(runs.names), seed=rules.seed,
                                       **options.model_dump())  # fmt: skip
    parts = LossParts(runs.losses[[domain]].to_numpy(), Objective.loss(domain))
    return regmix_one_shot.choice(runs.mixtures, parts, rules, bench.regressor(options.regressor), settings)


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
