"""RegMix-D, offline (Algorithm 1): a schedule from the proxies' trajectories, planned before the target trains."""

from regmix.target import regmix_d
from regmix.target.interface import Context, Plan
from regmix.trajectory import schedule_search


class Options(regmix_d.Options):
    """See ``regmix.target.regmix_d.Options``."""


faults = regmix_d.faults


def plan(context: Context, options: Options) -> Plan:
    tables = regmix_d.tables(context, options)
    proxies = regmix_d.learnt(tables, context.domains, context.objectives[options.objective])
    model = regmix_d.fit(proxies, options, regmix_d.regressor(context, options))
    knots = regmix_d.knots(proxies, context, options)
    schedule, queries = schedule_search.offline(
        model, regmix_d.search(context, options), schedule_search.first_loss(model), knots
    )
    if message := regmix_d.outside(queries):
        context.warn(f"regmix_d_offline: {message}")
    return Plan(schedule, facts={"queries": queries}, spent=[regmix_d.cost(context, tables)])
