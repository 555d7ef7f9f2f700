"""regmix recommend: a mixture from tables of runs, how certain it is, and files for trainers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pandas as pd
import typer

from regmix import api
from regmix.cli import options
from regmix.cli.commands.export import write, write_files
from regmix.cli.explore import explorer
from regmix.cli.page import LISTED, aimed_at, metric_rows, render
from regmix.cli.pairs import pairs
from regmix.cli.question import Inputs, Question
from regmix.cli.shared import expanded
from regmix.core.forked import mapped
from regmix.exchange.blend import FACTS, Blend, Phase
from regmix.exchange.write import export, versions
from regmix.statistics.digits import decimals

COMPARED = (*api.ENSEMBLE, "lightgbm", "ridge")


@expanded
def command(
    question: Question,
    to: options.MaybeTo = None,
    out: options.Out = Path(),
    page: options.Page = None,
    paths: options.Paths = "data/{domain}",
    document_tokens: options.Documents = None,
    as_json: options.Json = False,
) -> None:
    """Recommend a mixture from runs trained anywhere, with intervals and a verdict.

    RATIOS and METRICS are olmix's or RegMix's pair of tables; one table with column patterns will do.
    """
    inputs = question.inputs()
    blend = Blend(
        (Phase({name: 1 / len(inputs.runs.mixtures.columns) for name in inputs.runs.mixtures}),),
        tokens=inputs.constraints.get("for_tokens"), paths=paths, available=inputs.constraints.get("available_tokens"),
        document_tokens=pairs(document_tokens, "--document-tokens"),
    )  # fmt: skip
    for form in to or ():
        export(blend, form)  # reports faults of the options before minutes of work
    tables = inputs.runs.mixtures, inputs.losses
    judged: dict[str, Any] = {
        "objective": inputs.aim, "resamples": 200, "seed": question.seed, "worst_case": question.worst_case,
    }  # fmt: skip
    both: list[Callable[[], Any]] = [
        lambda: api.recommend(*tables, **inputs.arguments),
        lambda: api.compare(*tables, COMPARED, **judged),
    ]
    recommendation, compared = mapped(lambda work: work(), both, workers=2)
    ranks = compared["spearman"]
    weights = {name: float(weight) for name, weight in recommendation.weights.items()}
    blend = replace(blend, phases=(Phase(weights),), about=f"regmix recommend: {_sentence(recommendation)}.")
    result = _result(recommendation, inputs, ranks, blend)
    typer.echo(json.dumps(result, indent=1) if as_json else _text(result, inputs.notes))
    write(replace(blend, facts={name: result[name] for name in FACTS}), to or [], out)
    if page is not None:
        explored = explorer(inputs, recommendation, paths)
        write_files({page.name: render(result, inputs.notes, explored)}, page.parent)


def _sentence(recommendation: api.Recommendation) -> str:
    digits = decimals((recommendation.gain.high - recommendation.gain.low) / 2)
    value, low, high = (f"{part:.{digits}f}" for part in recommendation.gain)
    gain = f"predicted gain over the prior {value} ({recommendation.level:.0%} interval {low} to {high})"
    reason = {
        "use it": f"{gain}, within what the runs cover",
        "extrapolates": f"{gain}, but farther from the runs than they are from each other; train a run there first",
        "cannot be told from the prior": gain,
    }[recommendation.decision]
    return f"{recommendation.decision}: {reason}"


def _result(recommendation: api.Recommendation, inputs: Inputs, ranks: pd.Series, blend: Blend) -> dict[str, Any]:
    z = NormalDist().inv_cdf((1 + recommendation.level) / 2)
    return {
        "decision": recommendation.decision,
        "about": blend.about,
        "unit": "share of training tokens",
        "weights": {name: float(weight) for name, weight in recommendation.weights.items()},
        "spread": {name: float(value) for name, value in recommendation.spread.items()},
        "prior": {name: float(share) for name, share in recommendation.prior.items()},
        "bounds": {name: float(most) for name, most in recommendation.bounds.items() if most < 1} or None,
        "constraints": inputs.constraints,
        "tokens": blend.tokens,
        "available_tokens": blend.available,
        "objective": inputs.aim,
        "gain_predicted": recommendation.gain.to_json(),
        "gain_realised": None,  # train a target at the mixture and one at the prior
        "metrics": {
            str(name): {"predicted": sign * row["predicted"], "half_interval": z * row["sd"],
                        "at_prior": sign * row["prior"], "higher_is_better": bool(sign < 0)}
            for name, row in recommendation.losses.iterrows() for sign in [float(inputs.signs[str(name)])]
        },
        "gain_of_another_round": None if math.isnan(recommendation.expected_gain) else recommendation.expected_gain,
        "distance": {"nearest_run": recommendation.distance, "typical": recommendation.typical_distance},
        "regressors": {name: None if math.isnan(value) else round(float(value), 4) for name, value in ranks.items()},
        "runs": len(inputs.runs.mixtures),
        "versions": versions(),
    }  # fmt: skip


def _text(result: dict[str, Any], notes: tuple[str, ...]) -> str:
    lines = [*(f"note: {note}" for note in notes), result["about"].removeprefix("regmix recommend: ")]
    lines += [aimed_at(result["objective"]), ""]
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
        weight, share = (sum(result[column][name] for name in rest) for column in ("weights", "prior"))
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
    lines += [f"{name:{width}}  {predicted:18}{prior}" for name, predicted, prior in metric_rows(metrics)[:10]]
    return lines + ([f"and {len(metrics) - 10} more in --json"] if len(metrics) > 10 else [])
