"""Save params.yaml as a profile: python -m profiles.save NAME writes profiles/NAME.yaml.

It holds the values of params.yaml at every key that profiles set, with the comments within sections. `save laptop`
updates laptop.yaml from a changed params.yaml; any other existing name is refused.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ruamel.yaml.comments import CommentedMap

from profiles import layout, switch
from regmix import params as schema
from regmix.core.errors import InputError
from regmix.core.files import read_text, write_text

HEAD = {switch.BASE: "# Two cores, minutes: params.yaml as committed. `python -m profiles.save laptop` writes this."}


def profile(text: str, name: str, folder: Path = switch.HERE) -> str:
    """The text of a profile with the values of ``text`` (params.yaml). Raises InputError for a key that it lacks."""
    document, out = layout.parse(text), CommentedMap()
    for key in switch.read(switch.BASE, folder):
        try:
            value = layout.get(document, key)
        except KeyError:
            raise InputError(
                f"params.yaml: {key}: missing, but profiles/{switch.BASE}.yaml sets it; fix either"
            ) from None
        *sections, last = key.split(".")
        node = out
        for section in sections:
            node = node.setdefault(section, CommentedMap())
        node[last] = None
        layout.put(node, last, value)
    return f"{HEAD.get(name, '# Saved from params.yaml.')}\n{layout.dump(out, compact=True)}"


def main(name: str, source: Path, folder: Path = switch.HERE) -> None:
    """Write ``source`` as a profile into ``folder``, atomically. Raises InputError."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name == "devices":
        raise InputError(f"{name!r}: not a valid profile name; use lower-case letters, digits and _")
    path = folder / f"{name}.yaml"
    if path.exists() and name != switch.BASE:
        raise InputError(f"{path}: already exists; choose another name, or remove it first")
    text = read_text(source)
    schema.Params.load(source)
    write_text(path, profile(text, name, folder))


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "", Path("params.yaml"))
    except InputError as error:
        sys.exit(f"error: {error}")
