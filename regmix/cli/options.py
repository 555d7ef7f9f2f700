"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regmix.exchange.write import formats

Ratios = Annotated[Path, typer.Argument(help="Mixtures by run: CSV, TSV or Parquet with a column `run`.")]
Metrics = Annotated[
    Path | None, typer.Argument(help="Losses or scores by run; without it RATIOS has both.", show_default=False)
]
Objective = Annotated[
    list[str] | None,
    typer.Option(metavar="METRIC[=WEIGHT]", help="What to minimise; can be repeated. Default: all metrics equally."),
]
Higher = Annotated[
    list[str] | None, typer.Option(metavar="METRIC", help="A metric where higher is better; can be repeated.")
]
WorstCase = Annotated[
    bool, typer.Option("--worst-case", help="Minimise the largest excess of a metric over its best run's.")
]
Limit = Annotated[list[str] | None, typer.Option(metavar="METRIC=VALUE", help="A value that a metric must not exceed.")]
Prior = Annotated[
    list[str] | None,
    typer.Option(metavar="DOMAIN=SHARE|FILE", help="What to compare with. Default: --available, or the mean run."),
]
Tokens = Annotated[float | None, typer.Option(help="Tokens of the real training, such as 100e9.")]
Available = Annotated[
    list[str] | None, typer.Option(metavar="DOMAIN=TOKENS|FILE", help="Tokens available in each domain.")
]
MaxEpochs = Annotated[
    float | None, typer.Option(help="Most passes over a domain's available tokens. Default: 4.", show_default=False)
]
Bound = Annotated[list[str] | None, typer.Option(metavar="DOMAIN=WEIGHT|FILE", help="The largest weight of a domain.")]
Constraints = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Floors, ceilings, groups, ratios and more, as YAML: docs/constraints.md."),
]
DomainColumns = Annotated[str | None, typer.Option(metavar="PATTERN", help="Columns of weights, such as 'mix/*'.")]
MetricColumns = Annotated[str | None, typer.Option(metavar="PATTERN", help="Columns of metrics, such as 'eval/*'.")]
Renormalise = Annotated[bool, typer.Option("--renormalise", help="Scale each run's weights to sum to 1.")]
Candidates = Annotated[int, typer.Option(help="Random mixtures scored, before those around the best.")]
Seed = Annotated[int, typer.Option(help="Seed of candidates, refits and folds.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Page = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page of it, HTML in one file.")]
Out = Annotated[Path, typer.Option(help="Folder for the files of --to.", file_okay=False)]
Paths = Annotated[str, typer.Option(help="Where a domain's data is, {domain} standing for its name.")]
Documents = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DOMAIN=TOKENS|FILE", help="Mean tokens per document by domain, for trainers that draw documents."
    ),
]
To = Annotated[list[str], typer.Option("--to", help=f"Format; can be repeated. One of {', '.join(formats())}.")]
MaybeTo = Annotated[
    list[str] | None, typer.Option("--to", help=f"Write the mixture for a trainer. One of {', '.join(formats())}.")
]
