"""Hostile values in all of params.yaml, and tables of runs with random faults: one clear line, or a right result.

Nothing runs: params.yaml is checked as `make repro` checks it first, tables are read as `regmix recommend` reads them.
"""

from __future__ import annotations

import copy
import functools
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regmix.checks import plug_ins
from regmix.core.errors import LONGEST, InputError
from regmix.core.faults import refuse
from regmix.core.files import parse_yaml
from regmix.exchange.tables import read_runs
from regmix.params import all_faults
from stages import params_check

HOSTILE: tuple[Any, ...] = (
    None, "", -1, 0, 1e308, float("inf"), float("nan"), 10**30, True, "x;touch pwned;", "é", "a\nb", [], {}, [[]],
    {"a": 1}, "../..", 1e9, 2.5, ["x", "x"], 10**9,
)  # fmt: skip
CELLS = ("", "nan", "inf", "-1", "1e308", "0", "word", "٣", "1,5", '"', "é", "\0", "0x10", "1_0", "=1+1", " 0.5 ")
CHECKS = (*plug_ins.CHECKS, params_check.tokenizers)
LIMIT = 20  # seconds for a case


@dataclass(frozen=True)
class Case:
    """``kind`` of outcome: clear, accepted (of a table: with a sound result), unclear, wrong, traceback or late."""

    place: str
    value: str
    kind: str
    printed: str


def params(text: str, section: str | None = None) -> Iterator[Case]:
    """Every value of params.yaml, given as ``text``, or of one of its sections, replaced by every hostile one."""
    values = parse_yaml(text)
    for place in places(values):
        if section not in (None, place[0]):
            continue
        for value in HOSTILE:
            changed = put(values, place, value)
            key = ".".join(map(str, place))
            yield case(key, repr(value)[:40], functools.partial(checked, changed))


def checked(values: Any) -> list[str]:
    """No fault in the ``values`` of params.yaml. Raises InputError."""
    refuse(all_faults(values, CHECKS))
    return []


def table(rng: random.Random, folder: Path) -> Case:
    """A pair of tables with one to three faults that ``rng`` draws."""
    paths = [folder / "ratios.csv", folder / "metrics.csv"]
    rows = _sound(rng)
    faults = [rng.choice(FAULTS)(rng, rows) for _ in range(rng.randint(1, 3))]
    for path, lines in zip(paths, rows, strict=True):
        path.write_bytes(_text(lines, rng, faults).encode("utf-8", "surrogatepass"))
    return case("tables", "; ".join(faults), lambda: _read(*paths))


def case(place: str, value: str, call: Callable[[], list[str]]) -> Case:
    """The outcome of ``call``, which returns the faults it found or raises InputError. Raises nothing."""
    previous = signal.signal(signal.SIGALRM, _late)
    signal.alarm(LIMIT)
    start = time.monotonic()
    try:
        lines = list(call())
    except InputError as error:
        lines = list(error.lines)
    except TimeoutError:
        return Case(place, value, "late", f"{time.monotonic() - start:.0f} s")
    except WrongError as error:
        return Case(place, value, "wrong", str(error))
    except Exception:
        return Case(place, value, "traceback", traceback.format_exc()[-2000:])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    bad = [line for line in lines if len(line) > LONGEST or not line.isprintable()]
    return Case(place, value, "unclear" if bad else "clear" if lines else "accepted", "\n".join(bad or lines)[:2000])


def _late(*_: object) -> None:
    raise TimeoutError


class WrongError(Exception):
    """A table was accepted, and what was read is not sound."""


def places(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys of every value; of a list, its first entry; of archives and domains, which are alike, two."""
    if place:
        yield place
    if isinstance(node, dict):
        few = place in (("corpus", "archives"), ("corpus", "domains"))
        for key in list(node)[: 2 if few else None]:
            yield from places(node[key], (*place, key))
    elif isinstance(node, list) and node:
        yield from places(node[0], (*place, 0))


def put(values: Any, place: tuple[Any, ...], value: Any) -> Any:
    out = copy.deepcopy(values)
    node = out
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return out


Table = list[list[str]]


def _sound(rng: random.Random) -> tuple[Table, Table]:
    """Weights and losses of 12 runs over three domains."""
    weights = np.random.default_rng(rng.randrange(2**32)).dirichlet(np.ones(3), 12)
    ratios = [["run", "web", "code", "law"], *([f"r{i}", *map(str, row)] for i, row in enumerate(weights.tolist()))]
    metrics = [["run", "loss"], *([f"r{i}", str(3 - row[0])] for i, row in enumerate(weights.tolist()))]
    return ratios, metrics


def _cell(rng: random.Random, rows: tuple[Table, Table]) -> str:
    table = rng.choice(rows)
    row, value = rng.choice(table), rng.choice(CELLS)
    row[rng.randrange(len(row))] = value
    return f"cell {value!r}"


def _row(rng: random.Random, rows: tuple[Table, Table]) -> str:
    table = rng.choice(rows)
    how = rng.choice(("twice", "gone", "short", "long", "empty"))
    i = rng.randrange(len(table))
    if how == "twice":
        table.insert(i, list(table[i]))
    elif how == "gone" and len(table) > 1:
        del table[i]
    elif how == "short":
        del table[i][-1:]
    elif how == "long":
        table[i].append("1")
    else:
        table[i] = [""]
    return f"row {how}"


def _column(rng: random.Random, rows: tuple[Table, Table]) -> str:
    table = rng.choice(rows)
    how, i = rng.choice(("twice", "gone", "swapped")), rng.randrange(min(map(len, table)) or 1)
    for row in table:
        if how == "twice":
            row.insert(i, row[i] if i < len(row) else "")
        elif how == "gone":
            del row[i : i + 1]
        else:
            row.reverse()
    return f"column {how}"


def _whole(rng: random.Random, rows: tuple[Table, Table]) -> str:
    return rng.choice(("cut", "bom", "semicolons", "crlf", "quotes", "surrogate", "empty", "header"))


FAULTS = (_cell, _cell, _cell, _row, _row, _column, _whole)


def _text(table: Table, rng: random.Random, faults: list[str]) -> str:
    text = "".join(",".join(row) + "\n" for row in table)
    for fault in faults:
        if fault == "cut":
            text = text[: rng.randrange(len(text) + 1)]
        elif fault == "bom":
            text = "\ufeff" + text
        elif fault == "semicolons":
            text = text.replace(",", ";")
        elif fault == "crlf":
            text = text.replace("\n", "\r\n")
        elif fault == "quotes":
            text = text.replace(",", '","')
        elif fault == "surrogate":
            text = text.replace("web", "\udcff")
        elif fault == "empty":
            text = ""
        elif fault == "header":
            text = text.partition("\n")[0]
    return text


def _read(ratios: Path, metrics: Path) -> list[str]:
    """No fault, if what was read is sound. Raises InputError, or WrongError."""
    read = read_runs(ratios, metrics)
    weights, values = read.mixtures.to_numpy(), read.metrics.to_numpy()
    sound = {
        "weights sum to 1": np.allclose(weights.sum(axis=1), 1, atol=1e-9),
        "weights are shares": bool(((weights >= 0) & (weights <= 1)).all()),
        "metrics are finite": bool(np.isfinite(values).all() and values.size),
        "runs are the same": list(read.mixtures.index) == list(read.metrics.index),
        "names are text": all(name.strip() for name in (*read.mixtures.columns, *read.metrics.columns)),
    }
    if wrong := [what for what, holds in sound.items() if not holds]:
        raise WrongError(f"not: {', '.join(wrong)}")
    return []
