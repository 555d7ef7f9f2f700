"""The parts of a report: sections of prose, tables, figures and widgets, in reading order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import matplotlib.figure
import pandas as pd


@dataclass(frozen=True)
class Table:
    """``shown`` is a frame of formatted strings; ``values`` are the numbers behind it at full precision, for CSV."""

    name: str
    caption: str
    shown: pd.DataFrame
    values: pd.DataFrame


@dataclass(frozen=True)
class Figure:
    """``alt`` describes ``drawing`` in words. A table of the same name has its numbers, and is folded below it."""

    name: str
    caption: str
    alt: str
    drawing: matplotlib.figure.Figure


@dataclass(frozen=True)
class Widget:
    """Raw ``html`` in the page, ``text`` in the Markdown."""

    html: str
    text: str


@dataclass(frozen=True)
class Fold:
    """Parts hidden until the reader opens their ``title``."""

    title: str
    parts: tuple[Part, ...]


Part = str | Table | Figure | Widget | Fold


@dataclass(frozen=True)
class Section:
    """``parts`` in reading order; a string is Markdown.

    A ``chapter`` has its text beside its figures where the page is wide, an ``appendix`` is folded at the page's end.
    """

    title: str
    parts: tuple[Part, ...]
    kind: Literal["plain", "chapter", "appendix"] = field(default="plain", kw_only=True)

    @property
    def prose(self) -> str:
        return "\n\n".join(part for part in self.parts if isinstance(part, str))

    @property
    def tables(self) -> dict[str, Table]:
        return {part.name: part for part in flat(self.parts) if isinstance(part, Table)}

    @property
    def figures(self) -> dict[str, Figure]:
        return {part.name: part for part in flat(self.parts) if isinstance(part, Figure)}

    def appended(self, *shown: Part) -> Section:
        """The section as an appendix without the parts that are ``shown`` elsewhere."""
        rest = tuple(part for part in self.parts if not any(part is other for other in shown))
        return replace(self, parts=rest, kind="appendix")


def flat(parts: tuple[Part, ...]) -> Iterator[Part]:
    """All parts, including those inside folds."""
    for part in parts:
        yield part
        if isinstance(part, Fold):
            yield from flat(part.parts)
