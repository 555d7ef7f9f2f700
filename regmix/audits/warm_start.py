"""Does RegMix-D win in its strongest form, from the rounds' mixture and by proxies that switch too?

The paper trains the first segment on the human mixture and asks its regressor about what no proxy had, a past of other
mixtures; for an objective whose mixture is far from natural its loss is partly built in. Where it has further proxies
that switch, it is compared with a static mixture chosen by as many further proxies, those of static rounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Size
from regmix.ablations.bench import Bench, Targets
from regmix.audits.exposure import averages
from regmix.audits.phases import static_round
from regmix.core import plugins
from regmix.core.runs import Runs
from regmix.core.settings import Count, Name, Strict
from regmix.engine import results
from regmix.engine.run import Run
from regmix.sampling.shards import shard_runs
from regmix.target.interface import Context, Proxies


class Options(Strict):
    methods: Annotated[list[Name], Field(min_length=1)]  # of a kind of RegMix-D, in params.yaml's target.methods
    switched: Count  # proxies that change their mixture
    proposals: Count  # proxies per static round; as many rounds as make up for those that switch
    objectives: Annotated[list[Name], Field(min_length=1)]  # of the static rounds: those of `phases`, to share its runs
    seeds: Count  # at most target.seeds

    def _faults(self) -> Iterator[str]:
        if self.switched % self.proposals:
            yield f"switched = {self.switched}: must be a multiple of proposals ({self.proposals})"


def size(options: Options, learnt: int, domains: int) -> Size:
    return Size(2 * options.switched, (4 * len(options.methods) + 1) * options.seeds)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown method."""
    more = _with_switched(bench.context, options.switched)
    by_more = _with_rounds(bench, options)
    rows, answers = [], []
    for name in options.methods:
        bench.targets_of(name)
        entry = bench.methods[name]
        module = plugins.load("methods", entry.kind, f"target.methods.{name}.kind")
        defaults = entry.extras
        aim = defaults["objective"]
        fair = bench.static_targets(bench.choose(by_more, [aim])[aim], options.seeds)
        for start, context, kinds, static, what in (
            ("from the rounds' mixture", bench.context, defaults["kinds"], bench.targets_of(f"regmix_{aim}"),
             "that mixture, static"),
            ("from the rounds' mixture, by proxies that switch too", more, [*defaults["kinds"], "switched"], fair,
             "a static mixture chosen by as many proxies"),
        ):  # fmt: skip
            warm = _from(context, context.recommended[aim])
            trained = _targets(warm, module, defaults | {"kinds": kinds}, options.seeds)
            average = bench.target_runs(averages(trained.ledger, bench.context.domains))
            rivals = {"static": static, "time average": average, "from natural": bench.targets_of(name)}
            differences = {rival: bench.minus(trained, other, aim) for rival, other in rivals.items()}
            rows += [[name, start, rival, *spread] for rival, spread in differences.items()]
            answers += [
                Answer.below(f"{name} {start}: better than {what}",
                             {"minus RegMix": differences["static"]}),
                Answer.below(f"{name} {start}: better than its own time average, static",
                             {"minus average": differences["time average"]}),
            ]  # fmt: skip
    columns = ["method", "start", "minus", "mean", "sd", "n", "low", "high"]
    return Audit(tuple(answers), {"differences": pd.DataFrame(rows, columns=columns)})


def _with_rounds(bench: Bench, options: Options) -> Runs:
    """The swarm's proxies and as many further ones, in static rounds, as there are proxies that switch."""
    runs = bench.learnt
    for number in range(options.switched // options.proposals):
        runs = static_round(bench, runs, options.objectives, options.proposals, f"static-{number}")
    return runs


def _from(context: Context, mixture: np.ndarray) -> Context:
    """The context in which ``mixture`` (K,) stands in for natural, from which RegMix-D starts and draws."""
    return replace(context, rules=replace(context.rules, region=replace(context.rules.region, prior=mixture)))


def _with_switched(context: Context, count: int) -> Context:
    """The context whose swarm has ``count`` proxies more, which change their mixture."""
    proxy, swarm = context.proxy, context.swarm
    own = [int(name.removeprefix("switched-")) for name in context.sampling.shards if name.startswith("switched-")]
    after = math.ceil((max(own, default=-1) + 1) * context.sampling.per_shard / count)  # none of the swarm's own
    logged = [step / proxy.recipe.steps for step in proxy.logged_steps]
    planned = shard_runs(
        context.rules, context.sampling.model_copy(update={"per_shard": count}), f"switched-{after}", logged
    )
    runs = [Run(f"further-{run.name}", run.schedule, run.seed) for run in planned]
    run_results = context.train(proxy, runs, weights=False)
    new = results.tables(runs, ["switched"] * count, run_results)
    tables = {name: pd.concat([getattr(swarm, name), pd.DataFrame(new[name])], ignore_index=True)
              for name in ("mixtures", "losses", "schedules", "trajectories")}  # fmt: skip
    return replace(context, swarm=Proxies(**tables, meta=swarm.meta))


def _targets(context: Context, module: ModuleType, options: dict[str, Any], seeds: int) -> Targets:
    """A method's targets, planned in a context of its own."""
    checked = plugins.options(module, options, "audits: target.methods")
    plan = module.plan(context, checked)
    policy = module.policy(plan, checked, context.target) if hasattr(module, "policy") else None
    runs = [Run(f"seed-{i}", plan.schedule, seed, policy, context.rules.region.epochs)
            for i, seed in enumerate(context.seeds[:seeds])]  # fmt: skip
    return Targets.of(context.train(context.target, runs))
