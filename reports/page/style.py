"""How all figures look: one palette that colour-blind readers can tell apart, the same colour for the same thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

# Okabe and Ito's eight colours, black as dark grey and yellow darkened for lines on white; then three more shades.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#777777", "#B8A400"]
PALETTE += ["#7B3294", "#8C510A", "#01665E"]
MARKERS = "osD^vPXp<>h*"  # one more than the colours, so that pairs repeat late
# The page replaces these and white with its theme's colours; use BLACK or WHITE for what must stay the same.
INK, MUTED, PALE, GRID = "#222222", "#8a8f98", "#d5d8dd", "#e9ebee"
BLACK, WHITE = "#010101", "#fefefe"
KINDS = {"random": "#9AA1AB", "anchor": "#E69F00", "proposal": "#009E73", "heldout": "#0072B2"}
KIND_LABELS = {"random": "random", "anchor": "anchors", "proposal": "proposals", "heldout": "held out"}
KIND_MARKERS = {"random": "o", "anchor": "D", "proposal": "s", "heldout": "^"}
DPI = 140  # of the PNG files
CELL = 8.5  # points of text in a heat map, so 9 px or more wherever a figure is at least 44 rem wide
WIDTH = 9.2  # inches; the page's text width

_RC: dict[str, Any] = {
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.axisbelow": True,
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",  # ships with matplotlib, so figures look the same everywhere
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "regmix",
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8.5,
}


def contrast(first: Sequence[float], second: Sequence[float]) -> float:
    """WCAG's contrast ratio of two colours (red, green, blue), from 1 to 21."""
    low, high = sorted(_luminance(colour) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


def upon(shade: Sequence[float]) -> str:
    """BLACK or WHITE, whichever has the higher contrast with ``shade`` (red, green, blue)."""
    return max((BLACK, WHITE), key=lambda colour: contrast(to_rgb(colour), shade))


def _luminance(colour: Sequence[float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def use() -> None:
    """Set matplotlib's defaults to the report's, whatever the user has configured."""
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(_RC)  # type: ignore[arg-type]  # its stubs want every key to be a literal


def panels(rows: int, columns: int, height: float, width: float = WIDTH, **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure of ``height`` inches, and its axes (rows, columns)."""
    use()
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each of ``names`` by its position."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}


def markers(names: Sequence[str]) -> dict[str, str]:
    """A marker for each of ``names``, so that colour is never the only difference."""
    return {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(names)}


def legend_above(figure: Figure, columns: int = 8) -> None:
    """One legend above all panels, as wide as the figure allows; a label shared by several panels appears once."""
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        inches = 0.4 + 0.065 * max(map(len, handles))  # a handle and the longest label
        columns = max(1, min(columns, len(handles), int(figure.get_figwidth() / inches)))
        figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=columns)


def heat(
    axes: Axes,
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    cmap: str,
    span: tuple[float, float],
    texts: Sequence[Sequence[str]] | None = None,
) -> Any:
    """A heat map with labels and, if given, text in each cell that ``upon`` colours."""
    image = axes.imshow(values, cmap=cmap, vmin=span[0], vmax=span[1], aspect="auto", interpolation="none")
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if texts is not None:
        for i, line in enumerate(texts):
            for j, text in enumerate(line):
                red, green, blue, _ = image.cmap(image.norm(values[i, j]))
                axes.text(j, i, text, ha="center", va="center", fontsize=CELL, color=upon((red, green, blue)))
    return image
