"""The explorer as HTML for a page: its data, style and scripts inline, so that it works offline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCRIPTS = ("predict.js", "search.js", "charts.js", "tables.js", "views.js", "explorer.js")  # in this order


def widget(data: Mapping[str, Any]) -> str:
    """The explorer of ``contents``, as the content of a section."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    code = "\n".join(source(name) for name in SCRIPTS)
    return "\n".join(
        [
            f"<style>\n{source('explorer.css')}</style>",
            source("explorer.html"),
            f'<script type="application/json" id="explorer-data">{text}</script>',
            f"<script>\n(() => {{\n{code}}})();\n</script>",
        ]
    )


def source(name: str) -> str:
    """One of the files beside this one."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
