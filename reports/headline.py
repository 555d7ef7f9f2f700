"""Print the path of the report and its headline numbers after a run: python -m reports.headline."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regmix.core.errors import InputError
from regmix.core.files import read_json
from regmix.statistics import verdicts
from reports.page.formats import interval, spanned

REPORT = Path("reports/report.html")
METRICS = Path("metrics/report.json")


def headline(found: Mapping[str, Mapping[str, Any]], report: Path) -> str:
    """Four lines: the report's path, then ranking, mixture and target of one objective.

    That objective is the first with a target, or else the first. Each objective with dynamic methods adds a line.

    Raises InputError if ``found`` lacks a number.
    """
    try:
        name = next((name for name, numbers in found.items() if "target" in numbers), next(iter(found)))
        numbers = found[name]
        rank, mixture, target = numbers["regression"], numbers["mixture"], numbers.get("target")
        correlation = spanned([rank[f"spearman{edge}"] for edge in ("", "_low", "_high")], 2)
        gain = spanned([mixture[f"realised_gain{edge}"] for edge in ("", "_low", "_high")], sign=True)
        word = verdicts.ranking(numbers)
        lines = [
            f"report: {report}",
            f"{name}, regression: {rank['regressor']} has Spearman {correlation} on {tested_on(rank)}"
            + (f"; against the baseline without proxies: {word}" if word else ""),
            f"{name}, mixture: proxies at the recommended mixture gain {gain} nats per token over natural (n = "
            f"{mixture['n']} per mixture): {verdicts.realised_gain(numbers)}",
        ]
        if target:
            gap = spanned([target[f"difference{edge}"] for edge in ("", "_low", "_high")], sign=True)
            lines.append(
                f"{name}, target: {target['method']} minus natural {gap} nats per token (n = {target['n']} pairs): "
                f"{verdicts.target(numbers)}"
            )
        else:
            lines.append(f"{name}, target: none; no method of kind regmix in params.yaml aims at it")
        lines += [_switched(name, numbers["dynamic"]) for name, numbers in found.items() if "dynamic" in numbers]
    except (KeyError, StopIteration, TypeError, AttributeError) as error:
        raise InputError(f"{METRICS}: no headline numbers ({error!r}); run `dvc repro -f target_compare`") from None
    return "\n".join(lines)


def tested_on(part: Mapping[str, Any]) -> str:
    """The mixtures that a Spearman correlation was computed on."""
    return f"{part['n']} held-out mixtures" if part["split"] == "heldout" else f"{part['n']} runs out of fold"


def _switched(name: str, part: Mapping[str, Any]) -> str:
    """Every dynamic method against the best static one."""
    best = part["best_static"]
    results = []
    for method, word in verdicts.against_best_static(part).items():
        less = part["methods"][method]["less"][best]
        results.append(f"{method} {interval(less['value'], less['low'], less['high'], sign=True)}: {word}")
    return f"{name}, dynamic mixing minus {best}, nats per token (n = {part['n']} pairs): {'; '.join(results)}"


def main(metrics: Path = METRICS, report: Path = REPORT) -> None:
    for path in (metrics, report):
        if not path.is_file():
            raise InputError(f"{path}: missing; run `dvc repro` first")
    print(headline(read_json(metrics), report))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
