"""regmix compare: candidate mixtures against each other, by fits to all runs and by the runs trained at them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from regmix import api
from regmix.cli import options
from regmix.cli.question import Question
from regmix.cli.shared import expanded
from regmix.core.errors import InputError
from regmix.exchange.blend import read_blend
from regmix.statistics.digits import decimals


@expanded
def command(
    question: Question,
    mixture: Annotated[
        list[Path],
        typer.Option("--mixture", help="JSON of `regmix recommend --json`, or weights by domain; can be repeated."),
    ],
    as_json: options.Json = False,
) -> None:
    """Compare mixtures by prediction, and with the runs trained on them.

    Train the recommended mixture, add it to RATIOS and METRICS, and see whether it was worth it. The prior is
    compared too.
    """
    inputs = question.inputs()
    domains = list(inputs.runs.mixtures)
    rows = {"prior": dict(zip(domains, inputs.region.prior.tolist(), strict=True))}
    for path in mixture:
        (phase, *others) = read_blend(path).phases
        if others:
            raise InputError(f"{path}: is a schedule, which static runs cannot predict; give a single mixture")
        if unknown := [name for name in phase.weights if name not in domains]:
            raise InputError(
                f"{path}: has a weight for {unknown[0]!r}, which is in no run; its domains must be those of RATIOS"
            )
        if path.stem in rows:
            raise InputError(f"--mixture {path}: another is named {path.stem} too; rename one of the files")
        rows[path.stem] = {name: float(phase.weights.get(name, 0.0)) for name in domains}
    table = api.compare_mixtures(
        inputs.runs.mixtures, inputs.losses, pd.DataFrame(rows).T, objective=inputs.aim,
        worst_case=question.worst_case, seed=question.seed,
    )  # fmt: skip
    faults = [inputs.region.broken(np.array([row[name] for name in domains])) for row in rows.values()]
    table["breaks"] = pd.Series(faults, table.index, dtype=object)
    if as_json:
        typer.echo(json.dumps(json.loads(table.to_json(orient="index", double_precision=15)), indent=1))
    else:
        notes = [f"note: {name}: breaks a constraint: {fault}" for name, fault in table["breaks"].items() if fault]
        typer.echo("\n".join([*notes, *_lines(table)]))


def _lines(table: pd.DataFrame) -> list[str]:
    """The best first, with what it gains over the prior."""
    width = max(len(name) for name in [*table.index, "mixture"])
    places = decimals(float(((table["high"] - table["low"]) / 2).max()))
    lines = [f"{'mixture':{width}}  {'predicted':18}gain over the prior      trained"]
    for name, row in table.sort_values("predicted").iterrows():
        lines.append(f"{name!s:{width}}  {_predicted(row, places):18}{_gain(row, places):25}{_trained(row, places)}")
    return lines


def _predicted(row: Any, places: int) -> str:
    return f"{row['predicted']:.{places}f} ± {row['sd']:.{places}f}"


def _gain(row: Any, places: int) -> str:
    if row["low"] == row["high"]:
        return "–"
    return f"{row['gain']:.{places}f} [{row['low']:.{places}f}, {row['high']:.{places}f}]"


def _trained(row: Any, places: int) -> str:
    """The mean of the runs at the mixture, or how far the nearest run is."""
    if not row["trained"]:
        return f"no; nearest run {row['distance']:.2f} away"
    count = int(row["trained"])
    return f"{row['realised']:.{places}f} in {count} run{'s' * (count > 1)}"
