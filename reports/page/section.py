"""The parts of a report: sections of prose, tables and figures, in reading order."""

from __future__ import annotations

from dataclasses import dataclass

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
    """``alt`` describes ``drawing`` in words."""

    name: str
    caption: str
    alt: str
    drawing: matplotlib.figure.Figure


@dataclass(frozen=True)
class Widget:
    """``html``, styles and scripts included, for the page; ``text``, Markdown, says in report.md what it is."""

    html: str
    text: str


Part = str | Table | Figure | Widget


@dataclass(frozen=True)
class Section:
    """``parts`` in reading order; a string is Markdown."""

    title: str
    parts: tuple[Part, ...]

    @property
    def prose(self) -> str:
        return "\n\n".join(part for part in self.parts if isinstance(part, str))

    @property
    def tables(self) -> dict[str, Table]:
        return {part.name: part for part in self.parts if isinstance(part, Table)}

    @property
    def figures(self) -> dict[str, Figure]:
        return {part.name: part for part in self.parts if isinstance(part, Figure)}
