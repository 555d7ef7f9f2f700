"""Python literals, for trainers that are configured in Python."""

from __future__ import annotations

from collections.abc import Iterable


def lines(opening: str, items: Iterable[str], closing: str) -> str:
    """``items``, one a line, between brackets."""
    return "\n".join([opening, *(f"    {item}," for item in items), closing]) + "\n"
