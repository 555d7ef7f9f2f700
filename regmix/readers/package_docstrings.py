"""Docstrings of installed packages: one document a docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from regmix.core.settings import Strict
from regmix.readers import _packages


class Options(Strict):
    packages: list[str]  # distribution names, as constraints.txt pins them
    min_chars: int  # shorter docstrings are dropped


def read(path: Path, options: Options) -> Iterator[str]:
    """Docstrings, dedented; ``path`` pins the versions. Raises InputError on a missing or other version."""
    for source in _packages.sources(path, options.packages):
        tree = _packages.parse(source)
        for node in _packages.documented(tree) if tree else ():
            docstring = ast.get_docstring(node)
            if docstring and len(docstring) >= options.min_chars:
                yield docstring
