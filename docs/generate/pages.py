"""Which reference pages are generated, and the Markdown that they share."""

from __future__ import annotations

from pathlib import Path

from docs.generate import api, command, params

FOLDER = Path(__file__).parents[1] / "reference"
PAGES = {
    FOLDER / "command.md": command.render,
    FOLDER / "params.md": params.render,
    FOLDER / "api.md": api.render,
}
