"""The campaign behind docs/reliability.md: python -m tests.campaign [inputs|damage|kills ...], or `make campaign`.

It makes the smoke pipeline in .smoke if it is not there, and works on copies of it in .campaign. A part consists of
units, such as a stage; finished units are lines of .campaign/<part>.jsonl and are not run again. Kills run beside the
other parts. A whole campaign is summed up in tests/campaign/results.json; `python -m tests.campaign.report` writes it
into the page.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from profiles import tryout
from regmix.core.files import parse_yaml
from tests.campaign import damage, inputs, kills, options, properties, report, sharing, surroundings

HOME, SMOKE = Path(".campaign"), Path(".smoke")
WORK = HOME.resolve() / "work"
PARAMS = Path("params.yaml")
SEED = 0  # of what hypothesis draws
DRAWN = 1000  # cases of each kind of input that hypothesis draws


@dataclass(frozen=True)
class Part:
    """``units`` lists what there is to do, ``cases`` does one; if ``copied``, on a copy of the finished pipeline."""

    units: Callable[[Path], Iterable[str]]
    cases: Callable[[Path, str], Iterable[Any]]
    copied: bool = True


def main(parts: list[str]) -> int:
    """Run ``parts``, all if empty, and print their outcomes and the bad cases; returns their number, at most 100."""
    HOME.mkdir(exist_ok=True)
    if not parts:
        _smoke()
        with subprocess.Popen([sys.executable, "-m", "tests.campaign", "kills"], stdout=subprocess.DEVNULL):
            for name in PARTS:
                if name != "kills":
                    run(name)
    for name in parts:
        run(name)
    results = report.gather(HOME, SEED, kills.SEEDS)
    if not parts:
        report.write(results | {"memory": json.loads(report.RESULTS.read_text())["memory"]})
    print(report.counts(results), report.matrix(results), sep="\n\n")
    bad = [(name, case) for name in parts or PARTS for case in report.cases(HOME, name) if case["kind"] in report.BAD]
    for name, case in bad:
        about = ", ".join(str(value) for key, value in case.items() if key != "printed")
        print(f"{name}: {about}\n  {case['printed'].strip().splitlines()[-1:]}", file=sys.stderr)
    return min(len(bad), 100)


def run(name: str) -> None:
    """Run the units of a part that are not finished."""
    part, log = PARTS[name], HOME / f"{name}.jsonl"
    root = _copy(name) if part.copied else Path()
    finished = {unit["unit"] for unit in report.units(log)}
    for unit in part.units(root):
        if unit not in finished:
            start = time.monotonic()
            cases = [dataclasses.asdict(case) for case in part.cases(root, unit)]
            line = {"unit": unit, "seconds": round(time.monotonic() - start, 1), "cases": cases}
            with log.open("a") as file:
                file.write(json.dumps(line) + "\n")


def _inputs(root: Path, unit: str) -> Iterator[inputs.Case]:
    if unit == OPTIONS:
        with contextlib.chdir(HOME):
            yield from options.options(Path())
    else:
        yield from inputs.params(PARAMS.read_text(encoding="utf-8"), unit)


def _properties(root: Path, unit: str) -> Iterator[inputs.Case]:
    if unit == "params":
        yield from properties.drawn(properties.params(PARAMS.read_text(encoding="utf-8")), DRAWN, SEED)
    else:
        with contextlib.chdir(HOME):
            yield from properties.drawn(DRAWS[unit](Path()), DRAWN, SEED)


OPTIONS = "options of regmix"
DRAWS: dict[str, Callable[[Path], properties.Draw]] = {
    "tables": properties.tables, "readers": properties.readers, "command": properties.command,
}  # fmt: skip
PARTS: dict[str, Part] = {
    "inputs": Part(lambda root: [*parse_yaml(PARAMS.read_text(encoding="utf-8")), OPTIONS], _inputs, copied=False),
    "properties": Part(lambda root: ["params", *DRAWS], _properties, copied=False),
    "damage": Part(damage.stages, lambda root, name: damage.campaign(root, WORK, name)),
    "surroundings": Part(surroundings.units, lambda root, name: surroundings.campaign(root, WORK, name)),
    "sharing": Part(lambda root: sharing.CASES, lambda root, name: [sharing.case(name, _copy("sharing"), WORK.parent)]),
    "kills": Part(kills.stages, kills.campaign),
}


@functools.cache
def _smoke() -> None:
    """Make the finished smoke pipeline if it is not there."""
    if not (SMOKE / "reports/report.html").is_file():
        tryout.main("smoke", SMOKE)


def _copy(name: str) -> Path:
    """A copy of the finished smoke pipeline, made anew: the last case may have been interrupted."""
    _smoke()
    root = HOME.resolve() / name
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(SMOKE, root, symlinks=True)
    return root


def named(words: list[str]) -> list[str]:
    """The parts that the command line names; none for all."""
    parser = argparse.ArgumentParser(prog="tests.campaign", description=main.__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)}; none: all")
    parts: list[str] = parser.parse_args(words).parts
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"unknown part {unknown[0]!r}; use some of {', '.join(PARTS)}")
    return parts


if __name__ == "__main__":
    sys.exit(main(named(sys.argv[1:])))
