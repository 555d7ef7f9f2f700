"""Options that several commands have, as one argument of each."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """``command`` with the fields of its first parameter, a dataclass, in its place, since Typer reads signatures."""
    hints = typing.get_type_hints(command, include_extras=True)
    first, *others = inspect.signature(command).parameters.values()
    group = hints[first.name]
    fields, named = typing.get_type_hints(group, include_extras=True), dataclasses.fields(group)

    @functools.wraps(command)
    def expand(**arguments: Any) -> None:
        own = {field.name: arguments.pop(field.name) for field in named}
        command(group(**own), **arguments)

    parameters = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, annotation=fields[field.name],
            default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
        )
        for field in named
    ]  # fmt: skip
    rest = [other.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[other.name]) for other in others]
    expand.__signature__ = inspect.Signature([*parameters, *rest])  # type: ignore[attr-defined]
    expand.__annotations__ = {parameter.name: parameter.annotation for parameter in (*parameters, *rest)}
    return expand
