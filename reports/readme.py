"""The result table of the README, from the committed metrics: python -m reports.readme prints it.

A test compares the README with it, so the README always shows the run in dvc.lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regmix.core.files import read_json
from regmix.core.objective import NATS
from reports.headline import RIVALS, rivals, unit, weights
from reports.page.formats import fixed

METRICS = Path("metrics")


def objectives(found: Mapping[str, Mapping[str, Any]], mixture: Mapping[str, Mapping[str, Any]]) -> str:
    """One row per objective: the leading weights, the ranking of unseen mixtures, and the targets against rivals."""
    titles = ["objective", "chosen mixture", "ρ", *(f"minus {rival}" for rival in RIVALS.values())]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for name, row in found.items():
        differences = rivals(row)
        leading = ", ".join(weights(mixture[name], 0.03).split(", ")[:4])
        cells = [name if unit(row) == NATS else f"{name}, {unit(row)}", leading, fixed(row["spearman"], 2)]
        lines.append(f"| {' | '.join([*cells, *(differences.get(rival, '–') for rival in RIVALS)])} |")
    return "\n".join(lines)


def table(folder: Path = METRICS) -> str:
    return objectives(read_json(folder / "summary.json"), read_json(folder / "mixture.json"))


if __name__ == "__main__":
    print(table())
