"""RegMix-D, offline (Algorithm 1): a schedule from the proxies' trajectories, made before the target trains."""

from regmix import dynamic
from regmix.methods import _regmix_d
from regmix.methods._interface import Context, Plan


class Options(_regmix_d.Options):
    """See ``regmix.methods._regmix_d.Options``."""


def plan(context: Context, options: Options) -> Plan:
    tables = _regmix_d.tables(context, options)
    known = _regmix_d.learnt(tables, context.domains, context.objectives[options.objective])
    model = _regmix_d.fit(known, options, _regmix_d.regressor(context, options))
    knots = _regmix_d.knots(known, context, options)
    schedule, queries = dynamic.offline(model, _regmix_d.search(context, options), dynamic.first_loss(model), knots)
    if said := _regmix_d.outside(queries):
        context.warn(f"regmix_d_offline: {said}")
    return Plan(schedule, facts={"queries": queries}, spent=[_regmix_d.cost(context, tables)])
