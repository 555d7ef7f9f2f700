"""Change settings by dotted keys, as in `dvc exp run -S`; each change replaces the whole value at its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regmix.core.errors import InputError


def apply(values: Any, changes: Mapping[str, Any], where: str, of: str = "params.yaml") -> None:
    """Set every key of ``changes`` in the nested mappings ``values``, in place.

    Raises InputError for a key that does not exist yet. For the message, ``where`` names the source of the changes
    and ``of`` the file that they change.
    """
    for key, value in changes.items():
        *parents, last = key.split(".")
        node = values
        for part in parents:
            node = node.get(part) if isinstance(node, dict) else None
        if not isinstance(node, dict) or last not in node:
            raise InputError(f"{where}: unknown key {key}; use a key of {of}")
        node[last] = value
