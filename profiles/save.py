"""Keep params.yaml as a profile: python -m profiles.save NAME writes profiles/NAME.yaml.

It holds the entries of params.yaml at every key that profiles set. `save laptop` brings laptop.yaml up to a changed
params.yaml; any other name that exists is refused.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from profiles import entries, switch
from regmix import params as schema
from regmix.core.errors import InputError

HEAD = {switch.BASE: "# Two cores, minutes: params.yaml as committed. `python -m profiles.save laptop` writes this."}


def profile(text: str, name: str, folder: Path = switch.HERE) -> str:
    """The text of a profile that says what ``text`` (params.yaml) says. Raises InputError for a key that it lacks."""
    lines = [HEAD.get(name, "# Kept from params.yaml.")]
    for key in switch.read(switch.BASE, folder):
        entry = entries.take(text, key)
        if entry is None:
            raise InputError(f"params.yaml: {key}: not there, but profiles/{switch.BASE}.yaml sets it; fix either")
        lines.append(f"{key}:{entry}")
    return "\n".join(lines) + "\n"


def main(name: str, source: Path) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name == "devices":
        raise InputError(f"{name!r}: no name for a profile; use small letters, digits and _")
    path = switch.HERE / f"{name}.yaml"
    if path.exists() and name != switch.BASE:
        raise InputError(f"{path}: is there already; choose another name, or remove it first")
    schema.Params.load(source)
    path.write_text(profile(switch.text_of(source), name), encoding="utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "", Path("params.yaml"))
    except InputError as error:
        sys.exit(f"error: {error}")
