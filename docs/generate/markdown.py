"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTE = "<!-- made by python -m docs.generate; edit the code instead -->\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells may hold any text."""
    lines = [head, ["---"] * len(head), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def code(text: str) -> str:
    """``text`` as code, or nothing."""
    return f"`{text}`" if text else ""


def _plain(cell: str) -> str:
    """A cell in which | ends no column and <...> is no HTML, but within code, where Markdown leaves it."""
    parts = cell.replace("|", "\\|").split("`")
    return "`".join(part if place % 2 else part.replace("<", "&lt;") for place, part in enumerate(parts))
