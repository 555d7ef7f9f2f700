"""Docstrings of the Python files in archives: one document per docstring."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from regmix.core.settings import NonNegative
from regmix.readers import _python


class Options(_python.Files):
    min_chars: NonNegative  # shorter docstrings are dropped


def read(path: Path, options: Options) -> Iterator[str]:
    """Docstrings, dedented. Raises InputError on a broken archive, a missing member, a file not in UTF-8."""
    for source in _python.sources(path, options):
        tree = _python.parse(source)
        for node in _python.documented(tree) if tree else ():
            docstring = ast.get_docstring(node)
            if docstring and len(docstring) >= options.min_chars:
                yield docstring
