"""Print each objective's mixture, what to do with it, and what to do next: python -m reports.headline."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regmix.core.errors import InputError
from regmix.core.files import read_json
from regmix.evaluation.decision import decision
from reports.page.formats import plus_minus

REPORT = Path("reports/report.html")
HEADLINES, CHOSEN = Path("data/target_compare/headlines.json"), Path("data/mixture_choose")
SHOWN = 6  # heaviest domains of a mixture
NEXT = """\
page: {report}
next: change one thing, and only what depends on it runs again; a more cautious choice, in a minute or two:
  . .venv/bin/activate; dvc exp run -S mixture.risk=2 mixture_choose; dvc metrics diff --targets metrics/mixture.json"""


def headline(headlines: Mapping[str, Mapping[str, Any]], chosen: Mapping[str, Mapping[str, Any]], report: Path) -> str:
    """Two lines per objective, its mixture and the decision on it; then where the page is, and what to try next.

    Raises InputError if a number is missing.
    """
    try:
        lines = [f"{name}: {_mixture(chosen[name])}\n  {decision(headlines[name], chosen[name])}" for name in headlines]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{HEADLINES}: numbers are missing ({error!r}); run `dvc repro -f target/dvc.yaml:target_compare`"
        ) from None
    return "\n".join([*lines, NEXT.format(report=report)])


def _mixture(chosen: Mapping[str, Mapping[str, float]]) -> str:
    """The heaviest weights with their spread over refits, and the sum of the others."""
    weights, spread = chosen["weights"], chosen["spread"]
    heavy = [name for name in sorted(weights, key=lambda name: -weights[name])[:SHOWN] if weights[name] >= 0.02]
    parts = [f"{name} {plus_minus(weights[name], spread[name], 2)}" for name in heavy]
    rest = 1 - sum(weights[name] for name in heavy)
    return ", ".join(parts + ([f"others {rest:.2f}"] if rest >= 0.005 else []))


def main(headlines: Path = HEADLINES, chosen: Path = CHOSEN, report: Path = REPORT) -> None:
    for path in (headlines, chosen, report):
        if not path.exists():
            raise InputError(f"{path}: missing; run `dvc repro` first")
    numbers = read_json(headlines)
    print(headline(numbers, {name: read_json(chosen / f"{name}.json") for name in numbers}, report))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
