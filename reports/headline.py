"""Print the path of the report and the chosen mixtures with their evidence: python -m reports.headline."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regmix.core.errors import InputError
from regmix.core.files import read_json
from regmix.core.objective import NATS
from regmix.statistics.digits import leading
from reports.page.formats import fixed, listed, plus_minus

REPORT = Path("reports/report.html")
MIXTURE, SUMMARY = Path("metrics/mixture.json"), Path("metrics/summary.json")
RIVALS = {"natural": "natural", "uniform": "uniform", "own": "own domains", "single": "best single domain",
          "one_shot": "one-shot", "best_proxy": "best proxy"}  # fmt: skip


def headline(found: Mapping[str, Mapping[str, Any]], mixture: Mapping[str, Mapping[str, Any]], report: Path) -> str:
    """The report's path, then two lines per objective: its mixture, and how its targets or proxies do with it.

    Raises InputError if a number is missing.
    """
    lines = [f"report: {report}"]
    try:
        for name, row in found.items():
            lines.append(f"{name}: {weights(mixture[name])}")
            differences = rivals(row)
            if differences:
                parts = [f"{RIVALS[rival]} {value}" for rival, value in differences.items()]
                lines.append(f"  targets, {unit(row)}, minus {listed(parts)}: {row['verdict']}")
            else:
                lines.append(f"  no target; proxies gain {fixed(row['gain_realised'], 3)} {unit(row)} over natural")
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{SUMMARY}: numbers are missing ({error!r}); run `dvc repro -f target/dvc.yaml:target_compare`"
        ) from None
    return "\n".join(lines)


def unit(row: Mapping[str, Any]) -> str:
    return str(row.get("unit", NATS))


def weights(mixture: Mapping[str, Mapping[str, float]], least: float = 0.02) -> str:
    """The weights from ``least`` on, largest first."""
    return ", ".join(f"{domain} {weight:.2f}" for domain, weight in mixture["weights"].items() if weight >= least)


def rivals(row: Mapping[str, Any]) -> dict[str, str]:
    """The differences from each rival with half an interval."""
    names = [key for key in row if key.startswith("minus_") and not key.endswith("_ci")]
    return {key.removeprefix("minus_"): _measured(row[key], row[f"{key}_ci"]) for key in names}


def _measured(value: float, half: float | None) -> str:
    return plus_minus(value, half, leading(half)) if half else fixed(value)


def main(summary: Path = SUMMARY, mixture: Path = MIXTURE, report: Path = REPORT) -> None:
    for path in (summary, mixture, report):
        if not path.is_file():
            raise InputError(f"{path}: missing; run `dvc repro` first")
    print(headline(read_json(summary), read_json(mixture), report))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
