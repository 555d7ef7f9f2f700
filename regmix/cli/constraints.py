"""The file of --constraints, with what other options say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regmix.constraints.settings import Constraints
from regmix.core.errors import InputError
from regmix.core.faults import refuse
from regmix.core.files import read_yaml
from regmix.core.plugins import checked


def read(file: Path | None) -> dict[str, Any]:
    """The content of the file; empty without one. Counts of tokens can be written as 100e9. Raises InputError."""
    if file is None:
        return {}
    if not file.is_file():
        raise InputError(f"--constraints {file}: no such file; correct the path")
    value = read_yaml(file)
    if not isinstance(value, dict):
        raise InputError(f"{file}: holds no constraints by name; write for example `floors: {{web: 0.1}}`")
    return value | {name: _counts(value[name]) for name in ("for_tokens", "available_tokens") if name in value}


def by_option(available: Mapping[str, float] | None, tokens: int | None) -> dict[str, Any]:
    """What --available and --tokens say."""
    counts = {name: int(count) for name, count in (available or {}).items()}
    return {name: value for name, value in (("available_tokens", counts), ("for_tokens", tokens)) if value}


def parse(values: Mapping[str, Any], domains: list[str], where: str) -> Constraints:
    """The constraints, whose domains are among ``domains``. Raises Faults, which name ``where`` they are."""
    constraints = checked(Constraints, values, where)
    refuse(constraints.of_domains(domains, at=""), where)
    return constraints


def _counts(value: Any) -> Any:
    """Numbers that YAML takes for text, such as 100e9, as counts; anything else as it is."""
    if isinstance(value, dict):
        return {name: _counts(part) for name, part in value.items()}
    try:
        return int(float(value)) if isinstance(value, str | float) and float(value).is_integer() else value
    except ValueError:
        return value
