"""Whether more candidates find a better optimum, and how long the law takes to fit."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from regmix.core import runs as tables
from regmix.core.files import read_json
from regmix.core.runs import LEARNT
from regmix.core.settings import Kind
from regmix.mixture.from_settings import evidence
from regmix.mixture.optima import optima
from regmix.mixture.search import optimum
from regmix.objectives import resolve
from regmix.params import Params
from regmix.regression.interface import bind
from regmix.sampling.rules import Rules

CANDIDATES = (20_000, 200_000, 2_000_000)
LAW = Kind(kind="effective_tokens", starts=4, shrinkage=0.01)
RUNS, DOMAINS = 512, 17  # the published table's
FITS = 5


def measure(params: Params) -> dict[str, Any]:
    """``gained``, nats per token: by objective, the loss predicted at the optimum of the fewest candidates minus that
    with more, as they are ranked. ``law_milliseconds``: a fit to the published table's size on one thread."""
    trained = tuple(params.corpus.trained)
    learnt = tables.read(Path(params.swarm.learn_from), trained).of(*LEARNT)
    aims = resolve(params.objectives, learnt)
    rules = Rules.from_json(read_json(Path("data/swarm_sample/rules.json")))
    fitted = evidence(learnt, aims, rules, params.mixture, params.regressors, params.machine.processes)
    out: dict[str, Any] = {"risk": params.mixture.risk, "gained": {}}
    _, optimal = optima(fitted, fitted.whole())
    for name, best in zip(fitted.losses, optimal, strict=True):
        values = []
        for count in CANDIDATES:
            search = replace(fitted.search, candidates=count)
            weights = optimum(best.model, rules, search, 0, fitted.starts(name))
            values.append(float(best.model.score(weights[None], search.risk)[0]))
        more = zip(CANDIDATES[1:], values[1:], strict=True)
        out["gained"][name] = {str(count): round(values[0] - value, 5) for count, value in more}
    return out | {"law_milliseconds": law()}


def law() -> float:
    """Milliseconds of the fastest of some fits to random runs of a law."""
    rng, regressor = np.random.default_rng(0), bind("law", LAW)
    mixtures = rng.dirichlet(np.ones(DOMAINS), size=RUNS)
    losses = 3 + (mixtures**0.5 @ rng.uniform(0.2, 3, DOMAINS)) ** -0.3 + rng.normal(scale=0.01, size=RUNS)
    seconds = []
    with threadpool_limits(1):
        for _ in range(FITS):
            start = time.perf_counter()
            regressor.fit(mixtures, losses, 0)
            seconds.append(time.perf_counter() - start)
    return round(1000 * min(seconds), 1)
