"""The campaign's results in docs/reliability.md: python -m tests.campaign.report writes them from results.json."""

from __future__ import annotations

import collections
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.paths import ROOT

RESULTS, PAGE = ROOT / "tests/campaign/results.json", ROOT / "docs/reliability.md"
PARTS = ("inputs", "properties", "damage", "surroundings", "sharing", "kills")
BAD = ("unclear", "wrong", "traceback", "late", "different", "failed")


def gather(home: Path, seed: int, seeds: Sequence[int]) -> dict[str, Any]:
    """Counts by part and kind, seconds by part, and kills by stage and signal, from the logs in ``home``."""
    out: dict[str, Any] = {"seeds": {"properties": seed, "kills": list(seeds)}, "parts": {}, "kills": {}}
    for part in PARTS:
        found = units(home / f"{part}.jsonl")
        kinds = collections.Counter(case["kind"] for unit in found for case in unit["cases"])
        seconds = round(sum(unit["seconds"] for unit in found))
        out["parts"][part] = {"units": len(found), "seconds": seconds, "kinds": dict(sorted(kinds.items()))}
    for case in cases(home, "kills"):
        by_signal = out["kills"].setdefault(case["stage"].split(":")[-1], {})
        by_signal.setdefault(case["signal"], []).append(case["kind"])
    return out


def write(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def units(log: Path) -> list[dict[str, Any]]:
    """The finished units of a part; a line that a kill cut short is none."""
    lines = log.read_text().splitlines(keepends=True) if log.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def cases(home: Path, part: str) -> Iterator[dict[str, Any]]:
    for unit in units(home / f"{part}.jsonl"):
        yield from unit["cases"]


def counts(results: dict[str, Any]) -> str:
    """Outcomes by part, as a Markdown table."""
    lines = []
    for part, found in results["parts"].items():
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in found["kinds"].items())
        minutes = f"{found['seconds'] / 60:.0f}" if found["seconds"] else ""
        lines.append(f"| {part} | {found['units']} | {sum(found['kinds'].values()):,} | {kinds} | {minutes} |")
    return "\n".join(["| part | units | cases | outcome | minutes |", "|---|---:|---:|---|---:|", *lines])


def matrix(results: dict[str, Any]) -> str:
    """Outcomes of kills by stage and signal, as a Markdown table."""
    signals = list(dict.fromkeys(name for by_signal in results["kills"].values() for name in by_signal))
    lines = [
        f"| {stage} | {' | '.join(', '.join(by_signal.get(name, [])) for name in signals)} |"
        for stage, by_signal in results["kills"].items()
    ]
    return "\n".join([f"| stage | {' | '.join(signals)} |", f"|---|{'---|' * len(signals)}", *lines])


def memory(results: dict[str, Any]) -> str:
    """Peaks by stage and profile in MiB, as a Markdown table."""
    profiles = results["memory"]
    if not profiles:
        return "The peaks by stage have not been measured for this version."
    stages = dict.fromkeys(stage for found in profiles.values() for stage in found["stages"])
    lines = [
        f"| {stage} | {' | '.join(str(found['stages'].get(stage, '')) for found in profiles.values())} |"
        for stage in stages
    ]
    lines.append(f"| largest models, by `make plan` | {' | '.join(str(v['planned']) for v in profiles.values())} |")
    head = f"| peak, MiB | {' | '.join(profiles)} |"
    return "\n".join([head, f"|---|{'---:|' * len(profiles)}", *lines])


def seeds(results: dict[str, Any]) -> str:
    used = results["seeds"]
    return f"Seeds: {used['properties']} for what hypothesis draws, {' and '.join(map(str, used['kills']))} for kills."


def written(page: str, results: dict[str, Any]) -> str:
    """``page`` with the results between its markers."""
    for make in (counts, seeds, memory, matrix):
        name, text = make.__name__, make(results)
        page, found = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", lambda match, new=text: f"{match[1]}{new}\n{match[2]}", page,
            flags=re.DOTALL,
        )  # fmt: skip
        if found != 1:
            raise ValueError(f"{found} places for {name} in the page")
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), json.loads(RESULTS.read_text())), encoding="utf-8")
    sys.exit()
