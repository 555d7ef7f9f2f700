"""The result table of the README, from the committed metrics: python -m reports.readme prints it.

A test compares the README with it, so the README always shows the run in dvc.lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regmix.core.files import read_json
from reports.run.answer import table as answers

METRICS = Path("metrics")


def objectives(summary: Mapping[str, Mapping[str, Any]], mixture: Mapping[str, Mapping[str, Any]]) -> str:
    """The report's first table as Markdown."""
    rows = answers(summary, mixture)
    lines = [f"| {' | '.join(row)} |" for row in [list(rows.columns), *rows.to_numpy().tolist()]]
    return "\n".join([lines[0], "|---" * len(rows.columns) + "|", *lines[1:]])


def table(folder: Path = METRICS) -> str:
    return objectives(read_json(folder / "summary.json"), read_json(folder / "mixture.json"))


if __name__ == "__main__":
    print(table())
