"""The result tables of the README, from the committed metrics: python -m reports.readme prints them.

A test compares the README with them, so the README always shows the run in dvc.lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regmix.core.files import read_json
from reports.page.formats import bold, fixed, interval, plus_minus

METRICS = Path("metrics")


def objectives(found: Mapping[str, Mapping[str, Any]], mixture: Mapping[str, Mapping[str, Any]]) -> str:
    """One row per objective: the best regressor's ranking, the chosen mixture and its gains."""
    lines = [
        "| objective | best regressor, Spearman ρ held out | ρ without proxies | chosen mixture | proxies: gain over "
        "natural | targets: RegMix minus natural |",
        "|---|---|---|---|---|---|",
    ]
    for name, numbers in found.items():
        rank, mix, target = numbers["regression"], numbers["mixture"], numbers.get("target", {})
        leading = sorted(mixture[name]["weights"].items(), key=lambda item: -item[1])[:3]
        cells = [
            name,
            f"{rank['regressor']} {_with(rank, 'spearman', 2)}",
            fixed(rank["no_proxy"], 2),
            ", ".join(f"{domain} {weight:.2f}" for domain, weight in leading if weight >= 0.01),
            _with(mix, "realised_gain", 3, sign=True),
            _with(target, "difference", 3, sign=True) if target else "–",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def methods(targets: Mapping[str, Mapping[str, Any]]) -> str:
    """One row per method: its targets' losses and task score, mean and sd over seeds, the best mean in bold."""
    losses = [key for key in next(iter(targets.values())) if key.endswith("_loss")]
    tasks = [row["lm_eval"]["average"] for row in targets.values()]
    best = {key: min(row[key]["mean"] for row in targets.values()) for key in losses}
    top = max(row["mean"] for row in tasks)
    titles = ["method", *(f"{key.removesuffix('_loss')} loss" for key in losses), "lm-eval, %"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for (name, row), score in zip(targets.items(), tasks, strict=True):
        cells = [bold(plus_minus(row[key]["mean"], row[key]["sd"]), row[key]["mean"] == best[key]) for key in losses]
        cells.append(bold(f"{fixed(score['mean'], 1)} ± {fixed(score['sd'], 1)}", score["mean"] == top))
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


def tables(folder: Path = METRICS) -> tuple[str, str]:
    report, mixture, targets = (read_json(folder / f"{name}.json") for name in ("report", "mixture", "targets"))
    return objectives(report, mixture), methods(targets)


def _with(values: Mapping[str, Any], name: str, digits: int, sign: bool = False) -> str:
    return interval(values[name], values[f"{name}_low"], values[f"{name}_high"], digits, sign=sign)


if __name__ == "__main__":
    print("\n\n".join(tables()))
