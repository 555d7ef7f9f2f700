"""The campaign behind docs/reliability.md: python -m tests.campaign [inputs|damage|kills ...], or `make campaign`.

It makes the smoke pipeline in .smoke if it is not there, works on copies of it in .campaign, and goes on where it
stopped: finished cases are in .campaign/cases.jsonl.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from profiles import tryout
from tests.campaign import damage, inputs, kills, options, properties, sharing, surroundings

HOME, SMOKE = Path(".campaign"), Path(".smoke")
WORK = HOME.resolve() / "work"
SEED = 0
SEEDS = (0, 1)  # of kills: each stage is killed twice by each signal
DRAWN = 1000  # cases of each kind of input that hypothesis draws
BAD = ("unclear", "wrong", "traceback", "late", "different", "failed")


def main(parts: list[str]) -> int:
    """Print how many cases of each part had which outcome, and the bad ones; returns their number, at most 100."""
    HOME.mkdir(exist_ok=True)
    log = HOME / "cases.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    with log.open("a", buffering=1) as file:
        for part in parts:
            for entry in PARTS[part](rows):
                row = {"part": part, **dataclasses.asdict(entry)}
                file.write(json.dumps(row) + "\n")
                rows.append(row)
    print(summary([row for row in rows if row["part"] in parts]))
    if "kills" in parts:
        print(matrix([row for row in rows if row["part"] == "kills"]))
    bad = [row for row in rows if row["part"] in parts and row["kind"] in BAD]
    for row in bad:
        about = ", ".join(str(row[key]) for key in row if key not in ("part", "printed"))
        print(f"{row['part']}: {about}\n  {row['printed'].strip().splitlines()[-1:]}", file=sys.stderr)
    return min(len(bad), 100)


def summary(rows: list[dict[str, Any]]) -> str:
    """Outcomes by part, as a Markdown table."""
    counts = collections.Counter((row["part"], row["kind"]) for row in rows)
    lines = [f"| {part} | {kind} | {count} |" for (part, kind), count in sorted(counts.items())]
    return "\n".join(["| part | outcome | cases |", "|---|---|---:|", *lines])


def matrix(rows: list[dict[str, Any]]) -> str:
    """Outcomes of kills by stage and signal, as a Markdown table."""
    signals = list(dict.fromkeys(row["signal"] for row in rows))
    cells: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for row in rows:
        cells[row["stage"].split(":")[-1], row["signal"]].append(row["kind"])
    lines = [
        f"| {stage} | {' | '.join(', '.join(cells[stage, name]) for name in signals)} |"
        for stage in dict.fromkeys(stage for stage, _ in cells)
    ]
    return "\n".join([f"| stage | {' | '.join(signals)} |", f"|---|{'---|' * len(signals)}", *lines])


def _inputs(rows: list[dict[str, Any]]) -> Iterator[Any]:
    if not any(row["part"] == "inputs" for row in rows):  # they take minutes, and are not resumed
        yield from inputs.params(Path("params.yaml").read_text(encoding="utf-8"))
        with contextlib.chdir(HOME):
            yield from options.options(Path())


def _properties(rows: list[dict[str, Any]]) -> Iterator[Any]:
    if any(row["part"] == "properties" for row in rows):
        return
    text = Path("params.yaml").read_text(encoding="utf-8")
    yield from properties.drawn(properties.params(text), DRAWN, SEED)
    with contextlib.chdir(HOME):
        for kind in (properties.tables, properties.readers, properties.command):
            yield from properties.drawn(kind(Path()), DRAWN, SEED)


def _by_stage(part: str) -> Callable[[list[dict[str, Any]]], Iterator[Any]]:
    """A part that takes the stages of a finished pipeline in turn."""
    names, cases = BY_STAGE[part]

    def run(rows: list[dict[str, Any]]) -> Iterator[Any]:
        finished = {row["stage"] for row in rows if row["part"] == part}
        root = _copy(part)
        for name in names(root):
            if name not in finished:
                yield from list(cases(root, name))

    return run


def _sharing(rows: list[dict[str, Any]]) -> Iterator[Any]:
    finished = {row["what"] for row in rows if row["part"] == "sharing"}
    for name in sharing.CASES:
        if name not in finished:
            yield sharing.case(name, _copy("sharing"), HOME.resolve())


Stages = Callable[[Path], list[str]]
Cases = Callable[[Path, str], Iterator[Any]]
BY_STAGE: dict[str, tuple[Stages, Cases]] = {
    "damage": (damage.stages, lambda root, name: damage.campaign(root, WORK, name)),
    "surroundings": (damage.stages, lambda root, name: surroundings.campaign(root, WORK, name)),
    "kills": (kills.stages, lambda root, name: (kill for seed in SEEDS for kill in kills.campaign(root, seed, name))),
}
PARTS: dict[str, Callable[[list[dict[str, Any]]], Iterator[Any]]] = {
    "inputs": _inputs, "properties": _properties, "sharing": _sharing,
    **{part: _by_stage(part) for part in BY_STAGE},
}  # fmt: skip


def _copy(name: str) -> Path:
    """A copy of the finished smoke pipeline, made anew: the last case may have been interrupted."""
    if not (SMOKE / "reports/report.html").is_file():
        tryout.main("smoke", SMOKE)
    root = HOME.resolve() / name
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(SMOKE, root, symlinks=True)
    return root


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests.campaign", description=main.__doc__)
    parser.add_argument("parts", nargs="*", choices=list(PARTS), default=list(PARTS))
    sys.exit(main(parser.parse_args().parts or list(PARTS)))
