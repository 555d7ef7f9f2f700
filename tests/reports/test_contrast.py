"""The page's colours, light and dark, against WCAG's contrast ratios."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from regmix.page import frame
from reports.page import style

TEXT, SHAPE = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
TEXTS = ("ink", "muted", "accent", "better", "worse", "same")
SHAPES = ("chosen", "natural", "better", "worse", "same", "edge")


def themes() -> dict[str, dict[str, str]]:
    """The variables of drawings.css, light and dark; those written with three digits in full."""
    blocks = re.findall(r":root \{(.*?)\}", frame.style("drawings"), re.DOTALL)
    return {
        name: dict(re.findall(r"--([\w-]+): (#\w+);", block))
        for name, block in zip(("light", "dark"), blocks, strict=True)
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("behind", ["paper", "shade"])
def test_texts_and_shapes_stand_out(theme, behind):
    colours = {name: to_rgb(value) for name, value in themes()[theme].items()}
    for names, least in ((TEXTS, TEXT), (SHAPES, SHAPE)):
        ratios = {name: style.contrast(colours[name], colours[behind]) for name in names}
        assert min(ratios.values()) >= least, ratios


def test_contrast_is_that_of_wcag():
    assert style.contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert style.contrast(to_rgb("#777777"), (1, 1, 1)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", ["RdBu_r", "Blues", "viridis"])
def test_text_in_a_heat_map_can_be_read(name):
    for shade in colormaps[name](np.linspace(0, 1, 101))[:, :3]:
        assert style.contrast(to_rgb(style.upon(shade)), shade) >= TEXT
