"""Load a reader, regressor, method or launcher by its name in params.yaml.

A plug-in is one file in its package. It defines ``Options``, the pydantic model of its own keys.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from regmix.core.errors import Faults, InputError
from regmix.core.faults import described

PARAMS = "params.yaml"

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Names:
    """Marks a field of ``Options`` whose value is a name in a ``section`` of params.yaml."""

    section: str


def names(package: str) -> list[str]:
    """The plug-ins of ``regmix.<package>``: its files, except helpers, whose names start with an underscore."""
    parent = importlib.import_module(f"regmix.{package}")
    return sorted(module.name for module in pkgutil.iter_modules(parent.__path__) if not module.name.startswith("_"))


def load(package: str, name: str, key: str, file: str = PARAMS) -> ModuleType:
    """The module ``regmix.<package>.<name>``; ``key`` is the key of ``file`` that named it.

    Raises InputError, listing the known names, if there is no such file.
    """
    check_name(package, name, key, file)
    return importlib.import_module(f"regmix.{package}.{name}")


def check_name(package: str, name: str, key: str, file: str = PARAMS) -> None:
    """As ``load``, without the import."""
    known = names(package)
    if name not in known:
        raise InputError(f"{key}: {name!r} is not one of {', '.join(known)}; use one of these", file=file)


def options(module: ModuleType, values: dict[str, Any], key: str, file: str = PARAMS) -> Any:
    """``values``, at ``key`` of ``file``, checked against the plug-in's ``Options``. Raises Faults."""
    return checked(module.Options, values, file, key)


def named(options: BaseModel, section: str) -> dict[str, str]:
    """The names in a ``section`` of params.yaml that ``options`` contains, by field."""
    fields = type(options).model_fields
    marked = [key for key, field in fields.items() if Names(section) in field.metadata]
    return {key: str(getattr(options, key)) for key in marked}


def checked(model: type[M], values: object, file: str = PARAMS, key: str = "") -> M:
    """``values``, read from ``file`` at the dotted ``key``, as ``model``. Raises Faults."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise Faults(*described(error, values, key), file=file) from None
