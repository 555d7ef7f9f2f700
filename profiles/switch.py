"""Write a profile's values into params.yaml, comments and all else kept: python -m profiles.switch NAME.

A profile is a flat file of dotted keys, as `dvc exp run -S` takes them; each replaces the whole value at its
key. Every profile sets the same keys, so that switching back leaves nothing behind.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from regmix import changes
from regmix import params as schema
from regmix.errors import InputError

HERE = Path(__file__).parent


def switch(text: str, profile: dict[str, Any], name: str, parse: Callable[[object, str], object] = schema.parse) -> str:
    """``text`` (params.yaml) with the values of ``profile``, as ``parse`` accepts them.

    Raises InputError for a key that the text lacks.
    """
    yaml = YAML()
    yaml.width = 120
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    values = yaml.load(text)
    changes.apply(values, profile, f"profiles/{name}.yaml")
    out = io.StringIO()
    yaml.dump(values, out)
    parse(YAML(typ="safe").load(out.getvalue()), f"profiles/{name}.yaml")
    return out.getvalue()


def main(name: str, target: Path) -> None:
    """Rewrite ``target`` by the profile ``name``, in one step."""
    known = sorted(path.stem for path in HERE.glob("*.yaml"))
    if name not in known:
        raise InputError(f"PROFILE={name}: unknown profile; use one of {', '.join(known)}")
    profile = YAML(typ="rt").load((HERE / f"{name}.yaml").read_text())
    text = switch(target.read_text(), profile, name)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_text(text)
    os.replace(partial, target)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "", Path("params.yaml"))
    except InputError as error:
        sys.exit(f"error: {error}")
