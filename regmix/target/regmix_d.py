"""What RegMix-D offline and online share (arXiv 2606.18663): the proxies' trajectories, the regressor, the search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from regmix.core.errors import InputError
from regmix.core.objective import Objective
from regmix.core.plugins import Names
from regmix.core.settings import Count, Kind, NonNegative, Positive, Share, Strict
from regmix.corpus.settings import Corpus
from regmix.engine.settings import Training
from regmix.regression import interface
from regmix.sampling.settings import Swarm
from regmix.target.interface import Context, Spent
from regmix.trajectory import next_loss, schedule_search, trajectories
from regmix.trajectory.next_loss import StepModel
from regmix.trajectory.schedule_search import Search
from regmix.trajectory.trajectories import Trajectories


class Options(Strict):
    """``granularity`` is the paper's N, ``human`` its m_human, ``alpha`` the strength of the draws around it.

    ``kinds`` are the kinds of proxies used and ``share`` the share of the random and the switched ones. ``label`` is
    what the regressor predicts: the next ``loss`` (the paper) or its ``drop``. ``mapping`` says where a proxy's step
    falls in the target's training: at the same share of it (``linear``, the paper) or after the same number of
    ``tokens``. The paper: granularity 5, candidates 100000, top_k 128, LightGBM; alpha is not stated.
    """

    objective: str
    granularity: Count
    regressor: Annotated[str, Names("regressors")]
    label: Literal["loss", "drop"]
    kinds: list[Literal["random", "switched", "anchor"]]
    share: Share
    candidates: Count
    top_k: Count
    alpha: Positive
    human: Literal["natural", "uniform"]
    mapping: Literal["linear", "tokens"]
    seed: NonNegative

    def _faults(self) -> Iterator[str]:
        if self.top_k > self.candidates:
            yield f"top_k = {self.top_k}: must not exceed candidates ({self.candidates})"


def faults(
    options: Options, corpus: Corpus, proxy: Training, regressors: Mapping[str, Kind], swarm: Swarm
) -> Iterator[str]:
    """The settings with which the proxies cannot be learnt from."""
    domains, name, intervals = len(corpus.trained), options.regressor, options.granularity
    runs = [swarm.first(kind, domains) for kind in options.kinds]
    if not sum(runs):
        yield f"kinds = {options.kinds}: swarm.shards has no such proxies; add a shard"
    if intervals >= proxy.validation.logged:
        yield f"granularity = {intervals}: must be below proxy.validation.logged ({proxy.validation.logged})"
    least = interface.least_runs(name, regressors[name], domains + 2) if name in regressors else 0
    if 0 < sum(runs) * intervals < least:
        yield f"regressor = {name}: needs {least} rows, and has {intervals} for each of {sum(runs)} runs; add a shard"


def tables(context: Context, options: Options) -> dict[str, pd.DataFrame]:
    """mixtures, schedules and trajectories of the proxies the options select. Raises InputError if there are none."""
    swarm = context.swarm
    runs = swarm.mixtures[swarm.mixtures["kind"].isin(options.kinds)]
    names = []
    for kind, of_kind in runs.groupby("kind", sort=False):
        many = kind in ("random", "switched")
        names += of_kind["run"].tolist()[: max(1, round(options.share * len(of_kind))) if many else None]
    if not names:
        raise InputError(
            f"params.yaml: target.methods: kinds = {options.kinds}: the swarm has no such proxies; add a shard"
        )
    files = ("mixtures", "schedules", "trajectories")
    frames = zip(files, (swarm.mixtures, swarm.schedules, swarm.trajectories), strict=True)
    return {name: frame[frame["run"].isin(names)].reset_index(drop=True) for name, frame in frames}


def learnt(tables: Mapping[str, pd.DataFrame], domains: tuple[str, ...], objective: Objective) -> Trajectories:
    return trajectories.read(tables["mixtures"], tables["schedules"], tables["trajectories"], domains, objective)


def fit(runs: Trajectories, options: Options, regressor: Kind) -> StepModel:
    bound = interface.bind(options.regressor, regressor)
    return next_loss.fit(runs.granularity(options.granularity), bound, options.label, options.seed)


def regressor(context: Context, options: Options) -> Kind:
    """The entry of params.yaml's regressors. Raises InputError, listing the names, if there is none with that name."""
    if options.regressor not in context.regressors:
        raise InputError(
            f"params.yaml: target.methods: regressor {options.regressor!r} is not one of "
            f"{', '.join(context.regressors)}; use one of these"
        )
    return context.regressors[options.regressor]


def search(context: Context, options: Options) -> Search:
    """How candidates are drawn, within the constraints."""
    rules = context.rules
    human = {"natural": rules.natural, "uniform": rules.uniform}[options.human]
    return Search(rules.region, human, options.alpha, options.candidates, options.top_k, options.seed)


def knots(runs: Trajectories, context: Context, options: Options) -> np.ndarray:
    """The fractions of the target's training (S,) at which it can switch."""
    fractions = runs.granularity(options.granularity).fractions[:-1]
    return schedule_search.mapped(fractions, options.mapping, context.proxy.train_tokens, context.target.train_tokens)


def cost(context: Context, tables: Mapping[str, pd.DataFrame]) -> Spent:
    """The cost of the proxies used."""
    return context.swarm_cost(len(tables["mixtures"]) / len(context.swarm.mixtures))


def outside(queries: Sequence[Mapping[str, Any]]) -> str | None:
    """A message with the number of queries outside the proxies' range; None if there are none."""
    count = sum(query["outside"] for query in queries)
    message = f"{count} of {len(queries)} queries lie outside the regressor's support; the report lists them"
    return message if count else None
