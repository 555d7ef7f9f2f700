"""Tables of paired differences, and the texts around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from regmix.ablations.paired_targets import OBJECTIVE, Results
from regmix.evaluation.summary import Spread
from regmix.statistics.verdicts import apart_from_zero
from reports.page.formats import bold, counted, fixed, spanned
from reports.page.section import Table

Row = Mapping[str, Any]
Base = Callable[[Row], str | None]


def against(
    results: Results, name: str, caption: str, rows: Sequence[Row], labels: Mapping[str, str],
    bases: Mapping[str, tuple[Base, str]], measures: Sequence[str] = (OBJECTIVE,),
) -> Table:  # fmt: skip
    """A table of paired differences: ``labels`` are design columns by heading, ``bases`` what is subtracted.

    Each base has its name in the CSV. Bold where the interval excludes zero.
    """
    shown, values = [], []
    for row in rows:
        cells = {heading: option(row.get(key)) for heading, key in labels.items()}
        numbers: dict[str, Any] = {key: row.get(key) for key in ("id", *labels.values())}
        for measure in measures:
            for heading, (base, key) in bases.items():
                difference = results.loss_difference(str(row["id"]), base(row), measure)
                text = spanned([difference.mean, difference.low, difference.high], sign=True) if difference else "–"
                cells[f"{heading}{'' if measure == OBJECTIVE else ', mean of domains'}"] = bold(
                    text, difference is not None and apart_from_zero(difference.low, difference.high)
                )
                for part in Spread._fields:
                    numbers[f"{measure}_less_{key}_{part}"] = getattr(difference, part) if difference else float("nan")
        shown.append(cells)
        values.append(numbers)
    return Table(name, caption, pd.DataFrame(shown), pd.DataFrame(values))


def option(value: Any) -> str:
    """An option as a cell: whole numbers without a decimal point, a dash if the method does not have it."""
    if value is None or value != value:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def basis(spread: Spread | None, level: float) -> str:
    """n and the meaning of the brackets."""
    n = counted(spread.n, "seed") if spread else "nothing"
    return f"{n}, paired; {level:.0%} t interval"


def difference_text(spread: Spread | None) -> str:
    return spanned([spread.mean, spread.low, spread.high], sign=True) if spread else "not trained"


def floor(results: Results, comparison: str) -> str:
    """A clause on the seed noise of a comparison."""
    noise = results.noise(comparison)
    return f"natural's loss varies by {fixed(noise.sd)} nats between seeds (sd, n = {noise.n})"
