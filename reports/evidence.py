"""The verdicts on audits and on the papers' claims as the tables of docs/evidence.md: python -m reports.evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regmix.core.files import read_json

AUDITS, CLAIMS = Path("metrics/audits.json"), Path("metrics/ablations.json")
Rows = Sequence[Mapping[str, Any]]


def audits(rows: Rows) -> str:
    """The rows of metrics/audits.json as Markdown."""
    return _table("audit | statement | here | verdict", [
        (row["audit"].replace("_", " "), row["says"], row["here"], f"**{row['verdict']}**") for row in rows
    ])  # fmt: skip


def claims(rows: Rows) -> str:
    """The rows of metrics/ablations.json as Markdown."""
    return _table("paper | claim | here | verdict", [
        (f"{row['paper']}, {row['place']}", row["says"], row["found"], f"**{row['verdict']}**") for row in rows
    ])  # fmt: skip


def _table(head: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {head} |", "|---|---|---|---|", *(f"| {' | '.join(cells)} |" for cells in rows)]
    return "\n".join(lines)


if __name__ == "__main__":
    print(audits(read_json(AUDITS)), claims(read_json(CLAIMS)), sep="\n\n")
