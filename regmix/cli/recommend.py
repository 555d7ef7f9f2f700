"""regmix recommend: a mixture from tables of runs, how certain it is, and files for trainers."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from regmix import api
from regmix.cli.export import Available, Documents, Out, Paths, write
from regmix.cli.pairs import pairs
from regmix.core.errors import InputError
from regmix.exchange.blend import Blend, Phase
from regmix.exchange.tables import RunTable, read_runs
from regmix.exchange.write import formats
from regmix.statistics.digits import decimals

COMPARED = (*api.ENSEMBLE, "lightgbm", "ridge")
BETTER_HIGH = re.compile(r"(^|[^a-z])(acc|accuracy|acc_norm|exact_match|f1|bleu|rouge|pass)([^a-z]|$)", re.IGNORECASE)
LISTED = 0.005  # weights below it are printed together


def command(
    ratios: Annotated[Path, typer.Argument(help="Mixtures by run: CSV, TSV or Parquet with a column `run`.")],
    metrics: Annotated[
        Path | None, typer.Argument(help="Losses or scores by run; without it RATIOS has both.", show_default=False)
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC[=WEIGHT]", help="What to minimise; can be repeated. Default: all metrics alike."),
    ] = None,
    higher: Annotated[
        list[str] | None, typer.Option(metavar="METRIC", help="A metric where higher is better; can be repeated.")
    ] = None,
    worst_case: Annotated[
        bool, typer.Option("--worst-case", help="Minimise the largest excess of a metric over its best run's.")
    ] = False,
    limit: Annotated[
        list[str] | None, typer.Option(metavar="METRIC=VALUE", help="A value that a metric must not exceed.")
    ] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(metavar="DOMAIN=SHARE|FILE", help="What to compare with. Default: --available, or the mean run."),
    ] = None,
    tokens: Annotated[float | None, typer.Option(help="Tokens of the real training, such as 100e9.")] = None,
    available: Available = None,
    max_epochs: Annotated[float, typer.Option(help="Most passes over a domain's available tokens.")] = 4.0,
    bound: Annotated[
        list[str] | None, typer.Option(metavar="DOMAIN=WEIGHT|FILE", help="The largest weight of a domain.")
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option(help=f"Write it for a trainer; can be repeated. One of {', '.join(formats())}.")
    ] = None,
    out: Out = Path(),
    paths: Paths = "data/{domain}",
    document_tokens: Documents = None,
    domain_columns: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Columns of weights, such as 'mix/*'.")
    ] = None,
    metric_columns: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Columns of metrics, such as 'eval/*'.")
    ] = None,
    renormalise: Annotated[bool, typer.Option("--renormalise", help="Scale each run's weights to sum to 1.")] = False,
    candidates: Annotated[int, typer.Option(help="Random mixtures scored, before those around the best.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Of candidates, refits and folds.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Recommend a mixture from runs trained anywhere, with intervals and a verdict.

    RATIOS and METRICS are olmix's or RegMix's pair of tables; one table with column patterns will do.
    """
    runs = read_runs(
        ratios, metrics, domain_columns=domain_columns, metric_columns=metric_columns, renormalise=renormalise
    )
    signs, there = _signs(runs.metrics, higher), pairs(available, "--available")
    losses = runs.metrics * signs
    aim = _objective(objective, runs.metrics)
    limits = {name: value * signs.get(name, 1.0) for name, value in (pairs(limit, "--limit") or {}).items()}
    domains = list(runs.mixtures)
    bounds = _bounds(pairs(bound, "--bound"), there, tokens, max_epochs, domains)
    search = replace(api.SEARCH, candidates=candidates, seed=seed)
    found = api.recommend(
        runs.mixtures, losses, pairs(prior, "--prior") or there, objective=aim, bounds=bounds, search=search,
        workers=min(os.cpu_count() or 1, 8), worst_case=worst_case, limits=limits or None,
    )  # fmt: skip
    ranks = api.compare(runs.mixtures, losses, COMPARED, objective=aim, resamples=200, seed=seed)["spearman"]
    blend = Blend(
        (Phase({name: float(weight) for name, weight in found.weights.items()}),),
        tokens=None if tokens is None else int(tokens), paths=paths, available=there,
        document_tokens=pairs(document_tokens, "--document-tokens"), about=f"regmix recommend: {_sentence(found)}.",
    )  # fmt: skip
    result = _result(found, runs, aim, signs, bounds, ranks, blend)
    typer.echo(json.dumps(result, indent=1) if as_json else _text(result, runs.notes))
    write(blend, to or [], out)


def _signs(metrics: pd.DataFrame, higher: list[str] | None) -> pd.Series:
    """-1 for each metric where higher is better. Raises InputError."""
    for name in higher or ():
        if name not in metrics:
            raise InputError(f"--higher: no metric {name!r}; there are {', '.join(metrics)}")
    unsure = [name for name in metrics if BETTER_HIGH.search(name) and name not in (higher or ())]
    if unsure and higher is None:
        raise InputError(
            f"metric {unsure[0]!r}: its name says that higher is better, but lower is assumed; say --higher "
            f"{unsure[0]}, or rename the column"
        )
    return pd.Series({name: -1.0 if name in (higher or ()) else 1.0 for name in metrics})


def _objective(given: list[str] | None, metrics: pd.DataFrame) -> dict[str, float]:
    if not given:
        return dict.fromkeys(metrics, 1.0)
    named = [text if "=" in text else f"{text}=1" for entry in given for text in entry.split(",")]
    return pairs(named, "--objective") or {}


def _bounds(
    given: dict[str, float] | None, available: dict[str, float] | None, tokens: float | None, epochs: float,
    domains: list[str],
) -> dict[str, float] | None:  # fmt: skip
    """The largest weights: those given, and those with which no domain is repeated too often. Raises InputError."""
    if tokens is not None and not tokens > 0:
        raise InputError(f"--tokens: {tokens:g}: must be above 0")
    if not epochs > 0:
        raise InputError(f"--max-epochs: {epochs:g}: must be above 0")
    highest = dict(given or {})
    if available is not None and tokens is not None:
        for name in domains:
            if name not in available:
                raise InputError(f"--available: no tokens of {name!r}; give them for every domain")
            highest[name] = min(highest.get(name, 1.0), epochs * available[name] / tokens)
        total = sum(highest[name] for name in domains)
        if total < 1:
            raise InputError(
                f"--max-epochs {epochs:g}: all domains together have {sum(available.values()):.3g} tokens, which is "
                f"enough for {total:.0%} of --tokens {tokens:.3g}; allow more passes or train on fewer tokens"
            )
    return highest or None


def _sentence(found: api.Recommendation) -> str:
    digits = decimals((found.gain.high - found.gain.low) / 2)
    value, low, high = (f"{part:.{digits}f}" for part in found.gain)
    gain = f"predicted gain over the prior {value} ({found.level:.0%} interval {low} to {high})"
    reason = {
        "use it": f"{gain}, within what the runs cover",
        "extrapolates": f"{gain}, but farther from the runs than they are from each other; train a run there first",
        "cannot be told from the prior": gain,
    }[found.decision]
    return f"{found.decision}: {reason}"


def _result(
    found: api.Recommendation, runs: RunTable, aim: dict[str, float], signs: pd.Series, bounds: dict[str, float] | None,
    ranks: pd.Series, blend: Blend,
) -> dict[str, Any]:  # fmt: skip
    z = 1.959964
    return {
        "decision": found.decision,
        "about": blend.about,
        "unit": "share of training tokens",
        "weights": {name: float(weight) for name, weight in found.weights.items()},
        "spread": {name: float(value) for name, value in found.spread.items()},
        "prior": {name: float(share) for name, share in found.prior.items()},
        "bounds": bounds,
        "tokens": blend.tokens,
        "available_tokens": blend.available,
        "objective": aim,
        "gain_predicted": found.gain.to_json(),
        "gain_realised": None,  # train a target at the mixture and one at the prior
        "metrics": {
            str(name): {"predicted": sign * row["predicted"], "half_interval": z * row["sd"],
                        "at_prior": sign * row["prior"], "higher_is_better": bool(sign < 0)}
            for name, row in found.losses.iterrows() for sign in [float(signs[str(name)])]
        },
        "distance": {"nearest_run": found.distance, "typical": found.typical_distance},
        "regressors": {name: None if math.isnan(value) else round(float(value), 4) for name, value in ranks.items()},
        "runs": len(runs.mixtures),
        "versions": {name: metadata.version(name) for name in ("regmix-workbench", "numpy", "scikit-learn", "scipy")},
    }  # fmt: skip


def _text(result: dict[str, Any], notes: tuple[str, ...]) -> str:
    lines = [*(f"note: {note}" for note in notes), result["about"].removeprefix("regmix recommend: "), ""]
    order = sorted(result["weights"], key=lambda name: -result["weights"][name])
    shown = [name for name in order if result["weights"][name] >= LISTED]
    width = max(len(name) for name in [*shown, "others (00)"])
    lines.append(f"{'':{width}}  weight          prior")
    for name in shown:
        lines.append(
            f"{name:{width}}  {result['weights'][name]:5.3f} ± {result['spread'][name]:5.3f}   "
            f"{result['prior'][name]:5.3f}"
        )
    if rest := order[len(shown) :]:
        weight, share = (sum(result[what][name] for name in rest) for what in ("weights", "prior"))
        lines.append(f"{f'others ({len(rest)})':{width}}  {weight:5.3f}           {share:5.3f}")
    lines += ["", *_metric_lines(result["metrics"]), ""]
    ranks = ", ".join(f"{name} {'–' if v is None else f'{v:.2f}'}" for name, v in result["regressors"].items())
    lines.append(f"rank correlation in cross-validation, {result['runs']} runs: {ranks}")
    near = result["distance"]
    lines.append(
        f"distance to the nearest run {near['nearest_run']:.2f}; between runs {near['typical']:.2f} (L1, median)"
    )
    return "\n".join(lines)


def _metric_lines(metrics: dict[str, Any]) -> list[str]:
    """A line for each of the first ten metrics: predicted with its interval, and at the prior."""
    width = max(len(name) for name in [*metrics, "metric"])
    lines = [f"{'metric':{width}}  predicted         at the prior"]
    for name, one in list(metrics.items())[:10]:
        digits = max(0, decimals(one["half_interval"]))
        lines.append(
            f"{name:{width}}  {one['predicted']:.{digits}f} ± {one['half_interval']:.{digits}f}".ljust(width + 20)
            + f"{one['at_prior']:.{digits}f}"
        )
    return lines + ([f"and {len(metrics) - 10} more in --json"] if len(metrics) > 10 else [])
