"""Write sections as files: Markdown that links to figures by path, and one self-contained HTML page.

The same sections give the same bytes: no dates, no versions, no random ids.
"""

from __future__ import annotations

import contextlib
import html
import io
import itertools
import os
import re
import shutil
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import markdown
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG

from regmix.page import frame
from reports.page import inline, style
from reports.page.section import Figure, Fold, Part, Section, Table, Widget

_NUMERIC = re.compile(r"^[\s*]*([+−]?\d|–$|$)")


@dataclass(frozen=True)
class Numbered:
    """A table or figure with its number in the report."""

    number: int
    part: Table | Figure

    @property
    def caption(self) -> str:
        return f"**{type(self.part).__name__} {self.number}.** {self.part.caption}"


@dataclass(frozen=True)
class Numbers:
    """The numbers of tables and figures, counted across the report."""

    tables: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    figures: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def assign(self, part: Table | Figure) -> Numbered:
        return Numbered(next(self.tables if isinstance(part, Table) else self.figures), part)


def headed(sections: Sequence[Section]) -> Iterator[tuple[str, Section]]:
    """Each section with its heading: chapters are numbered, appendices lettered; the opening section is neither."""
    chapters, letters = itertools.count(1), iter(string.ascii_uppercase)
    for place, section in enumerate(sections):
        if section.kind == "appendix":
            yield f"{next(letters)}. {section.title}", section
        elif section.kind == "chapter" or (place and not any(part.kind == "chapter" for part in sections)):
            yield f"{next(chapters)}. {section.title}", section
        else:
            yield section.title, section


def folded(parts: Sequence[Part]) -> list[Part]:
    """The parts with each table that has a figure's name folded below that figure."""
    figures = {part.name for part in parts if isinstance(part, Figure)}
    numbers = {part.name: part for part in parts if isinstance(part, Table) and part.name in figures}
    out: list[Part] = []
    for part in parts:
        if isinstance(part, Table) and part.name in numbers:
            continue
        out.append(part)
        if isinstance(part, Figure) and part.name in numbers:
            out.append(Fold("The numbers", (numbers[part.name],)))
    return out


def table(frame: pd.DataFrame) -> str:
    """A frame of strings as a Markdown table; columns of numbers are right-aligned."""
    right = [all(_NUMERIC.match(cell) for cell in frame[column]) for column in frame]
    lines = [[str(column) for column in frame], ["---:" if flag else ":---" for flag in right], *frame.to_numpy()]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def document(sections: Sequence[Section], title: str, beside: str = "") -> str:
    """The report as Markdown; tables and figures are next to it, or in the folder ``beside`` if given."""
    place, numbers = f"{beside}/" if beside else "", Numbers()

    def lines(parts: Sequence[Part]) -> Iterator[str]:
        for part in folded(parts):
            if isinstance(part, str):
                yield part
            elif isinstance(part, Widget):
                yield part.text
            elif isinstance(part, Fold):
                yield f"<details><summary>{html.escape(part.title)}</summary>"
                yield from lines(part.parts)
                yield "</details>"
            elif isinstance(part, Table):
                yield numbers.assign(part).caption
                yield table(part.shown).rstrip()
                yield f"Numbers: `{place}tables/{part.name}.csv`"
            else:
                yield f"![{part.alt}]({place}figures/{part.name}.svg)"
                yield numbers.assign(part).caption

    out = [f"# {title}"]
    for heading, section in headed(sections):
        out += [f"## {heading}", *lines(section.parts)]
    return "\n\n".join(out) + "\n"


def page(sections: Sequence[Section], drawings: dict[str, str], title: str, beside: str = "", rules: str = "") -> str:
    """The report as one HTML page with style, script and ``drawings`` (SVG by figure name) inside, no external links.

    ``rules`` is extra CSS for this page.
    """
    place, numbers = f"{beside}/" if beside else "", Numbers()

    def elements(parts: Sequence[Part]) -> Iterator[str]:
        for part in folded(parts):
            if isinstance(part, str):
                yield _html(part)
            elif isinstance(part, Widget):
                yield part.html
            elif isinstance(part, Fold):
                yield f"<details><summary>{html.escape(part.title)}</summary>"
                yield from elements(part.parts)
                yield "</details>"
            elif isinstance(part, Table):
                rows = _html(table(part.shown))
                yield f'<figure class="table" id="table-{part.name}">'
                caption = f"<figcaption>{_inline(numbers.assign(part).caption)}</figcaption>"
                yield f'{caption}<div class="scroll">{rows}</div>'
                yield f'<p class="file">Numbers: <code>{place}tables/{part.name}.csv</code></p></figure>'
            else:
                numbered = numbers.assign(part)
                drawing = inline.element(drawings[part.name], f"f{numbered.number}", part.alt)
                caption = f"<figcaption>{_inline(numbered.caption)}</figcaption>"
                yield f'<figure id="figure-{part.name}"><div class="scroll">{drawing}</div>{caption}</figure>'

    contents, body, appendices = [], [], []
    for heading, section in headed(sections):
        slug, name = _slug(section.title), html.escape(heading)
        if section.kind == "appendix":
            appendices += [f'<details class="appendix" id="appendix-{slug}"><summary><h2>{name}</h2></summary>',
                           *elements(section.parts), "</details>"]  # fmt: skip
            continue
        contents.append((slug, heading))
        body.append(f'<section id="{slug}" class="{section.kind}"><h2>{name}</h2>')
        if section.kind == "chapter":
            prose = tuple(part for part in section.parts if isinstance(part, str))
            rest = tuple(part for part in section.parts if not isinstance(part, str))
            body += ["<div>", *elements(prose), "</div>"]
            body += ["<div>", *elements(rest), "</div>"] if rest else []
        else:
            body += elements(section.parts)
        body.append("</section>")
    if appendices:
        contents.append(("appendices", "Appendices"))
        body += ['<section id="appendices"><h2>Appendices</h2>', *appendices, "</section>"]
    return frame.document(title, body, contents, rules)


def drawn(figure: Figure) -> dict[str, bytes]:
    """A figure's bytes by format."""
    style.use()
    figure.drawing.dpi = style.DPI
    png, svg = io.BytesIO(), io.BytesIO()
    # Each canvas draws once; savefig would draw twice to fix the layout; here the PNG drawing fixes it for both.
    FigureCanvasAgg(figure.drawing).print_png(png, metadata={"Software": None})
    figure.drawing.set_layout_engine("none")
    FigureCanvasSVG(figure.drawing).print_svg(svg, metadata={"Date": None, "Creator": None})
    return {"svg": inline.compact(svg.getvalue()).encode(), "png": png.getvalue()}


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
            drawings[label] = files["svg"].decode()
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


def _slug(title: str) -> str:
    return re.sub(r"[^a-z]+", "-", title.lower()).strip("-")


def _html(text: str) -> str:
    return markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists"], output_format="html")


def _inline(text: str) -> str:
    return _html(text).removeprefix("<p>").removesuffix("</p>")
