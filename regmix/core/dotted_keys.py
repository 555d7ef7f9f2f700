"""Change settings by dotted keys, as `dvc exp run -S` names them; each replaces the whole value at its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regmix.core.errors import InputError


def apply(values: Any, changes: Mapping[str, Any], where: str, of: str = "params.yaml") -> None:
    """Set every key of ``changes`` in ``values``, nested mappings, in place.

    Raises InputError for a key that is not there yet; ``where`` names the changes' own place and ``of`` what they
    change.
    """
    for key, value in changes.items():
        *parents, last = key.split(".")
        node = values
        for part in parents:
            node = node.get(part) if isinstance(node, dict) else None
        if not isinstance(node, dict) or last not in node:
            raise InputError(f"{where}: unknown key {key}; use a key of {of}")
        node[last] = value
