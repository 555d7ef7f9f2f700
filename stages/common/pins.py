"""The installed libraries against constraints.txt, so that every stage computes with the pinned versions."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from regmix.core.errors import InputError
from regmix.core.provenance import DISTRIBUTIONS

PINS = Path("constraints.txt")


def check_loaded() -> None:
    """Check the libraries that this process has imported. Raises InputError."""
    pins = _pins()
    loaded = {DISTRIBUTIONS.get(name, name) for name in list(sys.modules) if "." not in name}
    check_pins({name: metadata.version(name).split("+")[0] for name in sorted(loaded) if _plain(name) in pins})


def check_pins(versions: Mapping[str, str]) -> None:
    """Raises InputError if one of the installed ``versions`` by library differs from constraints.txt."""
    pins = _pins()
    for name, installed in versions.items():
        if installed != (pinned := pins.get(_plain(name))):
            raise InputError(
                f"{PINS}: {name} is pinned to {pinned}, but {installed} is installed; run `make install`, or change "
                "the pin"
            )


def _pins() -> dict[str, str]:
    if not PINS.is_file():
        raise InputError(f"{PINS}: missing; run in the repository's root")
    lines = PINS.read_text(encoding="utf-8").splitlines()
    return {_plain(name): version for name, _, version in (line.partition("==") for line in lines) if version}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
