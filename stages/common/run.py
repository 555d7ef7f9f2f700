"""Shared by all stages: the command line and errors of a line each.

A stage is a function ``name(params, *, flags)``; its keyword arguments are its command-line flags. The
arguments before them are settings, whose types have ``load``.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import inspect
import itertools
import os
import re
import signal
import sys
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from regmix.core.errors import InputError
from regmix.core.sections import Sections
from stages.common.age import age
from stages.common.intact import damaged
from stages.common.pins import check_loaded

# System errors that the user can fix.
_RIGHTS = "cannot be read or written; fix its permissions, or how its disk is mounted,"
_PLACE = "is not the folder or file that belongs there; move it away"
REFUSALS = (
    dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "no space left; free some")
    | dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _RIGHTS)
    | dict.fromkeys((errno.ENOTDIR, errno.EISDIR), _PLACE)
    | {errno.EMFILE: "too many open files; raise `ulimit -n`, or lower machine.stack,"}
)

SHOWN = 5  # most damaged files that are named
PROGRESS = "REGMIX_PROGRESS"  # set where profiles/repro.py prints a line per stage, and its time


def run(stage: Callable[..., None]) -> None:
    """Parse the flags of ``stage``, check its settings, run it, and print how long it took, imports included.

    Exits 1 on bad input, with a line per fault.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # see stages/__init__.py
    parser = argparse.ArgumentParser(prog=f"stages.{stage.__name__}", description=inspect.getdoc(stage))
    hints = typing.get_type_hints(stage)
    names = list(inspect.signature(stage).parameters)
    settings = [hints[name] for name in names if hasattr(hints[name], "load")]
    for name in names[len(settings) :]:
        parser.add_argument(f"--{name.replace('_', '-')}", type=hints[name], required=True)
    flags = vars(parser.parse_args())
    try:
        if any(issubclass(kind, Sections) for kind in settings):
            check()
        check_loaded()
        stage(*(kind.load() for kind in settings), **flags)
    except InputError as error:
        sys.exit("\n".join([*(f"error: {line}" for line in error.lines), *_damaged(flags)]))
    except KeyboardInterrupt:
        sys.exit("error: interrupted; run again, nothing is lost")
    except MemoryError:
        sys.exit("error: out of memory; `make plan` says what a run takes: lower machine.processes, or what it counts")
    except Exception as error:
        if (number := _system_error(error)) in REFUSALS:
            place = getattr(error, "filename", None) or "disk"
            sys.exit(f"error: {place}: {REFUSALS[number]} and run again, nothing is lost")
        if lines := _damaged(flags):
            sys.exit("\n".join(lines))
        raise
    if not os.environ.get(PROGRESS):
        print(f"{stage.__name__}: {age():.1f} s", file=sys.stderr)


def _system_error(error: Exception) -> int | None:
    """The system's number of ``error``; libraries in Rust, such as tokenizers and safetensors, have it only as text."""
    if isinstance(error, OSError):
        return error.errno
    match = re.search(r"\(os error (\d+)\)", str(error))
    return int(match[1]) if match else None


def _damaged(flags: Mapping[str, Any]) -> list[str]:
    """A line for each damaged input, which explains any error."""
    paths = [value for name, value in flags.items() if isinstance(value, Path) and name not in ("out", "store")]
    return [f"error: {os.path.relpath(path)}: is not what its stage wrote; delete it and run `dvc repro`"
             for path in itertools.islice(damaged(paths, sys.argv[1:]), SHOWN)]  # fmt: skip


def call(stage: Callable[..., None], params: object, **flags: Any) -> None:
    """Run a stage from another one, with its sections of ``params`` (regmix.params.Params)."""
    (kind,) = (hint for hint in typing.get_type_hints(stage).values() if hasattr(hint, "load"))
    stage(kind.of(params), **flags)


def check() -> None:
    """Raise InputError for errors in params.yaml, also in sections that the stage does not read.

    Imports by name, so that the whole schema is not a dependency of every stage. The result is discarded; the stage
    loads the sections that it declares through their own modules.
    """
    importlib.import_module("regmix.params").Params.load()


def note(message: str) -> None:
    """Print a one-line warning to stderr."""
    print(f"warning: {message}", file=sys.stderr, flush=True)
