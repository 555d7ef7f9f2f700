"""The pages of the documentation, and their blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^`]*$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line of its fence, its language and its lines without their indent."""

    page: Path
    line: int
    language: str
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    @property
    def place(self) -> str:
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    """A page's path from the root."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[Block]:
    """A page's blocks of these languages, or all of them."""
    return [block for block in _blocks(page) if not languages or block.language in languages]


def _blocks(page: Path) -> Iterator[Block]:
    opening, start, held = None, 0, list[str]()
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if opening is None and fence:
            opening, start, held = fence, number, []
        elif opening is not None and line.strip() == "```":
            yield Block(page, start, opening["language"], held)
            opening = None
        elif opening is not None:
            held.append(line.removeprefix(opening["indent"]))


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """A page's lines outside of its blocks, numbered."""
    inside = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if FENCE.match(line):
            inside = not inside
        elif not inside:
            yield number, line
