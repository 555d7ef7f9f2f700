"""Python files in archives, read as text and never imported."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from regmix.core.settings import Strict
from regmix.readers import _archive, _text

TESTS = re.compile(r"(^|/)(tests?|testing|conftest\.py)(/|$)")
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Files(Strict):
    """The options that select files."""

    members: _archive.Patterns
    exclude: list[str]  # patterns of members to skip; tests are always skipped


def sources(path: Path, files: Files) -> Iterator[str]:
    """The text of each file that is not a test: patterns in the given order, names sorted.

    Raises InputError on a broken archive, a pattern without a match, a file that is not UTF-8.
    """
    for name, data in _archive.members(path, files.members, files.exclude):
        if not TESTS.search(name.rsplit("!", 1)[-1]):
            yield _text.decode(data, name).replace("\r\n", "\n")


def parse(source: str) -> ast.Module | None:
    """The syntax tree, or None if the file is a template or written for another version of Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for example about invalid escapes in a package's strings
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError):
            return None


def documented(node: ast.AST) -> Iterator[Documented]:
    """Modules, classes and functions at and below ``node``, in the order of the file.

    Visits statements only: expressions, nearly all of a tree, contain none.
    """
    if isinstance(node, Documented):
        yield node
    for block in ("body", "orelse", "finalbody", "handlers"):
        for child in getattr(node, block, ()):
            yield from documented(child)
