"""Python files in archives, docstrings stripped: one document per file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from regmix.core.settings import Count, NonNegative
from regmix.readers import _python


class Options(_python.Files):
    min_chars: NonNegative  # of a file without its docstrings; files outside this range are dropped
    max_chars: Count

    def _faults(self) -> Iterator[str]:
        if self.min_chars > self.max_chars:
            yield f"min_chars = {self.min_chars}: above max_chars ({self.max_chars}), so no file is left; lower it"


def read(path: Path, options: Options) -> Iterator[str]:
    """Files without docstrings. Raises InputError on a broken archive, a missing member, a file not in UTF-8."""
    for source in _python.sources(path, options):
        tree = _python.parse(source)
        code = strip_docstrings(source, tree) if tree else ""
        if options.min_chars <= len(code) <= options.max_chars:
            yield code


def strip_docstrings(source: str, tree: ast.Module) -> str:
    """``source`` without the lines of its docstrings; everything else stays as written, including comments."""
    lines = source.split("\n")
    for node in _python.documented(tree):
        if ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
            assert docstring.end_lineno is not None  # set by the parser
            for number in range(docstring.lineno - 1, docstring.end_lineno):
                lines[number] = "\0"  # no source contains this character
    return "\n".join(line for line in lines if line != "\0")
