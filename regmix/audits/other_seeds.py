"""Do the gains of `phases` last on other seeds of the targets? A gain found among many may be chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from regmix.ablations.audit import Audit, Size
from regmix.ablations.bench import Bench
from regmix.audits import phases
from regmix.core.settings import Count


class Options(phases.Options):
    first_seed: Count  # of the targets, counted from the first of params.yaml's methods; `seeds` can exceed theirs

    def _faults(self) -> Iterator[str]:
        yield from super()._faults()
        if self.budget != 1:
            yield f"budget = {self.budget:g}: must be 1; another one comes with the methods' seeds"


def size(options: Options, learnt: int, domains: int) -> Size:
    return phases.size(options, learnt, domains)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective."""
    first = bench.context.seeds[0] + options.first_seed
    context = dataclasses.replace(bench.context, seeds=range(first, first + options.seeds))
    again = phases.audit(dataclasses.replace(bench, context=context), options)
    says = f"on {options.seeds} other seeds of the targets"
    return Audit(tuple(dataclasses.replace(one, says=f"{one.says}, {says}") for one in again.answers), again.tables)
