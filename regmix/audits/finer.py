"""Which parts of domains help which, and do regressors rank their mixtures? Domains by language and package.

RegMix has a hundred domains by URL (Table 5, Figures 10 to 13), and The Stack by language (Figure 7, right). Mixtures
of parts keep no constraints.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Measured, Size
from regmix.ablations.bench import Bench, Part, Targets
from regmix.core.errors import InputError
from regmix.core.runs import Runs
from regmix.core.schedule import Schedule
from regmix.core.settings import Count, Name, NonNegative, Share, Strict
from regmix.mixture.propose import propose
from regmix.regression.interface import TooFewRuns
from regmix.sampling import draws
from regmix.sampling.rules import Rules
from regmix.statistics import metrics

AIM = "the objective"


class Options(Strict):
    parts: Annotated[dict[Name, dict[str, Any]], Field(min_length=2)]  # `of`: a domain, and keys of its reader instead
    random: Annotated[int, Field(ge=8)]  # random proxies
    heldout: Annotated[int, Field(ge=4)]  # other random mixtures, a proxy and a target at each
    proposals: Count  # proxies of one round
    regressors: Annotated[list[Name], Field(min_length=1)]  # of params.yaml
    least: Share  # rank correlation that counts as ranking well
    objective: Name
    seeds: Count  # targets at the chosen mixture; at most target.seeds
    seed: NonNegative


def size(options: Options, learnt: int, domains: int) -> Size:
    proxies = options.random + options.heldout + options.proposals
    return Size(proxies=proxies, targets=options.heldout + options.seeds)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective, regressor or domain."""
    fine = bench.with_parts(_parts(bench, options))
    text = fine.context.corpus.train
    total = sum(len(tokens) for tokens in text.values())
    rules = bench.rules({name: len(tokens) / total for name, tokens in text.items()})
    aim = options.objective

    def scheduled(mixture: np.ndarray) -> Schedule:
        return Schedule.static(rules.domains, mixture)

    first = fine.new_proxies(_drawn(rules, draws.RANDOM, options.random), rules.domains, "random", scheduled)
    unseen = fine.new_proxies(_drawn(rules, draws.HELDOUT, options.heldout), rules.domains, "heldout", scheduled)
    table = propose(fine.evidence(first, [aim], rules), options.proposals, "expected_improvement")
    more = fine.new_proxies(table[list(rules.domains)].to_numpy(), rules.domains, "round", scheduled)
    chosen = fine.choose(first.joined(more), [aim], rules)[aim]
    trained = fine.target_runs([scheduled(chosen)] * options.seeds)
    tested = [Targets.of(results) for results in fine.results_at(map(scheduled, unseen.mixtures), 1)]
    true = {"proxies": unseen.objective(bench.objective(aim)),
            "targets": np.concatenate([bench.value(target, aim) for target in tested])}  # fmt: skip
    helps = _helps(bench, options, first, list(text))
    answers = [
        Answer.below(f"A mixture of {len(text)} finer domains is better than one of {len(bench.context.domains)}",
                     {"minus RegMix": bench.minus(trained, bench.targets_of(f"regmix_{aim}"), aim)}),
        *_of_parts(options, helps),
    ]  # fmt: skip
    fits = _fitted(bench, options, first, unseen.mixtures, true)
    for name, rows in fits.groupby("regressor", sort=False):
        says = (f"{name} ranks unseen mixtures of {len(text)} finer domains with ρ above {options.least:g}, by one "
                "proxy and by one target at each")  # fmt: skip
        answers.append(Answer.above(says, _measured(rows, "losses_of", "spearman", options.heldout), options.least,
                                    "Spearman", "unseen mixtures"))  # fmt: skip
    own = helps[helps["loss_on"] == AIM].set_index("weight_of")[["correlation", "low", "high"]]
    domains = pd.DataFrame({"domain": text.keys(), "tokens": [len(tokens) for tokens in text.values()],
                            "chosen_weight": chosen.tolist()}).join(own, on="domain")  # fmt: skip
    return Audit(tuple(answers), {"domains": domains, "regressors": fits, "helps": helps})


def _parts(bench: Bench, options: Options) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for name, entry in options.parts.items():
        domain = entry.get("of")
        if domain not in bench.context.domains or name in bench.context.corpus.valid:
            raise InputError(f"audits: parts.{name}: of = {domain}: must be a trained domain, and the name a new one; "
                             f"trained are {', '.join(bench.context.domains)}")  # fmt: skip
        parts[name] = (domain, {key: value for key, value in entry.items() if key != "of"})
    split = [domain for domain, _ in parts.values()]
    if single := [domain for domain in split if split.count(domain) == 1]:
        raise InputError(f"audits: parts: {single[0]} has one part alone; give it two, or none")
    return parts


def _drawn(rules: Rules, stream: int, count: int) -> np.ndarray:
    return np.stack([draws.draw(rules, stream, i) for i in range(count)])


def _helps(bench: Bench, options: Options, runs: Runs, domains: Sequence[str]) -> pd.DataFrame:
    """weight_of, loss_on, correlation, low, high: Spearman of each domain's weight with minus the losses on the domains
    and the objective. Above zero, the domain helps."""
    losses = {AIM: runs.objective(bench.objective(options.objective))}
    losses |= {name: runs.losses[name].to_numpy() for name in domains}
    rows = []
    weights = zip(domains, runs.mixtures.T, strict=True)
    for (name, weight), (loss, values) in itertools.product(weights, losses.items()):
        link = metrics.correlation(weight, -values, resamples=bench.resamples, level=bench.level, seed=options.seed)
        rows.append([name, loss, *link])
    return pd.DataFrame(rows, columns=["weight_of", "loss_on", "correlation", "low", "high"])


def _of_parts(options: Options, helps: pd.DataFrame) -> list[Answer]:
    """Whether the parts of one domain help themselves, each other, and the objective alike."""
    own = helps[(helps["weight_of"] == helps["loss_on"]) & helps["weight_of"].isin(options.parts)]
    n = options.random

    def above_zero(says: str, rows: pd.DataFrame, label: str) -> Answer:
        return Answer.above(says, _measured(rows, label, "correlation", n), 0.0, "Spearman", "random proxies")

    answers = [above_zero("Each part's weight helps its own loss", own, "weight_of")]
    for domain in dict.fromkeys(entry["of"] for entry in options.parts.values()):
        names = [name for name, entry in options.parts.items() if entry["of"] == domain]
        rows = helps[helps["weight_of"].isin(names)]
        pairs = rows[rows["loss_on"].isin(names) & (rows["weight_of"] != rows["loss_on"])]
        labelled = pairs.assign(pair=pairs["weight_of"] + " on " + pairs["loss_on"])
        aimed = _measured(rows[rows["loss_on"] == AIM], "weight_of", "correlation", n)
        apart = max(part.low for part in aimed) > min(part.high for part in aimed)
        says = f"Parts of {domain} differ in how much their weight helps the loss on {options.objective}"
        answers += [
            above_zero(f"Parts of {domain} help each other's loss", labelled, "pair"),
            Answer.by_test(says, aimed, "Spearman", "random proxies", apart, "two intervals do not overlap",
                           "all intervals overlap"),
        ]  # fmt: skip
    return answers


def _fitted(
    bench: Bench, options: Options, runs: Runs, unseen: np.ndarray, true: dict[str, np.ndarray]
) -> pd.DataFrame:
    """regressor, losses_of, spearman, low, high, mse: how well fits to the random proxies predict unseen mixtures.

    Without mse for targets, whose losses are lower than the proxies'; all NaN for a regressor that needs more runs.
    """
    rows, learnt = list[list[Any]](), runs.objective(bench.objective(options.objective))
    for name in options.regressors:
        try:
            predicted = bench.regressor(name).fit(runs.mixtures, learnt, options.seed).mean(unseen)
        except TooFewRuns:
            predicted = np.full(len(unseen), np.nan)
        for scale, losses in true.items():
            link = metrics.correlation(losses, predicted, resamples=bench.resamples, level=bench.level,
                                       seed=options.seed)  # fmt: skip
            error = float(metrics.mse(losses, predicted)) if scale == "proxies" else np.nan
            rows.append([name, scale, *link, error])
    return pd.DataFrame(rows, columns=["regressor", "losses_of", "spearman", "low", "high", "mse"])


def _measured(rows: pd.DataFrame, label: str, value: str, n: int) -> list[Measured]:
    columns = rows[[label, value, "low", "high"]]
    return [Measured(what, mean, low, high, n) for what, mean, low, high in columns.itertuples(index=False, name=None)]
