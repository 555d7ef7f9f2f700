"""What every stage shares: its command line, its one-line errors, and writes that are whole or absent.

A stage is a function ``name(params, *, flags)``; its keyword arguments are its command-line flags, and the
types of what comes before them say which files of settings it reads.
Nothing here touches a number, so dvc.yaml does not list it as a dependency.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import errno
import inspect
import io
import json
import os
import shutil
import sys
import time
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from regmix import ablation_params, published_params
from regmix import params as schema
from regmix.errors import InputError

if TYPE_CHECKING:
    import pandas as pd  # half a second, and half of the stages work on no table

SETTINGS: dict[type, Callable[[], Any]] = {
    schema.Params: lambda: schema.load(Path("params.yaml")),
    published_params.Published: lambda: published_params.load_published(Path("published/params.yaml")),
    ablation_params.Ablations: lambda: ablation_params.load(Path("ablations/params.yaml")),
}

# What the system may refuse and the user can mend.
_RIGHTS = "may not be written or read here; mend its rights, or what its disk is mounted as,"
_PLACE = "is not the folder or file that belongs there; move it away"
REFUSALS = (
    dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "no space left; free some")
    | dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _RIGHTS)
    | dict.fromkeys((errno.ENOTDIR, errno.EISDIR), _PLACE)
    | {errno.EMFILE: "too many open files; raise `ulimit -n`, or lower machine.stack,"}
)


def run(stage: Callable[..., None]) -> None:
    """Parse the flags of ``stage``, check its settings, run it, say how long it took, imports included.

    Exits 1 with one line on bad input.
    """
    parser = argparse.ArgumentParser(prog=f"stages.{stage.__name__}", description=inspect.getdoc(stage))
    hints = typing.get_type_hints(stage)
    names = list(inspect.signature(stage).parameters)
    settings = [name for name in names if hints[name] in SETTINGS]
    for name in names[len(settings) :]:
        parser.add_argument(f"--{name.replace('_', '-')}", type=hints[name], required=True)
    flags = vars(parser.parse_args())
    try:
        stage(*(SETTINGS[hints[name]]() for name in settings), **flags)
    except InputError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        sys.exit(f"error: {error.filename or 'disk'}: {REFUSALS[error.errno]} and run again, nothing is lost")
    print(f"{stage.__name__}: {time.time() - psutil.Process().create_time():.1f} s", file=sys.stderr)


def note(message: str) -> None:
    """A warning: one line on stderr that stops nothing."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def writing(out: Path) -> Iterator[Path]:
    """A scratch folder that becomes ``out`` when the block ends well and vanishes when it does not."""
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f".{out.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
        shutil.rmtree(out, ignore_errors=True)
        os.replace(scratch, out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def prune(folder: Path, keep: Iterable[str]) -> None:
    """Remove from ``folder`` the outputs of parts (shards, domains, ...) that params.yaml no longer lists.

    DVC leaves them there, and a stage that depends on the whole folder would see them as a change.
    """
    for stale in sorted({path.name for path in folder.iterdir() if path.is_dir()} - set(keep)):
        shutil.rmtree(folder / stale)


def write_json(path: Path, value: Any) -> None:
    """Sorted by no key but the writer's; floats in full; replaced in one step."""
    _replace(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def write_csv(path: Path, table: pd.DataFrame | Sequence[Mapping[str, Any]]) -> None:
    """Floats so that they read back to the same bits; replaced in one step.

    Rows, which need no pandas, come out as a frame of them would: None and NaN as nothing. A column is of one type.
    """
    if not isinstance(table, Sequence):
        _replace(path, table.to_csv(index=False, lineterminator="\n"))
        return
    text = io.StringIO()
    columns = dict.fromkeys(name for row in table for name in row)
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: None if value != value else value for name, value in row.items()} for row in table)
    _replace(path, text.getvalue())


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); run `dvc repro` again") from None


def read_rows(path: Path) -> list[dict[str, str]]:
    """A table to hand on as it is written, by column."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head, *lines = csv.reader(file, strict=True)
        return [dict(zip(head, line, strict=True)) for line in lines]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); run `dvc repro` again") from None


def read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); run `dvc repro` again") from None


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
