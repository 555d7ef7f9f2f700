"""Write sections as files: Markdown that links to figures by path, and one self-contained HTML page.

The same sections give the same bytes: no dates, no versions, no random ids.
"""

from __future__ import annotations

import base64
import contextlib
import html
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import markdown
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG

from reports.page import style
from reports.page.section import Figure, Section, Table, Widget

_NUMERIC = re.compile(r"^[\s*]*([+−]?\d|–$|$)")


@dataclass(frozen=True)
class Numbered:
    """A table or figure with its number in the report."""

    label: str
    part: Table | Figure

    @property
    def caption(self) -> str:
        return f"**{self.label}.** {self.part.caption}"


def numbered(sections: Sequence[Section]) -> Iterator[tuple[str, Section, list[str | Widget | Numbered]]]:
    """Each section with its heading and parts; tables and figures are numbered across the report.

    The first section is the summary: its heading has no number.
    """
    tables = figures = 0
    for number, section in enumerate(sections):
        parts: list[str | Widget | Numbered] = []
        for part in section.parts:
            if isinstance(part, Table):
                tables += 1
                parts.append(Numbered(f"Table {tables}", part))
            elif isinstance(part, Figure):
                figures += 1
                parts.append(Numbered(f"Figure {figures}", part))
            else:
                parts.append(part)
        yield (f"{number}. {section.title}" if number else section.title), section, parts


def table(frame: pd.DataFrame) -> str:
    """A frame of strings as a Markdown table; columns of numbers are right-aligned."""
    right = [all(_NUMERIC.match(cell) for cell in frame[column]) for column in frame]
    lines = [[str(column) for column in frame], ["---:" if flag else ":---" for flag in right], *frame.to_numpy()]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def document(sections: Sequence[Section], title: str, beside: str = "") -> str:
    """The report as Markdown; tables and figures are next to it, or in the folder ``beside`` if given."""
    out = [f"# {title}"]
    place = f"{beside}/" if beside else ""
    for heading, _, parts in numbered(sections):
        out.append(f"## {heading}")
        for part in parts:
            if isinstance(part, str):
                out.append(part)
            elif isinstance(part, Widget):
                out.append(part.text)
            elif isinstance(part.part, Table):
                out += [part.caption, table(part.part.shown).rstrip(), f"Numbers: `{place}tables/{part.part.name}.csv`"]
            else:
                out += [f"![{part.part.alt}]({place}figures/{part.part.name}.svg)", part.caption]
    return "\n\n".join(out) + "\n"


def page(sections: Sequence[Section], drawings: dict[str, bytes], title: str, beside: str = "", rules: str = "") -> str:
    """The report as one HTML page: style and ``drawings`` (SVG by figure name) inline, no external links, no
    scripts but those of widgets.

    ``rules`` is extra CSS for this page.
    """
    place = f"{beside}/" if beside else ""
    contents, body = [], []
    for heading, section, parts in numbered(sections):
        slug = re.sub(r"[^a-z]+", "-", section.title.lower()).strip("-")
        contents.append(f'<li><a href="#{slug}">{html.escape(heading)}</a></li>')
        body.append(f'<section id="{slug}">\n<h2>{html.escape(heading)}</h2>')
        for part in parts:
            if isinstance(part, str):
                body.append(_html(part))
                continue
            if isinstance(part, Widget):
                body.append(part.html)
                continue
            caption = f"<figcaption>{_inline(part.caption)}</figcaption>"
            if isinstance(part.part, Table):
                rows = _html(table(part.part.shown))
                body.append(f'<figure class="table">{caption}\n<div class="scroll">{rows}</div>')
                body.append(f'<p class="file">Numbers: <code>{place}tables/{part.part.name}.csv</code></p></figure>')
            else:
                data = base64.b64encode(drawings[part.part.name]).decode()
                alt = html.escape(part.part.alt, quote=True)
                body.append(f'<figure><img alt="{alt}" src="data:image/svg+xml;base64,{data}">{caption}</figure>')
        body.append("</section>")
    css = Path(__file__).with_name("page.css").read_text(encoding="utf-8") + rules
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title>",
            f"<style>\n{css}</style></head><body>",
            f"<header><h1>{html.escape(title)}</h1></header>",
            f'<nav aria-label="Contents"><ul>\n{chr(10).join(contents)}\n</ul></nav>',
            "<main>",
            *body,
            "</main></body></html>\n",
        ]
    )


def drawn(figure: Figure) -> dict[str, bytes]:
    """A figure's bytes by format."""
    style.use()
    figure.drawing.dpi = style.DPI
    png, svg = io.BytesIO(), io.BytesIO()
    # Each canvas draws once; savefig would draw twice to fix the layout; here the PNG drawing fixes it for both.
    FigureCanvasAgg(figure.drawing).print_png(png, metadata={"Software": None})
    figure.drawing.set_layout_engine("none")
    FigureCanvasSVG(figure.drawing).print_svg(svg, metadata={"Date": None, "Creator": None})
    return {"svg": svg.getvalue(), "png": png.getvalue()}


def write(
    folder: Path, sections: Sequence[Section], csv: Callable[[Path, pd.DataFrame], None], *, title: str,
    name: str = "report", beside: str = "", rules: str = "",
) -> None:  # fmt: skip
    """Write NAME.md and NAME.html into ``folder``, tables/ and figures/ into its subfolder ``beside``.

    ``csv`` writes a frame to a path; ``rules`` is extra CSS for this page.
    """
    drawings = {}
    parts = folder / beside
    for kind in ("tables", "figures"):
        (parts / kind).mkdir(parents=True)
    for section in sections:
        for label, part in section.tables.items():
            csv(parts / "tables" / f"{label}.csv", part.values)
            (parts / "tables" / f"{label}.md").write_text(table(part.shown), encoding="utf-8")
        for label, figure in section.figures.items():
            files = drawn(figure)
            drawings[label] = files["svg"]
            for kind, content in files.items():
                (parts / "figures" / f"{label}.{kind}").write_bytes(content)
    (folder / f"{name}.md").write_text(document(sections, title, beside), encoding="utf-8")
    (folder / f"{name}.html").write_text(page(sections, drawings, title, beside, rules), encoding="utf-8")


@contextlib.contextmanager
def publishing(out: Path, outs: Sequence[str]) -> Iterator[Path]:
    """A scratch folder whose ``outs`` move into ``out`` when the block succeeds; other files in ``out`` stay."""
    scratch = out / f".{outs[0]}.partial"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
        for name in outs:
            old = out / name
            shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
        for name in outs:
            os.replace(scratch / name, out / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _html(text: str) -> str:
    return markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists"], output_format="html")


def _inline(text: str) -> str:
    return _html(text).removeprefix("<p>").removesuffix("</p>")
