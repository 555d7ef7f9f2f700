"""The page: what is folded, where numbers stand, and how drawings become part of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from regmix.page import drawings
from regmix.page.drawings import Bar, Difference
from reports.page import inline, render, style
from reports.page.section import Figure, Fold, Section, Table, Widget


def table(name: str) -> Table:
    return Table(name, f"Caption of {name}.", pd.DataFrame({"Value": ["1.5"]}), pd.DataFrame({"value": [1.5]}))


def figure(name: str, points: int = 5) -> Figure:
    drawing, axes = style.panels(1, 1, 2.0)
    rng = np.random.default_rng(0)
    axes[0, 0].scatter(rng.random(points), rng.random(points), s=9, color=style.PALETTE[0], label="points")
    return Figure(name, f"Caption of {name}.", f"Points of {name}.", drawing)


def rendered(*sections: Section) -> tuple[str, str]:
    """The page and the Markdown, with nothing drawn."""
    drawn = {name: "<svg></svg>" for section in sections for name in section.figures}
    return render.page(sections, drawn, "Title"), render.document(sections, "Title")


class Open(HTMLParser):
    """The words that a reader sees before opening anything."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = 0
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.closed += tag in ("details", "style", "script", "nav", "svg")

    def handle_endtag(self, tag: str) -> None:
        self.closed -= tag in ("details", "style", "script", "nav", "svg")

    def handle_data(self, data: str) -> None:
        if not self.closed:
            self.words += data.split()


def visible(page: str) -> list[str]:
    parser = Open()
    parser.feed(page)
    return parser.words


def test_a_chapter_has_its_text_beside_its_figures_and_an_appendix_is_folded():
    first = Section("First", ("Opening.", Widget("<b>raw</b>", "words")))
    chapter = Section("Story", ("Before.", figure("one"), "After."), kind="chapter")
    page, text = rendered(first, chapter, Section("Rest", ("Details.", table("two")), kind="appendix"))
    assert re.search(r"<div>\s*<p>Before.</p>\s*<p>After.</p>\s*</div>\s*<div>\s*<figure", page)
    opening = "Title Skip to the text Title First Opening. raw"
    assert " ".join(visible(page)) == f"{opening} 1. Story Before. After. Figure 1. Caption of one. Appendices"
    assert re.findall(r"^## (.*)", text, re.MULTILINE) == ["First", "1. Story", "A. Rest"]
    assert "words" in text
    assert "raw" not in text


def test_a_table_of_a_figures_name_is_folded_below_it():
    page, text = rendered(Section("Both", (table("same"), "Text.", figure("same"), table("other"))))
    assert page.index("Figure 1.") < page.index("The numbers") < page.index("Table 1.") < page.index("Table 2.")
    assert "Table 2. Caption of other." in " ".join(visible(page))
    assert "Table 1." not in " ".join(visible(page))
    assert text.count("<details>") == text.count("</details>") == 1
    assert (text.count("Caption of same."), text.count("Caption of other.")) == (2, 1)


def test_parts_in_folds_are_parts_of_the_section_and_are_left_out_of_its_appendix():
    first, second = table("one"), figure("two")
    section = Section("All", ("Text.", first, Fold("More", (second,))))
    assert (list(section.tables), list(section.figures)) == (["one"], ["two"])
    assert section.appended(first).parts == ("Text.", section.parts[2])
    assert section.appended().kind == "appendix"


@pytest.fixture(scope="module")
def svg() -> str:
    return render.drawn(figure("cloud", points=2000))["svg"].decode()


def test_a_point_of_a_cloud_takes_few_bytes_and_keeps_its_place(svg):
    assert len(svg) < 2000 * 18
    (line,) = re.findall(r'd="M([^"]*)" style="fill: none; stroke: none; marker: url', svg)
    corners = np.array([[float(x) for x in corner.split()] for corner in line.split("L")])
    x, y = np.random.default_rng(0).random((2, 2000))
    for axis, values in enumerate((x, -y)):  # SVG counts downwards
        assert abs(np.corrcoef(corners[:, axis], values)[0, 1]) > 0.99999


def test_a_drawing_in_the_page_has_its_own_ids_and_the_pages_colours(svg):
    first, second = (inline.element(svg, prefix, 'A "cloud"') for prefix in ("f1", "f2"))
    ids = [re.findall(r' id="([^"]+)"', text) for text in (first, second)]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])
    for text, names in zip((first, second), ids, strict=True):
        assert set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", text)) <= set(names)
    assert style.INK not in first
    assert "var(--ink)" in first
    assert style.PALETTE[0].lower() in first
    assert 'aria-label="A &quot;cloud&quot;"' in first
    assert "<style" not in first


def test_bars_and_differences_are_to_scale():
    bars = [Bar("a", 0.6, 0.1, 0.2, ("0.60",)), Bar("b <&", 0.3, 0.0, 0.8, ("0.30",))]
    text = drawings.weights(bars, 300).element("words")
    widths = {kind: [float(w) for w in re.findall(rf'class="{kind}"[^>]* width="([\d.]+)"', text)]
              for kind in ("chosen", "natural")}  # fmt: skip
    scale = widths["natural"][1] / 0.8  # the longest
    assert widths["chosen"] == pytest.approx([0.6 * scale, 0.3 * scale], abs=0.1)
    assert widths["natural"] == pytest.approx([0.2 * scale, 0.8 * scale], abs=0.1)
    assert "b &lt;&amp;" in text
    assert text.count('class="ink"') == 1  # one has a spread
    rows = [Difference("x", -0.2, -0.3, -0.1, "better", "−0.2"), Difference("y", 0.1, None, None, "same", "0.1")]
    text = drawings.differences(rows, 300).element("words")
    zero = float(re.findall(r'class="zero" x1="([\d.]+)"', text)[0])
    low, high = (float(cx) for cx in re.findall(r'cx="([\d.]+)"', text))
    assert (zero - low) == pytest.approx(2 * (high - zero), abs=0.2)
