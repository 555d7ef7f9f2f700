"""Write the reference pages: python -m docs.generate."""

from __future__ import annotations

from docs.generate.pages import PAGES

if __name__ == "__main__":
    for path, render in PAGES.items():
        path.write_text(render())
