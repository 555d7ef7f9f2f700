"""What the pages show is what happens: their commands print these lines, their Python runs, their YAML is accepted."""

from __future__ import annotations

import doctest
import shutil
from contextlib import chdir
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from regmix import params
from regmix.constraints.settings import Constraints
from tests.docs import pages
from tests.docs.console import alike, execute, run, shown
from tests.docs.pages import PAGES, Block
from tests.paths import ROOT

RUN = ("console", "python", "pycon")


@pytest.mark.parametrize("page", [page for page in PAGES if pages.blocks(page, *RUN)], ids=pages.name)
def test_commands_and_python_do_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ROOT / "docs/example", tmp_path / "example"))
    module = ModuleType(page.stem)
    for block in pages.blocks(page, *RUN):
        with chdir(folder):
            {"console": _commands, "python": execute, "pycon": _session}[block.language](block, module)


def _commands(block: Block, module: ModuleType) -> None:
    for one in shown(block):
        printed = run(one.command, Path())
        assert alike(printed, one.output), (
            f"{pages.name(block.page)}:{one.line}: `{one.command}` prints\n" + "\n".join(printed)
            + "\nThe page shows\n" + "\n".join(one.output) + "\n`python -m tests.docs.refresh` corrects it."
        )  # fmt: skip


def _session(block: Block, module: ModuleType) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, {}, block.place, pages.name(block.page), block.line)
    test.globs = module.__dict__  # later blocks of the page go on with these names
    report: list[str] = []
    failed, _ = doctest.DocTestRunner(verbose=False).run(test, out=report.append, clear_globs=False)
    assert not failed, "".join(report)


YAML = [block for page in PAGES for block in pages.blocks(page, "yaml")]


@pytest.mark.parametrize("block", YAML, ids=lambda block: block.place)
def test_settings_are_accepted(block: Block) -> None:
    """Those of params.yaml as changes of the default; others are constraints."""
    shown = yaml.safe_load(block.text)
    default = yaml.safe_load((ROOT / "tests/fixtures/params.yaml").read_text())
    if not set(shown) <= set(default):
        Constraints(**shown)
        return
    assert not params.all_faults(_changed(default, shown)), block.place


def _changed(values: Any, changes: Any) -> Any:
    if not isinstance(values, dict) or not isinstance(changes, dict) or "kind" in changes:
        return changes
    return values | {key: _changed(values.get(key), change) for key, change in changes.items()}
