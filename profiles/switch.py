"""Write a profile into params.yaml: python -m profiles.switch NAME.

A profile is a part of params.yaml, with nested keys, dotted keys or both. Keys that it does not set are as in
laptop.yaml, which sets every key that any profile sets. So the new params.yaml does not depend on the old one, and
switching to laptop restores every byte. All other keys stay as they are, and so do the comments of params.yaml; only a
section whose keys are user-chosen names (domains, methods, ...) is replaced as a whole, with the comments in it.

If such a section has values that are in no profile (your corpora under corpus.domains, say), it is never discarded: it
stays if the profile itself does not set it, otherwise the switch is refused. `python -m profiles.save NAME` saves it as
a profile first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from profiles import layout, own
from regmix import params as schema
from regmix.core.errors import InputError
from regmix.core.files import parse_yaml, read_text, write_text
from regmix.core.settings import Plugin, Strict

HERE = Path(__file__).parent
BASE = "laptop"


def names(folder: Path = HERE) -> list[str]:
    """The names of the profiles, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml") if path.stem != "devices")


def read(name: str, folder: Path = HERE) -> dict[str, Any]:
    """The profile's values by dotted key. Raises InputError, listing the known ones, for an unknown name."""
    if name not in names(folder):
        raise InputError(f"PROFILE={name}: unknown profile; use one of {', '.join(names(folder))}")
    path = folder / f"{name}.yaml"
    values = layout.parse(read_text(path), path)
    if not isinstance(values, dict):
        raise InputError(f"{path}: no `key: value` of params.yaml; add some")
    return flat(values)


def flat(values: Mapping[str, Any], model: type[Strict] | None = schema.Params, before: str = "") -> dict[str, Any]:
    """Nested settings by dotted key, down to values, lists and sections whose keys are user-chosen names."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        inner = _section(model, str(key).split("."))
        out |= flat(value, inner, f"{before}{key}.") if inner and isinstance(value, dict) else {f"{before}{key}": value}
    return out


def apply(
    text: str, name: str, folder: Path = HERE, *, replace: bool = False, own_file: own.Own | None = None
) -> tuple[str, list[str]]:
    """``text`` (params.yaml) under the profile ``name``, and the keys of the user's own sections that it keeps.

    ``own_file`` replaces what it says. ``replace``: overwrite the user's own sections in the way, for when ``text`` is
    kept elsewhere. Raises InputError: unknown profile or key, a section of the user's in the way, values that do not
    fit the schema.
    """
    base, chosen = read(BASE, folder), read(name, folder)
    if unknown := sorted(set(chosen) - set(base)):
        raise InputError(f"profiles/{name}.yaml: {unknown[0]}: profiles/{BASE}.yaml does not set it; add it there too")
    document, own_keys = layout.parse(text), []
    derived = own_file.values(base | chosen) if own_file else {}
    for key, value in (base | chosen | derived).items():
        there = _get(document, key, f"profiles/{name}.yaml")
        if key not in derived and isinstance(there, dict) and not _is_known(there, key, base, chosen, folder):
            if name == BASE or key not in chosen:
                own_keys.append(key)
                continue
            if not replace:
                raise InputError(
                    f"params.yaml: {key} is in no profile, and {name} would replace it; save it first: "
                    "python -m profiles.save NAME"
                )
        _set(document, key, value)
    return _checked(document, name, schema.parse), own_keys


def switch(
    text: str, values: Mapping[str, Any], name: str, parse: Callable[[object, str], object] = schema.parse
) -> str:
    """``text`` (params.yaml, or another file that ``parse`` accepts) with ``values`` by dotted key, comments kept.

    Raises InputError for a key that the text lacks.
    """
    document = layout.parse(text)
    for key, value in values.items():
        _get(document, key, f"profiles/{name}.yaml")
        _set(document, key, value)
    return _checked(document, name, parse)


def main(name: str, target: Path, folder: Path = HERE, *, replace: bool = False) -> None:
    """Rewrite ``target`` with the profile ``name``, and with own.yaml beside it if there is one, atomically."""
    mine = own.Own.read(target.with_name(own.FILE))
    text, own_keys = apply(read_text(target), name, folder, replace=replace, own_file=mine)
    if mine:
        print(f"{target}: {name}, with the domains and objectives of {own.FILE}", file=sys.stderr)
    for key in own_keys:
        print(f"{target}: {key} is your own and is kept", file=sys.stderr)
    write_text(target, text)


def _is_known(
    section: Mapping[str, Any], key: str, base: Mapping[str, Any], own: Mapping[str, Any], folder: Path
) -> bool:
    """Whether a profile has this section; checks the two already loaded before it reads the others."""
    if section in (base[key], own.get(key)):
        return True
    return any(section == read(name, folder).get(key) for name in names(folder))


def _section(model: type[Strict] | None, path: list[str]) -> type[Strict] | None:
    """The schema of the section at ``path``, or None if it is not a section with fixed keys."""
    for part in path:
        field = model.model_fields.get(part) if model else None
        inner: Any = field.annotation if field else None
        fixed = isinstance(inner, type) and issubclass(inner, Strict) and not issubclass(inner, Plugin)
        model = inner if fixed else None
    return model


def _get(document: Any, key: str, where: str) -> Any:
    try:
        return layout.get(document, key)
    except KeyError:
        raise InputError(f"{where}: unknown key {key}; use a key of params.yaml") from None


def _set(document: Any, key: str, value: Any) -> None:
    """An equal value keeps its comments and layout."""
    parent, _, last = key.rpartition(".")
    node = layout.get(document, parent) if parent else document
    if node[last] != value:
        layout.put(node, last, value)


def _checked(document: Any, name: str, parse: Callable[[object, str], object]) -> str:
    text = layout.dump(document)
    parse(parse_yaml(text), f"profiles/{name}.yaml")
    return text


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "", Path("params.yaml"))
    except InputError as error:
        sys.exit(f"error: {error}")
