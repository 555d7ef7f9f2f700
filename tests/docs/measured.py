"""The numbers that the README and the documentation state: python -m tests.docs.measured takes those of the last run.

They are copies in docs/measured, so that a user's own run or benchmark makes no test fail. The tables of the pages are
written from them; the sentences are compared with them by tests/house/test_readme.py.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from reports import evidence, readme
from tests.paths import ROOT

FOLDER = ROOT / "docs/measured"
TAKEN = {name: ROOT / f"metrics/{name}.json" for name in ("summary", "mixture", "audits", "ablations")}
TAKEN["benchmarks"] = ROOT / "benchmarks/results.json"


def measured(name: str, folder: Path = FOLDER) -> Any:
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def tables() -> dict[Path, list[str]]:
    """The tables of each page."""
    return {
        ROOT / "docs/evidence.md": [
            readme.objectives(measured("summary"), measured("mixture")),
            evidence.audits(measured("audits")),
        ],
        ROOT / "docs/papers.md": [evidence.claims(measured("ablations"))],
    }


def replaced(page: str, table: str) -> str:
    """``page`` with ``table`` in place of its first table with the same head."""
    start = page.index(table.partition("\n")[0])
    return page[:start] + table + page[page.index("\n\n", start) :]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, path in TAKEN.items():
        shutil.copy(path, FOLDER / f"{name}.json")
    for page, all_tables in tables().items():
        text = page.read_text(encoding="utf-8")
        for table in all_tables:
            text = replaced(text, table)
        page.write_text(text, encoding="utf-8")
