"""The frame of every page: one HTML file with its style and script inside, so that it can be sent."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

_HERE = Path(__file__).parent


def style(*names: str) -> str:
    """The CSS of these files, one after the other."""
    return "".join((_HERE / f"{name}.css").read_text(encoding="utf-8") for name in names)


def document(title: str, body: Sequence[str], contents: Sequence[tuple[str, str]] = (), rules: str = "") -> str:
    """The page with ``body``, elements of HTML, below its title.

    ``contents`` are the ids and names of its sections; ``rules`` is extra CSS.
    """
    css = style("drawings", "page") + rules
    links = "".join(f'<li><a href="#{slug}">{html.escape(name)}</a></li>' for slug, name in contents)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title>",
            f"<style>\n{css}</style></head><body>",
            '<a class="skip" href="#main">Skip to the text</a>',
            f"<header><h1>{html.escape(title)}</h1></header>",
            *([f'<nav aria-label="Contents"><ul>{links}</ul></nav>'] if links else []),
            '<main id="main">',
            *body,
            "</main>",
            f"<script>\n{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>",
            "</body></html>\n",
        ]
    )
