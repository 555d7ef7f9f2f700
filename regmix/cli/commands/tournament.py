"""regmix tournament: regressors against each other on swarms trained anywhere."""

from __future__ import annotations

import json
import math
import os
from functools import partial
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from regmix import api
from regmix.api.tournament import LISTED
from regmix.cli import options
from regmix.core.errors import InputError
from regmix.exchange.tables import RunTable, read_runs

DEFAULT = (32, 64, 128, 256)  # of which a swarm takes those that leave half of it to test, or else half its runs


def command(
    swarm: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]RATIOS,METRICS[,RATIOS,METRICS]...",
            help="The tables of a swarm, and of other runs to rank; or one table, with column patterns. Several swarms "
            "can be given.",
        ),
    ],
    proxies: Annotated[
        list[int] | None,
        typer.Option(help="How many runs to learn from; can be repeated. Default: 32, 64, 128 and 256, up to half."),
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="METRIC", help="A metric to rank by; can be repeated. Default: all.")
    ] = None,
    regressor: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(api.REGRESSORS)}; can be repeated.")
    ] = None,
    subsets: Annotated[int, typer.Option(help="Random subsets of the runs for each number of proxies.")] = 3,
    domain_columns: options.DomainColumns = None,
    metric_columns: options.MetricColumns = None,
    renormalise: options.Renormalise = False,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Rank regressors by how well they rank runs that they have not seen, for each swarm and number of proxies.

    The rank correlation is the mean over metrics and subsets; no_proxy sorts by the weight of a metric's own domain.
    """
    tables = {}
    read = partial(read_runs, domain_columns=domain_columns, metric_columns=metric_columns, renormalise=renormalise)
    for entry in swarm:
        name, groups = _named(entry, wide=domain_columns is not None and metric_columns is not None)
        if name in tables:
            raise InputError(f"{name}: two swarms have this name; write another one before =")
        tables[name] = [read(*group) for group in groups]
        typer.echo("".join(f"note: {note}\n" for table in tables[name] for note in table.notes), err=True, nl=False)
    frames = []
    for name, (runs, *others) in tables.items():
        chosen = list(runs.metrics) if metric is None else metric
        if missing := [entry for entry in chosen if entry not in runs.metrics]:
            raise InputError(f"--metric {missing[0]}: {name} has no such metric; it has {', '.join(runs.metrics)}")
        scores = api.tournament(
            runs.mixtures, runs.metrics, proxies or _counts(runs), regressor or LISTED,
            objective=dict.fromkeys(chosen, 1), tested=next(((o.over(runs), o.metrics) for o in others), None),
            subsets=subsets, seed=seed, workers=min(os.cpu_count() or 1, 8),
        )  # fmt: skip
        frames.append(scores.assign(swarm=name, metrics=len(chosen), runs=len(runs.mixtures)))
    table = pd.concat(frames, ignore_index=True)
    if as_json:
        typer.echo(json.dumps(json.loads(table.to_json(orient="records", double_precision=6)), indent=1))
    else:
        typer.echo("\n".join(line for _, own in table.groupby("swarm", sort=False) for line in (*_lines(own), "")))


def _named(text: str, wide: bool) -> tuple[str, list[list[Path]]]:
    """A swarm's name, by default that of its tables' folder, and its one or two pairs of tables, or its ``wide`` one.

    Raises InputError.
    """
    name, _, files = text.rpartition("=")
    paths = [Path(part) for part in files.split(",") if part]
    if len(paths) not in (2, 4) and not (wide and len(paths) == 1):
        raise InputError(f"{text}: expected RATIOS,METRICS, or one table and both --domain-columns and "
                         "--metric-columns; for example ours=ratios.csv,metrics.csv")  # fmt: skip
    return name or paths[0].resolve().parent.name, [paths[i : i + 2] for i in range(0, len(paths), 2)]


def _counts(runs: RunTable) -> list[int]:
    half = len(runs.mixtures) // 2
    return [count for count in DEFAULT if count <= half] or [half]


def _lines(table: pd.DataFrame) -> list[str]:
    """A swarm's table: the best by its largest number of proxies first, rank correlation and regret."""
    first = table.iloc[0]
    counts = list(dict.fromkeys(table["proxies"]))
    wide = table.pivot(index="regressor", columns="proxies", values=["spearman", "regret"])
    order = wide["spearman"][counts[-1]].sort_values(ascending=False, kind="stable").index
    width = max(map(len, order))
    lines = [
        f"{first['swarm']}: {first['runs']} runs, {first['metrics']} metric{'s' * int(first['metrics'] > 1)}; rank "
        "correlation on runs not seen (regret of the best, in standard deviations), by proxies",
        f"{'':{width}}" + "".join(f"{count:>15}" for count in counts),
    ]
    for name in order:
        cells = [_cell(wide.loc[name, ("spearman", count)], wide.loc[name, ("regret", count)]) for count in counts]
        lines.append(f"{name:{width}}" + "".join(f"{cell:>15}" for cell in cells))
    return lines


def _cell(rank: float, regret: float) -> str:
    return "–" if math.isnan(rank) else f"{rank:.3f} ({regret:.2f})"
