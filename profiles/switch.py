"""Write a profile into params.yaml: python -m profiles.switch NAME.

A profile is a flat file of dotted keys, each with the entry that takes its place in params.yaml, as text: value,
comments and layout. Keys that it does not name are as in laptop.yaml, which names all that any profile names and has
their entries as params.yaml is committed with them; so what params.yaml becomes does not depend on what it was, and
switching to laptop brings back every byte. All other keys stay as they are.

A section of your own, one with a value that is in no profile (your corpora under corpus.domains, say), is never thrown
away: it stays where the profile has nothing of its own to put there, and else the switch is refused. `python -m
profiles.save NAME` makes it a profile first.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML

from profiles import entries
from regmix import params as schema
from regmix.core import dotted_keys, files
from regmix.core.errors import InputError

HERE = Path(__file__).parent
BASE = "laptop"


def known(folder: Path = HERE) -> list[str]:
    """The names of the profiles, sorted; a profile is a file of dotted keys, which devices.yaml is not."""
    return sorted(path.stem for path in folder.glob("*.yaml") if path.stem != "devices")


def read(name: str, folder: Path = HERE) -> dict[str, str]:
    """The profile's own entries by key. Raises InputError, listing the known ones, for an unknown name."""
    if name not in known(folder):
        raise InputError(f"PROFILE={name}: unknown profile; use one of {', '.join(known(folder))}")
    path = folder / f"{name}.yaml"
    text = text_of(path)
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and line[0] not in " #" and not entries.KEY.match(line):
            raise InputError(f"{path}: line {number}: {line[:60]!r} is no `key: entry` of params.yaml; fix it")
    return entries.of_profile(text)


def text_of(path: Path) -> str:
    """The text of a YAML file. Raises InputError if it is none."""
    files.read_yaml(path)
    return path.read_text(encoding="utf-8")


def apply(text: str, name: str, folder: Path = HERE, *, replace: bool = False) -> tuple[str, list[str]]:
    """``text`` (params.yaml) under the profile ``name``, and the keys of the sections of your own that it keeps.

    ``replace``: sections of your own that are in the way give way, for where ``text`` lives on elsewhere.
    Raises InputError: unknown profile or key, a section of your own in the way, values that do not fit the schema.
    """
    base, own = read(BASE, folder), read(name, folder)
    if unknown := sorted(set(own) - set(base)):
        raise InputError(f"profiles/{name}.yaml: {unknown[0]}: profiles/{BASE}.yaml does not set it; add it there too")
    profiles = [read(other, folder) for other in known(folder)]
    kept = []
    for key, entry in base.items():
        there = entries.take(text, key)
        if there is None:
            raise InputError(f"profiles/{name}.yaml: unknown key {key}; use a key of params.yaml")
        if entries.is_block(entry) or entries.is_block(there):
            values = [entries.value_of(profile[key]) for profile in profiles if key in profile]
            if entries.value_of(there) not in values:
                if name == BASE or key not in own:
                    kept.append(key)
                    continue
                if not replace:
                    raise InputError(
                        f"params.yaml: {key} is in no profile, and {name} would replace it; keep it first: "
                        "python -m profiles.save NAME"
                    )
        text = entries.put(text, key, entries.over(own[key], entry) if key in own else entry)
    _check(text, name)
    return text, kept


def switch(
    text: str, values: Mapping[str, Any], name: str, parse: Callable[[object, str], object] = schema.parse
) -> str:
    """``text`` (params.yaml, or another file that ``parse`` accepts) with ``values`` by dotted key, comments kept.

    Raises InputError for a key that the text lacks.
    """
    dumper = YAML()
    dumper.width = 120
    dumper.preserve_quotes = True
    dumper.indent(mapping=2, sequence=4, offset=2)
    content = dumper.load(text)
    dotted_keys.apply(content, values, f"profiles/{name}.yaml")
    out = io.StringIO()
    dumper.dump(content, out)
    parse(yaml.safe_load(out.getvalue()), f"profiles/{name}.yaml")
    return out.getvalue()


def main(name: str, target: Path, *, replace: bool = False) -> None:
    """Rewrite ``target`` by the profile ``name``, in one step; see ``apply``."""
    text, kept = apply(text_of(target), name, replace=replace)
    for key in kept:
        print(f"{target}: {key} is your own and stays", file=sys.stderr)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, target)


def _check(text: str, name: str) -> None:
    schema.parse(yaml.safe_load(text), f"profiles/{name}.yaml")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "", Path("params.yaml"))
    except InputError as error:
        sys.exit(f"error: {error}")
