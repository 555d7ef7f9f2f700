"""Options of the form NAME=NUMBER, several of them or a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from regmix.core.errors import Faults, InputError
from regmix.core.files import read_yaml


def whole(number: float | None, option: str) -> int | None:
    """A count given as a float, such as 100e9. Raises InputError if it is not one."""
    if number is None:
        return None
    if not (math.isfinite(number) and number >= 1):
        raise InputError(f"{option}: {number:g}: must be 1 or more; for example {option} 100e9")
    return int(number)


def pairs(values: Sequence[str] | None, option: str) -> dict[str, float] | None:
    """The numbers by name, from ``NAME=NUMBER`` entries, separated by commas too, or from a YAML or JSON file.

    None without values. Raises Faults.
    """
    if not values:
        return None
    if len(values) == 1 and "=" not in values[0]:
        if not Path(values[0]).is_file():
            raise InputError(f"{option}: {values[0]!r} is neither a file nor NAME=NUMBER; write {option} web=0.5")
        value = read_yaml(Path(values[0]))
        if not isinstance(value, dict) or not value:
            raise InputError(f"{option}: {values[0]}: holds no numbers by name; write NAME: NUMBER lines")
        entries = [(str(name), str(number)) for name, number in value.items()]
    else:
        entries = [
            (name, number) for text in values for name, _, number in [part.partition("=") for part in text.split(",")]
        ]
    numbers: dict[str, float] = {}
    faults = []
    for name, text in entries:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (name and math.isfinite(number)):
            faults.append(f"{option}: {name}={text}: expected NAME=NUMBER; for example {option} web=0.5")
        elif name in numbers:
            faults.append(f"{option}: {name} is given twice; keep one")
        numbers[name] = number
    if faults:
        raise Faults(*faults)
    return numbers
