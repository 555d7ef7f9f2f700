"""The site builds without a warning, links and anchors included, loads nothing from the web, and is up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate.pages import PAGES as GENERATED
from tests.docs import pages
from tests.docs.pages import PAGES
from tests.docs.test_names import WRITTEN
from tests.paths import ROOT

LOADED = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=["']?(?:https?:)?//[^"'\s>]+""")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def test_the_site_builds_strictly_and_loads_nothing_from_the_web(tmp_path: Path) -> None:
    pytest.importorskip("material")
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert build.returncode == 0, build.stderr
    built = list(tmp_path.rglob("*.html"))
    assert len(built) > len(PAGES) / 2
    assert not [f"{page.name}: {tag}" for page in built for tag in LOADED.findall(page.read_text())]


@pytest.mark.parametrize("path", GENERATED, ids=pages.name)
def test_the_reference_is_that_of_the_code(path: Path) -> None:
    assert path.read_text() == GENERATED[path](), "run python -m docs.generate"


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == ROOT], ids=pages.name)
def test_files_that_a_page_outside_of_the_site_links_to_exist(page: Path) -> None:
    """mkdocs checks the links of its own pages."""
    named = [(number, target) for number, line in pages.prose(page) for target in LINK.findall(line)]
    lost = [f"{pages.name(page)}:{number}: {target}" for number, target in named
            if not target.startswith(WRITTEN) and not (page.parent / target).exists()]  # fmt: skip
    assert not lost, "\n".join(lost)
