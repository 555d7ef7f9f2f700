"""RegMix-D, online (Algorithm 2): at every switch, choose the mixture from the target's current loss.

The regressor was fitted to proxies' losses, so the target's loss is first converted to their size by
``loss * ratio ** beta``. The paper sets beta = 0.05; ``beta: fitted`` fits it to models of the target's size trained
on the natural and the uniform mixture, the mixtures of the swarm's anchors. These models are also runs of the methods
natural and uniform and train only once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

import regmix.target.regmix_d as shared
from regmix.constraints.region import Region
from regmix.core.errors import InputError
from regmix.core.model_shape import ModelShape
from regmix.core.objective import Objective
from regmix.core.schedule import Schedule
from regmix.core.settings import Count, Kind, Positive
from regmix.engine.policy import Policy, State
from regmix.engine.run import Run
from regmix.engine.settings import Training
from regmix.target.interface import Context, Plan, Preparation, Scale, Spent, key_of
from regmix.trajectory import schedule_search, trajectories
from regmix.trajectory.next_loss import StepModel
from regmix.trajectory.schedule_search import Search

RESAMPLES, LEVEL = 1000, 0.95


class Options(shared.Options):
    """``beta``: the exponent, or ``fitted``, which trains ``beta_seeds`` models per mixture."""

    beta: Positive | Literal["fitted"]
    beta_seeds: Count


faults = shared.faults


def preparation(options: Options, scale: Scale) -> Sequence[Preparation]:
    """Targets on the natural and the uniform mixture, if beta is fitted."""
    if options.beta != "fitted":
        return []
    seeds = min(options.beta_seeds, scale.target_seeds)
    return [Preparation(2 * seeds, target_sized=True, first_targets={"natural": seeds, "uniform": seeds})]


def plan(context: Context, options: Options) -> Plan:
    tables = shared.tables(context, options)
    objective = context.objectives[options.objective]
    learnt = shared.learnt(tables, context.domains, objective)
    knots = shared.knots(learnt, context, options)
    steps = [round(knot * context.target.recipe.steps) for knot in knots]
    for step in steps:
        if step not in context.target.logged_steps:
            raise InputError(
                f"params.yaml: target.validation.logged = {context.target.validation.logged}: RegMix-D needs the "
                f"target's loss at step {step} of {context.target.recipe.steps}, where none is logged; set it to "
                f"{context.proxy.validation.logged}, as for the proxies"
            )
    search = shared.search(context, options)
    ratio = _body(context, context.target) / _body(context, context.proxy)
    spent = [shared.cost(context, tables)]
    beta: dict[str, Any] = {"value": options.beta}
    if options.beta == "fitted":
        beta, pairs = _fitted(context, options, learnt, ratio)
        tables["beta"] = pairs
        models = 2 * min(options.beta_seeds, len(context.seeds))
        spent.append(Spent("models for beta", models * context.target.train_tokens, 0,
                           _shape(context, context.target).flops()))  # fmt: skip
    facts = {
        "objective": objective.to_json(),
        "steps": steps,
        "total": context.target.recipe.steps,
        "ratio": ratio,
        "beta": beta,
        "regressor": shared.regressor(context, options).model_dump(),
        "human": search.human.tolist(),
        "region": search.region.to_json(),
    }
    return Plan(context.static(search.human), facts=facts, tables=tables, spent=spent)


def policy(plan: Plan, options: Options, training: Training) -> Policy:
    return Online(plan, options)


@dataclass
class Online(Policy):
    """Queries the fixed regressor at each of the plan's steps; its state is the queries with their answers."""

    plan: Plan
    options: Options

    @cached_property
    def key(self) -> str:  # type: ignore[override]
        return key_of(self.plan, self.options, __file__, self.plan.facts["regressor"]["kind"])

    @cached_property
    def _model(self) -> StepModel:
        objective = Objective.from_json(self.plan.facts["objective"])
        learnt = shared.learnt(self.plan.tables, self.plan.schedule.domains, objective)
        return shared.fit(learnt, self.options, Kind.model_validate(self.plan.facts["regressor"]))

    @cached_property
    def _search(self) -> Search:
        facts, options = self.plan.facts, self.options
        region, human = Region.from_json(facts["region"]), np.array(facts["human"])
        return Search(region, human, options.alpha, options.candidates, options.top_k, options.seed)

    def start(self, schedule: Schedule) -> State:
        return {"queries": []}

    def decide(
        self, state: State, fraction: float, losses: Mapping[str, float] | None, schedule: Schedule
    ) -> tuple[State, np.ndarray | None]:
        facts, queries = self.plan.facts, state["queries"]
        knots = [step / facts["total"] for step in facts["steps"]]
        if losses is None or fraction not in knots:
            return state, None
        loss = Objective.from_json(facts["objective"]).at(losses)
        following = [*knots, 1.0][knots.index(fraction) + 1]
        with threadpool_limits(limits=1):  # the same bits on any number of cores
            choice, query = schedule_search.online_choice(
                self._model, self._search, knots.index(fraction), loss, facts["ratio"], facts["beta"]["value"],
                fraction=fraction, region=schedule_search.within(self._search, schedule, fraction, following),
            )  # fmt: skip
        return {"queries": [*queries, query]}, choice.mixture

    def warning(self, state: State) -> str | None:
        return shared.outside(state["queries"])


def _fitted(
    context: Context, options: Options, learnt: trajectories.Trajectories, ratio: float
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Beta with its interval, and the pairs of losses it is fitted to: one per mixture, seed and switch."""
    mixtures = {"natural": context.rules.prior, "uniform": context.rules.uniform}
    runs = [
        Run(f"{name}+{seed}", context.static(mixture), seed)
        for name, mixture in mixtures.items()
        for seed in context.seeds[: options.beta_seeds]
    ]
    proxies = learnt.granularity(options.granularity)
    rows = []
    for run, result in zip(runs, context.train(context.target, runs), strict=True):
        name = run.name.split("+")[0]
        proxy = np.flatnonzero(proxies.names == f"anchor-{name}")
        if not len(proxy):
            raise InputError(
                f"params.yaml: target.methods: beta: fitted needs the proxy anchor-{name}; add anchors to swarm.shards"
                " and anchor to kinds, or set beta to a number"
            )
        logged = dict(result.trajectory)
        for index, knot in enumerate(shared.knots(learnt, context, options)):
            losses = logged[round(knot * context.target.recipe.steps)]
            large = context.objectives[options.objective].at(losses)
            rows.append([run.name, float(knot), proxies.losses[proxy[0], index], large])
    pairs = pd.DataFrame(rows, columns=["run", "fraction", "small", "large"])
    fit = schedule_search.fit_beta(
        pairs["small"].to_numpy(), pairs["large"].to_numpy(), _mixtures(pairs), ratio,
        level=LEVEL, resamples=RESAMPLES, seed=options.seed,
    )  # fmt: skip
    return {"value": fit.value, "low": fit.low, "high": fit.high, "runs": len(runs)}, pairs


def _mixtures(pairs: pd.DataFrame) -> np.ndarray:
    """The mixture (n,) of each pair, which its run is named after: runs of one mixture are no independent evidence."""
    return pairs["run"].str.partition("+")[0].to_numpy(object)


def _shape(context: Context, training: Training) -> ModelShape:
    return ModelShape(**training.shape.model_dump(), vocab=context.corpus.vocab)


def _body(context: Context, training: Training) -> int:
    return _shape(context, training).body
