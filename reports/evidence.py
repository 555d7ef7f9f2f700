"""The audits' verdicts as the table of docs/evidence.md: python -m reports.evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regmix.core.files import read_json

METRICS = Path("metrics/audits.json")


def table(audits: Sequence[Mapping[str, Any]]) -> str:
    """The rows of metrics/audits.json as Markdown."""
    lines = ["| audit | statement | here | verdict |", "|---|---|---|---|"]
    for row in audits:
        cells = (row["audit"].replace("_", " "), row["says"], row["here"], f"**{row['verdict']}**")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(read_json(METRICS)))
