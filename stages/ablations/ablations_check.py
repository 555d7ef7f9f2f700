"""Check ablations/params.yaml before any work. Not a stage: it writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from regmix.ablations.audit import audit_of
from regmix.ablations.settings import FILE, Ablations, size_training, spell, variant_params, with_steps
from regmix.checks import plug_ins
from regmix.core.errors import InputError
from regmix.core.faults import refuse, unknown
from regmix.params import Params
from stages.common.run import run


def ablations_check(params: Params, settings: Ablations) -> None:
    """Raise InputError if a variant, a comparison, a size or an audit names something unknown."""
    variants = {name: variant_params(params, settings, name) for name in settings.variants}
    for name, own in variants.items():
        plug_ins.check(own, plug_ins.OPTIONS)  # a comparison has methods of its own, and leaves out what cannot work
        for fits in settings.variants[name].fits:
            for regressor in set(fits.regressor) - set(own.regressors):
                raise InputError(f"{FILE}: variants.{name}.fits: unknown regressor {regressor!r}")
    methods = sum(len(group) for name, comparison in settings.comparisons.items()
                  for group in spell(variants[comparison.variant], settings, name).methods.values())  # fmt: skip
    for size in settings.ranks.sizes:
        for budget in settings.ranks.budgets:
            size_training(params, settings, size, budget)
    domains = len(params.corpus.trained)
    learnt = params.swarm.learnt(params.swarm.learn_from, domains)
    audits = {name: audit_of(settings, name) for name in settings.audits}
    for name, (_, options) in audits.items():
        for training in (params.proxy, params.target):
            with_steps(training, getattr(options, "budget", 1), f"audits.{name}.budget")
    refuse((line for name, (_, options) in audits.items() for line in _named(params, options, f"audits.{name}")), FILE)
    sizes = [module.size(options, learnt, domains) for module, options in audits.values()]
    proxies, targets = (sum(getattr(size, part) for size in sizes) for part in ("proxies", "targets"))
    print(
        f"ablations: {len(variants)} swarms, {methods} methods in {len(settings.comparisons)} comparisons; "
        f"{len(sizes)} audits, with {proxies:.0f} proxies and {targets:.0f} targets at most"
    )


def _named(params: Params, options: BaseModel, key: str) -> Iterator[str]:
    """A fault for each name in an audit's options that params.yaml lacks; the field says what is named."""
    methods, objectives = (params.target.methods, "method"), (params.objectives, "objective")
    sections: Mapping[str, tuple[Mapping[str, Any], str]] = {
        "methods": methods, "baseline": methods, "objective": objectives, "objectives": objectives,
        "regressor": (params.regressors, "regressor"), "regressors": (params.regressors, "regressor"),
    }  # fmt: skip
    for field, value in options:
        if isinstance(value, BaseModel):
            yield from _named(params, value, f"{key}.{field}")
        elif field in sections:
            yield from unknown(value, sections[field][0], f"{key}.{field}", sections[field][1])


if __name__ == "__main__":
    run(ablations_check)
