"""Write into the pages what their commands print today: python -m tests.docs.refresh [PAGE...]."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from types import ModuleType

from tests.docs.console import alike, execute, run, shown
from tests.docs.pages import PAGES, blocks
from tests.paths import ROOT


def refresh(page: Path) -> None:
    """Replace each output that differs, in a page that has any."""
    lines, moved = page.read_text().splitlines(), 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(shutil.copytree(ROOT / "docs/example", Path(scratch) / "example"))
        module = ModuleType(page.stem)
        for block in blocks(page, "console", "python"):
            with chdir(folder):
                if block.language == "python":
                    execute(block, module)
                    continue
                for one in shown(block):
                    printed = run(one.command, folder)
                    if not alike(printed, one.output):
                        start = one.below - 1 + moved
                        lines[start : start + len(one.output)] = printed
                        moved += len(printed) - len(one.output)
    page.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    for page in [Path(word).resolve() for word in sys.argv[1:]] or PAGES:
        refresh(page)
