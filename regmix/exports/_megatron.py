"""Megatron's blends: weights and prefixes in turn, as words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from regmix.core.errors import InputError
from regmix.exchange.blend import Blend


def words(blend: Blend, weights: Mapping[str, float], form: str) -> list[tuple[str, str]]:
    """Each weight and prefix. Raises InputError for a prefix that its reader would take for two."""
    pairs = [(repr(weight), blend.path(name)) for name, weight in weights.items()]
    for _, path in pairs:
        if shlex.quote(path) != path:
            raise InputError(
                f"--to {form}: {path!r} has a space, which separates prefixes there, or another character that a shell "
                "reads; use megatron-splits"
            )
    return pairs
