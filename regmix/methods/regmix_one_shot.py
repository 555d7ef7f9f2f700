"""RegMix as published: random mixtures alone, one regressor, the best of many random candidates (section 3).

The proxies are the swarm's random mixtures, as far as it has them, and the next ones of the same stream.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from regmix.core.plugins import Names
from regmix.core.runs import LossParts, objective_parts
from regmix.core.settings import Count, Kind, NonNegative, Runs, Strict
from regmix.corpus.settings import Corpus
from regmix.engine.run import Run
from regmix.mixture.search import Search, optimum
from regmix.regression.ensemble import Ensemble, by_part
from regmix.regression.interface import Regressor, bind, least_runs
from regmix.sampling.rules import Rules
from regmix.sampling.shards import random_runs
from regmix.target.interface import Context, Plan, Preparation, Scale, Spent


class Options(Strict):
    objective: str  # the name of an objective in params.yaml
    regressor: Annotated[str, Names("regressors")]  # of params.yaml's regressors; paper: LightGBM
    proxies: Runs  # paper: 512
    candidates: Count  # paper: 1000000
    top_k: Count  # best candidates, whose mean is chosen; paper: 100
    seed: NonNegative

    def _faults(self) -> Iterator[str]:
        if self.top_k > self.candidates:
            yield f"top_k = {self.top_k}: must not exceed candidates ({self.candidates})"


def faults(options: Options, corpus: Corpus, regressors: Mapping[str, Kind]) -> Iterator[str]:
    name = options.regressor
    if name in regressors and options.proxies < (least := least_runs(name, regressors[name], len(corpus.trained))):
        yield f"proxies = {options.proxies}: {name} needs at least {least}; raise it or choose another regressor"


def preparation(options: Options, scale: Scale) -> Sequence[Preparation]:
    return [Preparation(options.proxies)]


def plan(context: Context, options: Options) -> Plan:
    """Raises InputError if the regressor needs more proxies."""
    planned = random_runs(context.rules, context.sampling, options.proxies)
    proxies = [Run(entry.name, entry.schedule, entry.seed) for entry in planned]
    results = context.train(context.proxy, proxies, weights=False)
    losses = pd.DataFrame([{"run": run.name, **result.losses} for run, result in zip(proxies, results, strict=True)])
    parts = objective_parts(losses, context.objectives[options.objective])
    regressor = bind(options.regressor, context.regressors[options.regressor])
    best = choice(np.stack([entry.mixture for entry in planned]), parts, context.rules, regressor, options)
    meta = context.swarm.meta
    cost = Spent("proxies", options.proxies * meta["train_tokens"], 0, meta["flops_a_token"])
    return Plan(context.static(best), spent=[cost])


def choice(
    mixtures: np.ndarray, losses: LossParts, rules: Rules, regressor: Regressor, options: Options
) -> np.ndarray:  # fmt: skip
    """The mixture (K,) that proxies at ``mixtures`` (N, K) recommend."""
    search = Search(candidates=options.candidates, top_k=options.top_k, risk=0, local_steps=0, seed=options.seed)
    with threadpool_limits(limits=1):
        model = by_part(regressor.fit, losses.objective)(mixtures, losses.losses, options.seed)
        return optimum(Ensemble([model], np.ones(1)), rules, search, 0, mixtures)
