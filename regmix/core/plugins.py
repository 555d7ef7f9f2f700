"""Load a reader, a regressor, a method or a launcher by the name that params.yaml gives it.

A plug-in is one file in its package. It defines ``Options``, the pydantic model of its further keys.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from regmix.core.errors import InputError


def load(package: str, name: str, key: str) -> ModuleType:
    """The module ``regmix.<package>.<name>``; ``key`` is the params.yaml key that named it.

    Raises InputError, listing what there is, if there is no such file.
    """
    parent = importlib.import_module(f"regmix.{package}")
    names = sorted(m.name for m in pkgutil.iter_modules(parent.__path__) if not m.name.startswith("_"))
    if name not in names:
        raise InputError(f"params.yaml: {key}: {name!r} is not one of {', '.join(names)}; use one of these")
    return importlib.import_module(f"regmix.{package}.{name}")


def options(module: ModuleType, values: dict[str, Any], key: str) -> Any:
    """``values`` checked against the plug-in's ``Options``. Raises InputError."""
    try:
        return module.Options.model_validate(values)
    except ValidationError as error:
        raise InputError(describe(error, key)) from None


def describe(error: ValidationError, key: str = "") -> str:
    """The first fault of a ValidationError as one line that names the key, the value and the fix."""
    first = error.errors()[0]
    # A part in brackets is pydantic's name for a branch of a union, not a key.
    path = ".".join([*([key] if key else []), *(str(part) for part in first["loc"] if "[" not in str(part))])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"params.yaml: {path}: unknown key; remove it or fix its spelling{more}"
    if first["type"] == "missing":
        return f"params.yaml: {path}: missing; add it{more}"
    said = first["msg"].removeprefix("Value error, ")
    if isinstance(first["input"], dict | BaseModel):  # a fault between keys, which the message names
        return f"params.yaml: {f'{path}: ' if path else ''}{said}{more}"
    return f"params.yaml: {path} = {first['input']!r}: {said}{more}"
