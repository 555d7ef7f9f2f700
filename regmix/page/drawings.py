"""Small drawings in SVG, coloured by the classes of page.css: bars of weights, and differences with intervals."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

ROW, LETTER, GAP = 21, 6.7, 7  # pixels: a row, a letter of 11 px (of the widest usual font), between columns


class Drawing(NamedTuple):
    """``parts`` are elements of SVG in ``width`` x ``height`` pixels."""

    width: int
    height: int
    parts: tuple[str, ...]

    def element(self, label: str) -> str:
        """The whole ``<svg>``; ``label`` says in words what it shows."""
        size = f'viewBox="0 0 {self.width} {self.height}" width="{self.width}"'
        return f'<svg class="drawing" {size} role="img" aria-label="{html.escape(label)}">{"".join(self.parts)}</svg>'

    def at(self, x: int, y: int) -> str:
        """A group for a larger drawing."""
        return f'<g transform="translate({x} {y})">{"".join(self.parts)}</g>'


class Bar(NamedTuple):
    """A domain's weight, its spread over refits, its share in the natural mixture, and ``texts`` to the right."""

    label: str
    weight: float
    spread: float
    natural: float
    texts: tuple[str, ...]


class Difference(NamedTuple):
    """``low`` and ``high`` are the ends of an interval, None where there is none; ``kind``: better, same or worse."""

    label: str
    value: float
    low: float | None
    high: float | None
    kind: str
    text: str


def weights(bars: Sequence[Bar], width: int, heads: Sequence[str] = ()) -> Drawing:
    """A row per bar: the weight with a line for its spread, and below it the natural share in grey.

    ``heads`` name the columns of texts.
    """
    cells = [bar.texts for bar in bars] + ([tuple(heads)] if heads else [])
    columns = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = round(LETTER * max(len(bar.label) for bar in bars)) + GAP
    ends = [width]
    for letters in reversed(columns[1:]):
        ends.insert(0, ends[0] - round(LETTER * letters) - GAP)
    room = ends[0] - round(LETTER * columns[0]) - GAP - left
    scale = room / max(max(min(1.0, bar.weight + bar.spread), bar.natural) for bar in bars)
    top = ROW - 4 if heads else 0
    parts = [text(end, 11, head, "end", "faint") for end, head in zip(ends, heads, strict=False)]
    for i, bar in enumerate(bars):
        y = top + ROW * i
        low, high = (left + scale * min(1.0, max(0.0, bar.weight + sign * bar.spread)) for sign in (-1, 1))
        parts += [
            text(left - GAP, y + 13, bar.label, "end"),
            _rect(left, y + 3, bar.weight * scale, 9, "chosen"),
            _rect(left, y + 13, bar.natural * scale, 4, "natural"),
            _line(low, high, y + 7.5, "ink") if bar.spread else "",
            *(text(end, y + 13, part, "end") for end, part in zip(ends, bar.texts, strict=True)),
        ]
    return Drawing(width, top + ROW * len(bars), tuple(part for part in parts if part))


def differences(rows: Sequence[Difference], width: int) -> Drawing:
    """A row per difference, around a line at zero; dots of the kind ``same`` are hollow."""
    left = round(LETTER * max(len(row.label) for row in rows)) + GAP
    end = width - round(LETTER * max(len(row.text) for row in rows)) - GAP
    spans = [(_or(row.low, row.value), _or(row.high, row.value)) for row in rows]
    least, most = min(0.0, *(low for low, _ in spans)), max(0.0, *(high for _, high in spans))
    scale = (end - left - 10) / ((most - least) or 1.0)

    def x(value: float) -> float:
        return left + 5 + scale * (value - least)

    height = ROW * len(rows)
    parts = [f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{height}"/>']
    for i, (row, (low, high)) in enumerate(zip(rows, spans, strict=True)):
        y = ROW * i + ROW / 2
        parts += [
            text(left - GAP, y + 4, row.label, "end"),
            _line(x(low), x(high), y, row.kind),
            f'<circle class="{row.kind}" cx="{x(row.value):.1f}" cy="{y:g}" r="3.6"/>',
            text(width, y + 4, row.text, "end"),
        ]
    return Drawing(width, height, tuple(parts))


def text(x: float, y: float, content: str, anchor: str = "start", kind: str = "") -> str:
    """A line of text."""
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{html.escape(content)}</text>'


def _rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}"/>'


def _line(low: float, high: float, y: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y:g}" y2="{y:g}"/>'


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
