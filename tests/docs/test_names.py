"""What the pages name exists: targets of make, stages, modules, options of `regmix`, keys of params.yaml, files."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from profiles import progress
from regmix.cli.main import app
from tests.docs import pages
from tests.docs.pages import PAGES, Block
from tests.paths import ROOT

MAKE = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), flags=re.M))
STAGES = set(progress.stages(ROOT))
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
PARAMS = yaml.safe_load((ROOT / "tests/fixtures/params.yaml").read_text())
TRACKED = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
                         check=False).stdout.split()  # fmt: skip
TOP = {name.split("/")[0] for name in TRACKED if "/" in name}
CODE = re.compile(r"`([^`\n]+)`")
WRITTEN = ("data/", "reports/", "published/data", "metrics/", "my/")  # by a run, or by the reader


def commands(page: Path) -> Iterator[tuple[int, str]]:
    """Commands in blocks of `sh`, and those in the text, with their lines."""
    for block in pages.blocks(page, "sh"):
        for number, line in _joined(block):
            for part in re.split(r"&&|;", line.split(" #")[0]):
                yield number, part.strip()
    for number, line in pages.prose(page):
        for word in CODE.findall(line):
            if word.split()[0] in ("make", "dvc", "python", "regmix"):
                yield number, word


def _joined(block: Block) -> Iterator[tuple[int, str]]:
    """The lines of a block, those that a backslash continues as one."""
    start, parts = block.line + 1, list[str]()
    for number, line in enumerate(block.lines, start):
        parts.append(line.removesuffix("\\"))
        if not line.endswith("\\"):
            yield start, " ".join(parts)
            start, parts = number + 1, []


def unknown(command: str) -> Iterator[str]:
    """What a command names and does not exist."""
    words = shlex.split(command)
    if words[:1] == ["make"]:
        yield from (word for word in words[1:2] if word not in MAKE)
    elif words[:2] == ["python", "-m"] and words[2].split(".")[0] in TOP:
        module = ROOT / words[2].replace(".", "/")
        yield from [] if module.with_suffix(".py").is_file() or module.is_dir() else [words[2]]
    elif words[:1] == ["dvc"] and words[1:2] in (["repro"], ["exp"]):
        names = [word for word in words[2:] if re.match(r"^([\w/]+\.yaml:)?[a-z]+_[a-z_]+(@[\w-]+)?$", word)]
        yield from (word for word in names if word.split(":")[-1].split("@")[0] not in STAGES)
        yield from (word for word in words if re.match(r"^[\w.]+=", word) and not _key(word.split("=")[0]))
    elif words[:1] == ["regmix"] and len(words) > 1 and not words[1].startswith("-") and words[1] != "COMMAND":
        known = COMMANDS.get(words[1])
        options = {"--help"} | ({name for one in known.params for name in one.opts} if known else set())
        yield from ([] if known else [words[1]])
        yield from (word for word in words if word.startswith("--") and word not in options)


def _key(dotted: str) -> bool:
    """Whether params.yaml has a key."""
    node = PARAMS
    for part in dotted.split("."):
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return True


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_commands_name_what_exists(page: Path) -> None:
    missing = [f"{pages.name(page)}:{line}: `{command}`: no {name}"
               for line, command in commands(page) for name in unknown(command)]  # fmt: skip
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_files_and_keys_in_the_text_exist(page: Path) -> None:
    missing = []
    for number, line in pages.prose(page):
        for word in CODE.findall(line):
            top = word.split("/")[0]
            path = "/" in word and top in TOP and re.fullmatch(r"[\w./-]+", word) and not word.startswith(WRITTEN)
            lost = path and not re.search("[A-Z]{4}", word) and not (ROOT / word).exists()
            key = re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", word) and word.split(".")[0] in PARAMS
            if lost or (key and not _key(word) and not word.endswith((".yaml", ".py", ".md", ".txt"))):
                missing.append(f"{pages.name(page)}:{number}: `{word}`")
    assert not missing, "\n".join(missing)
