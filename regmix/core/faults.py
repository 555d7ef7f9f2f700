"""All faults of an input at once: those that a schema finds, and those that checks between its sections find.

A fault is a line that starts with the dotted key and names the value and the fix. A check is a generator of faults
whose parameters are the sections that it reads, so it runs as soon as these are sound, whatever is wrong with others.
"""

from __future__ import annotations

import functools
import inspect
import reprlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError, create_model

from regmix.core.errors import Faults, InputError
from regmix.core.settings import Strict

Check = Callable[..., Iterator[str]]


@functools.cache
def _alone(model: type[Strict]) -> dict[str, type[Strict]]:
    """For each field of ``model``, a model with that field alone."""
    fields: dict[str, Any] = {name: (field.annotation, field) for name, field in model.model_fields.items()}
    return {name: create_model(name, __base__=Strict, **{name: field}) for name, field in fields.items()}


def faults(model: type[Strict], values: object, checks: Iterable[Check]) -> tuple[dict[str, Any], list[str]]:
    """The sections of ``values`` that fit the fields of ``model``, and all faults, each once, also of ``checks``."""
    if not isinstance(values, Mapping):
        what = "empty" if values is None else f"{type(values).__name__}, not sections"
        return {}, [f"{what}; it needs {', '.join(model.model_fields)}"]
    unexpected = [key for key in values if key not in model.model_fields]
    sound, out = {}, [f"{key}: unknown key; remove it or fix its spelling" for key in unexpected]
    for name in model.model_fields:
        given = {key: value for key, value in values.items() if key == name}
        try:
            sound[name] = getattr(_alone(model)[name].model_validate(given), name)
        except ValidationError as error:
            out += described(error, given)
    return sound, list(dict.fromkeys([*out, *across_sections(checks, sound)]))


def across_sections(checks: Iterable[Check], sections: Mapping[str, Any]) -> Iterator[str]:
    """The faults that ``checks`` find, of those whose sections are all here."""
    for check in checks:
        names = inspect.signature(check).parameters
        if sections.keys() >= names.keys():
            yield from check(**{name: sections[name] for name in names})


def refuse(lines: Iterable[str], file: str = "params.yaml") -> None:
    """Raise Faults if there are any in ``file``."""
    if faults := list(lines):
        raise Faults(*faults, file=file)


def raised(call: Callable[..., object], *arguments: object) -> Iterator[str]:
    """The faults for which a call raises InputError."""
    try:
        call(*arguments)
    except InputError as error:
        yield from error.faults


def unknown(names: str | Iterable[str], among: Collection[str], key: str, what: str) -> Iterator[str]:
    """A fault for each of ``names``, used at ``key``, that is not a known ``what``."""
    for name in [names] if isinstance(names, str) else names:
        if name not in among:
            yield f"{key}: unknown {what} {name!r}; use one of {', '.join(among) or 'none: there is no ' + what}"


def repeated(names: Collection[object], key: str) -> Iterator[str]:
    """A fault for each of ``names``, listed at ``key``, that occurs there twice."""
    listed = list(names)
    for name in dict.fromkeys(name for name in listed if listed.count(name) > 1):
        yield f"{key}: repeats {name!r}; name it once"


def described(error: ValidationError, values: object, key: str = "") -> list[str]:
    """The faults that a schema found in ``values``, which are at the dotted ``key``."""
    out = []
    for place, fault in _merged([(entry["loc"], entry) for entry in error.errors()], values):
        path = ".".join(map(str, [*([key] if key else []), *place]))
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            out.append(f"{path}: unknown key; remove it or fix its spelling")
        elif fault["type"] == "missing":
            out.append(f"{path}: missing; add it")
        elif fault["loc"][-1:] == ("[key]",) and not isinstance(fault["input"], str):  # YAML's false, 1, null
            section = ".".join(map(str, [*([key] if key else []), *place[:-1]]))
            out.append(f"{section}: the key {fault['input']!r} is not text; write it in quotes")
        elif fault["type"] == "fault":  # of Strict, and starts with a key
            out.append(f"{path}.{message}" if path else message)
        elif isinstance(fault["input"], dict | BaseModel):  # too long to print
            out.append(f"{path}: {message}" if path else message)
        else:
            out.append(f"{path} = {_SHORT.repr(fault['input'])}: {message}")
    return out


_SHORT = reprlib.Repr()  # a value can be huge, or contain itself
_SHORT.maxlevel = _SHORT.maxlist = _SHORT.maxdict = 3
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 100

Located = tuple[tuple[int | str, ...], Any]  # where, and pydantic's description of the fault there


def _merged(errors: Iterable[Located], node: Any, path: tuple[int | str, ...] = ()) -> list[Located]:
    """``errors``, placed below ``path``, where ``node`` is, without pydantic's names for the branches of a union.

    A value that fits no branch has the faults of the one that it fits best: with the fewest, and those deepest.
    """
    out, below, branches = list[Located](), dict[Any, list[Located]](), dict[Any, list[Located]]()
    for place, error in errors:
        if not place:
            out.append((path, error))
            continue
        first, rest = place[0], place[1:]
        here = _has(node, first) or (not rest and error["type"] == "missing")
        (below if here else branches).setdefault(first, []).append((rest, error))
    for part, group in below.items():
        out += _merged(group, node[part] if _has(node, part) else None, (*path, part))
    if branches:
        ends = [_merged(group, node, path) for group in branches.values()]
        fits = [(len(end), -max(len(place) for place, _ in end)) for end in ends]
        if fits.count((1, -len(path))) == len(fits):  # the value as a whole fits none
            messages = dict.fromkeys(error["msg"] for ((_, error),) in ends)
            out.append((path, ends[0][0][1] | {"msg": ", or ".join(messages)}))
        else:
            out += ends[fits.index(min(fits))]
    return out


def _has(node: Any, part: int | str) -> bool:
    if isinstance(node, Mapping):
        return part in node
    return isinstance(node, list | tuple) and isinstance(part, int) and part < len(node)
