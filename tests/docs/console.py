"""Run the commands that a page shows, as a reader would: in one shell, in a copy of docs/example."""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

from regmix.cli.main import main
from tests.docs.pages import Block, name

NUMBER = re.compile(r"\d+(?:\.\d+)?")
OTHER_DIGITS = 2  # units of the last digit by which another processor's kernels may move a number


@dataclass(frozen=True)
class Shown:
    """A command in a block of `console`, with its line, and the output below it, from line ``below`` on."""

    line: int
    command: str
    below: int
    output: list[str]


def shown(block: Block) -> Iterator[Shown]:
    """The commands of a block; a backslash continues a command on the next line."""
    lines = list(enumerate(block.lines, block.line + 1))
    while lines:
        start, line = lines.pop(0)
        assert line.startswith("$ "), f"{block.place}: a console block starts with a command, `$ ...`"
        command = line[2:]
        while command.endswith("\\"):
            command = command[:-1] + lines.pop(0)[1].strip()
        below, output = block.line + len(block.lines) + 1 - len(lines), []
        while lines and not lines[0][1].startswith("$ "):
            output.append(lines.pop(0)[1])
        yield Shown(start, command, below, output)


def run(command: str, folder: Path) -> list[str]:
    """What a command prints, run in ``folder``: `regmix` or `cat`; `cd docs/example` leads there."""
    program, *words = shlex.split(command, comments=True)
    if program == "cd":
        return []
    if program == "cat":
        return "".join((folder / word).read_text() for word in words).splitlines()
    assert program == "regmix", f"{command}: console blocks run regmix and cat; show others in a block of `sh`"
    printed = io.StringIO()
    with (
        chdir(folder),
        redirect_stdout(printed),
        redirect_stderr(printed),
        patch.object(sys, "argv", [program, *words]),
    ):
        try:
            main()
        except SystemExit as stop:
            if isinstance(stop.code, str):
                printed.write(stop.code)
    return [line.rstrip() for line in printed.getvalue().rstrip("\n").splitlines()]


def execute(block: Block, module: ModuleType) -> None:
    """Run a block of Python in ``module``; the line of a fault is the page's own."""
    sys.modules[module.__name__] = module  # where dataclasses look their names up
    try:
        exec(compile("\n" * block.line + block.text, name(block.page), "exec"), module.__dict__)
    finally:  # this one alone: patch.dict would drop what the block imported, and Arrow's types register once
        del sys.modules[module.__name__]


def alike(printed: list[str], output: list[str]) -> bool:
    """Whether all words are equal, and all numbers but for ``OTHER_DIGITS``."""
    texts = "\n".join(printed), "\n".join(line.rstrip() for line in output)
    words, numbers = ([part(text) for text in texts] for part in (NUMBER.split, NUMBER.findall))
    return words[0] == words[1] and all(map(_near, *numbers))


def _near(one: str, other: str) -> bool:
    digits = [len(number.partition(".")[2]) for number in (one, other)]
    return digits[0] == digits[1] and round(abs(float(one) - float(other)) * 10 ** digits[0]) <= OTHER_DIGITS
