"""Read and write JSON, CSV rows and YAML, and write folders. Every write is atomic: complete or absent."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import math
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML, YAMLError

from regmix.core.errors import InputError, reason_of

DEPTH = 500  # of values in YAML

if TYPE_CHECKING:
    import pandas as pd  # takes half a second, and half of the stages use no table


def read_yaml(path: Path) -> object:
    """Raises InputError if the file is missing or not YAML."""
    return parse_yaml(read_text(path), path)


def read_text(path: Path) -> str:
    """Raises InputError if the file, which should be YAML, is missing or not text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as YAML ({error}); fix the file") from None


def parse_yaml(text: str, where: str | Path = "params.yaml", kind: str = "safe") -> Any:
    """The value that ``text``, from the file ``where``, has for DVC, whose loader this is: YAML 1.2, each key once.

    With ``kind`` "rt" the comments come along. Raises InputError if it is not YAML.
    """
    if _depth(text) > DEPTH:
        raise InputError(f"{where}: more than {DEPTH} brackets or dashes in each other; fix the file")
    try:
        return YAML(typ=kind).load(text)
    except (ValueError, YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = f"line {mark.line + 1}: {error.problem}" if mark else reason_of(error)  # type: ignore[union-attr]
        raise InputError(f"{where}: cannot be read as YAML ({reason}); fix the file") from None


def _depth(text: str) -> int:
    """About how deep values lie in each other; the parser would crash on what is far too deep."""
    steps = (1 if mark in "[{" else -1 for mark in re.findall(r"[\[{}\]]", text))
    dashes = max((len(run) // 2 for run in re.findall(r"(?:[-?] )+", text)), default=0)
    return max(dashes, max(itertools.accumulate(steps, initial=0)))


@contextlib.contextmanager
def writing(out: Path) -> Iterator[Path]:
    """A scratch folder, renamed to ``out`` if the block succeeds and deleted if it fails.

    Raises InputError if ``out`` exists and holds more than the scratch folder does.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f".{out.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    if other := sorted(_names(out) - _names(scratch))[:1]:
        raise InputError(
            f"{out}: holds {other[0]}, which does not belong there; move it away (the new results are in {scratch})"
        )
    shutil.rmtree(out, ignore_errors=True)
    os.replace(scratch, out)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def prune(folder: Path, keep: Iterable[str], mark: str) -> None:
    """Remove from ``folder`` the outputs of parts (shards, domains, ...) that params.yaml no longer lists.

    DVC leaves them in place, and a stage that depends on the whole folder would see them as a change. Such a part has
    a file named ``mark``, and no file that the listed parts do not have; everything else stays. Raises InputError if
    there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; run `dvc repro`")
    known = {name for part in keep for name in _names(folder / part)}
    for name in sorted({path.parent.name for path in folder.glob(f"*/{mark}")} - set(keep)):
        if _names(folder / name) <= known:
            shutil.rmtree(folder / name)


def write_json(path: Path, value: Any) -> None:
    """Keys in the given order, floats at full precision, the file replaced atomically."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write_metrics(path: Path, value: Any, digits: int = 3) -> None:
    """``write_json``, floats rounded to ``digits`` decimals or two significant digits, whichever keeps more.

    The losses of a run differ in the fifth decimal between processors; after rounding, most files are identical. No
    sign is lost, so an interval that excludes zero still does.
    """
    write_json(path, _rounded(value, digits))


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(part, digits) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part, digits) for part in value]
    if not isinstance(value, float) or value == 0 or not math.isfinite(value):
        return value
    return round(value, max(digits, 1 - math.floor(math.log10(abs(value)))))


def write_csv(path: Path, table: pd.DataFrame | Sequence[Mapping[str, Any]]) -> None:
    """Floats are written to read back bit for bit; the file is replaced atomically.

    Rows need no pandas and are written as a frame of them would be: None and NaN as empty. A column has one type.
    """
    if not isinstance(table, Sequence):
        write_text(path, table.to_csv(index=False, lineterminator="\n"))
        return
    text = io.StringIO()
    columns = dict.fromkeys(name for row in table for name in row)
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: None if value != value else value for name, value in row.items()} for row in table)
    write_text(path, text.getvalue())


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); run `dvc repro` again") from None


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table, values as strings by column."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head, *lines = csv.reader(file, strict=True)
        return [dict(zip(head, line, strict=True)) for line in lines]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); run `dvc repro` again") from None


def write_text(path: Path, text: str) -> None:
    """Write atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
