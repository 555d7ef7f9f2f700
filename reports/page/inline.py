"""Matplotlib's SVG, made small, and as an element of the page: its text is text, its colours follow light and dark."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from reports.page import style

_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_COLOURS = {style.INK: "ink", style.MUTED: "muted", style.PALE: "line", style.GRID: "grid", "#ffffff": "paper"}
_MEASURES = ("d", "x", "y", "width", "height", "transform")

ElementTree.register_namespace("", _SVG.strip("{}"))
ElementTree.register_namespace("xlink", _LINK.split("}")[0].strip("{"))


def compact(svg: bytes) -> str:
    """The same picture in a fifth of the bytes.

    Drops metadata and empty groups, rounds coordinates to a hundredth of a point, and turns points that look alike
    into an invisible line with a marker at each corner.
    """
    root = ElementTree.fromstring(svg)
    for child in root.findall(f"{_SVG}metadata"):
        root.remove(child)
    shapes = {path.get("id", ""): path for path in root.iter(f"{_SVG}path")}
    numbers = itertools.count(1)
    for parent in list(root.iter()):
        parent[:] = [new for run in _runs(list(parent)) for new in _pointed(run, shapes, numbers)]
    named = {element.get("id") for element in root.iter()}
    linked = dict.fromkeys(re.findall(r"#([\w-]+)", ElementTree.tostring(root, encoding="unicode")))
    names = {name: f"i{number}" for number, name in enumerate(name for name in linked if name in named)}
    for element in root.iter():
        if (name := element.attrib.pop("id", "")) in names:
            element.set("id", names[name])
        for key, value in element.attrib.items():
            if key in _MEASURES:
                value = re.sub(r"-?\d+\.\d+", lambda match: _short(match.group()), value)
                value = re.sub(r"\s+(?=[A-Za-z])|(?<=[A-Za-z])\s+", "", value).strip()
            element.set(key, re.sub(r"#([\w-]+)", lambda match: f"#{names.get(match.group(1), match.group(1))}", value))
        element.text, element.tail = (element.text or "").strip(), None
    _unwrap(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def element(svg: str, prefix: str, alt: str) -> str:
    """The drawing for the page; ``prefix`` makes its ids unique there, ``alt`` describes it."""
    body = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)  # would apply to the whole page
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", body)
    for colour, variable in _COLOURS.items():
        body = re.sub(rf"(?<=: ){colour}\b", f"var(--{variable})", body)
    box = re.search(r'viewBox="[^"]+"', body)
    head = f'<svg {box.group() if box else ""} role="img" aria-label="{html.escape(alt, quote=True)}">'
    return head + body[body.index(">") + 1 :].strip()


def _runs(children: list[Element]) -> Iterator[list[Element]]:
    """The children, with consecutive uses of one shape in one style grouped."""

    def look(child: Element) -> tuple[str, ...]:
        return (child.get(_LINK, ""), child.get("style", "")) if child.tag == f"{_SVG}use" else (str(id(child)),)

    for _, run in itertools.groupby(children, look):
        yield list(run)


def _pointed(run: list[Element], shapes: dict[str, Element], numbers: Iterator[int]) -> list[Element]:
    """A group of three or more uses as a line with markers."""
    if len(run) < 3:
        return run
    shape = shapes[run[0].get(_LINK, "").removeprefix("#")]
    name = f"points{next(numbers)}"
    marker = Element(f"{_SVG}marker", id=name, overflow="visible", markerUnits="userSpaceOnUse")
    drawn = {"d": shape.get("d", ""), "style": "; ".join(filter(None, (run[0].get("style"), shape.get("style"))))}
    marker.append(Element(f"{_SVG}path", drawn))
    corners = " L ".join(f"{use.get('x')} {use.get('y')}" for use in run)
    line = {"d": f"M {corners}", "style": f"fill: none; stroke: none; marker: url(#{name})"}
    return [marker, Element(f"{_SVG}path", line)]


def _unwrap(parent: Element) -> None:
    """Replace groups without attributes by their children."""
    for child in parent:
        _unwrap(child)
    parent[:] = [
        inner
        for child in parent
        for inner in (list(child) if child.tag == f"{_SVG}g" and not child.attrib else [child])
    ]


def _short(number: str) -> str:
    return f"{float(number) + 0.0:.2f}".rstrip("0").rstrip(".")
