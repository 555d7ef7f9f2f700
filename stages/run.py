"""What every stage shares: its command line, its one-line errors, and writes that are whole or absent.

A stage is a function ``name(params, *, flags)``; its keyword arguments are its command-line flags, and the
types of what comes before them say which files of settings it reads.
Nothing here touches a number, so dvc.yaml does not list it as a dependency.
"""

from __future__ import annotations

import argparse
import errno
import inspect
import sys
import time
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from regmix import params as schema
from regmix.ablations.settings import Ablations
from regmix.ablations.settings import load as load_ablations
from regmix.core.errors import InputError
from regmix.published.settings import Published, load_published

SETTINGS: dict[type, Callable[[], Any]] = {
    schema.Params: lambda: schema.load(Path("params.yaml")),
    Published: lambda: load_published(Path("published/params.yaml")),
    Ablations: lambda: load_ablations(Path("ablations/params.yaml")),
}

# What the system may refuse and the user can fix.
_RIGHTS = "may not be written or read here; fix its rights, or what its disk is mounted as,"
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
