"""regmix propose: the next mixtures to train, and whether another round pays."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from regmix import api
from regmix.cli import options
from regmix.cli.commands.export import write_files
from regmix.cli.question import Question
from regmix.cli.shared import expanded
from regmix.core.errors import InputError
from regmix.exchange.blend import Blend, Phase
from regmix.exchange.write import export

FORMATS = ("csv", "olmix", "regmix")


@expanded
def command(
    question: Question,
    count: Annotated[int, typer.Option(help="Mixtures to propose.", min=1)] = 8,
    noise: Annotated[
        float | None, typer.Option(help="Standard deviation of the objective over repeated runs of one mixture.")
    ] = None,
    to: Annotated[
        str, typer.Option(help=f"Format: one of {', '.join(FORMATS)}; all but csv write one file per run.")
    ] = "csv",
    out: options.Out = Path(),
    paths: options.Paths = "data/{domain}",
    as_json: options.Json = False,
) -> None:
    """Propose mixtures to train next, where the expected gain is highest, and say whether to continue.

    Train a run at each, add the rows to RATIOS and METRICS, and ask again or `regmix recommend`.
    """
    if to not in FORMATS:
        raise InputError(f"--to: {to!r} is not one of {', '.join(FORMATS)}; use one of these")
    if noise is not None and not (math.isfinite(noise) and noise > 0):
        raise InputError(f"--noise: {noise:g}: must be above 0")
    inputs = question.inputs()
    arguments = dict(inputs.arguments)
    table = api.propose(inputs.runs.mixtures, inputs.losses, count, arguments.pop("prior"), **arguments)
    gain = api.recommend(inputs.runs.mixtures, inputs.losses, **inputs.arguments).expected_gain
    domains = list(inputs.runs.mixtures)
    table.insert(0, "run", _names(list(inputs.runs.mixtures.index), count))
    files = _files(table, domains, to, paths)
    if as_json:
        rows = json.loads(table.to_json(orient="records", double_precision=15))
        typer.echo(json.dumps({"gain_of_another_round": gain, "noise": noise, "proposals": rows}, indent=1))
    else:
        typer.echo("\n".join([_outlook(gain, noise), "", *_lines(table, domains)]))
    write_files(files, out)


def _names(existing: list[str], count: int) -> list[str]:
    """Names that no run has yet."""
    taken, number = set(existing), 0
    names: list[str] = []
    while len(names) < count:
        name = f"proposal-{number}"
        if name not in taken:
            names.append(name)
        number += 1
    return names


def _files(table: pd.DataFrame, domains: list[str], to: str, paths: str) -> dict[str, str]:
    if to == "csv":
        return {"proposals.csv": table[["run", *domains]].to_csv(index=False, lineterminator="\n")}
    files = {}
    for row in table.to_dict("records"):
        blend = Blend((Phase({name: float(row[name]) for name in domains}),), paths=paths, about=f"{row['run']}.")
        (text,) = export(blend, to).values()
        files[f"{row['run']}.yaml"] = text
    return files


def _outlook(gain: float, noise: float | None) -> str:
    """Whether another round can gain more than a comparison of two runs can tell."""
    least = f"another round is expected to gain at most {gain:.2g}"
    if noise is None:
        return f"{least}; give --noise to see whether that is worth it"
    floor = noise * math.sqrt(2)
    return f"{'continue' if gain > floor else 'stop'}: {least}, and a comparison of two runs has a noise of {floor:.2g}"


def _lines(table: pd.DataFrame, domains: list[str]) -> list[str]:
    """A line for each proposal: its largest weights, and the objective predicted."""
    lines = []
    for row in table.to_dict("records"):
        largest = sorted(domains, key=lambda name: -row[name])[:4]
        weights = ", ".join(f"{name} {row[name]:.2f}" for name in largest if row[name] >= 0.005)
        lines.append(f"{row['run']}: {weights}; predicted {row['predicted']:.3f} ± {row['sd']:.3f}")
    return lines
