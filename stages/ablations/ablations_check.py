"""Check ablations/params.yaml before any work. Not a stage: it writes nothing."""

from __future__ import annotations

from regmix.ablations.audit import audit_of
from regmix.ablations.settings import Ablations, size_training, spell, world_params
from regmix.checks import plug_ins
from regmix.core.errors import InputError
from regmix.params import Params
from stages.run import run


def ablations_check(params: Params, settings: Ablations) -> None:
    """Raise InputError if a world, an arm or a size names something unknown."""
    worlds = {name: world_params(params, settings, name) for name in settings.worlds}
    for name, own in worlds.items():
        plug_ins.check(own, plug_ins.OPTIONS)  # an arm has methods of its own, and leaves out what cannot work
        for fits in settings.worlds[name].fits:
            for regressor in set(fits.regressor) - set(own.regressors):
                raise InputError(f"ablations/params.yaml: worlds.{name}.fits: unknown regressor {regressor!r}")
    methods = sum(len(group) for name, arm in settings.arms.items()
                  for group in spell(worlds[arm.world], settings, name).methods.values())  # fmt: skip
    for size in settings.ranks.sizes:
        for budget in settings.ranks.budgets:
            size_training(params, settings, size, budget)
    domains = len(params.corpus.trained)
    learnt = params.swarm.learnt(params.swarm.learn_from, domains)
    sizes = [module.size(options, learnt, domains) for module, options in
             (audit_of(settings, name) for name in settings.audits)]  # fmt: skip
    proxies, targets = (sum(getattr(size, part) for size in sizes) for part in ("proxies", "targets"))
    print(
        f"ablations: {len(worlds)} swarms, {methods} methods in {len(settings.arms)} arms; {len(sizes)} audits, with "
        f"{proxies:.0f} proxies and {targets:.0f} targets at most"
    )


if __name__ == "__main__":
    run(ablations_check)
