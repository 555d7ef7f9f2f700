"""Which files of this repository a stage imports, read off the source."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Checks, command lines and names: they decide whether a stage runs, not what it computes.
HARNESS = {
    "regmix/core/errors.py",
    "regmix/params.py",
    "regmix/core/plugins.py",
    "regmix/published/settings.py",
    "stages/run.py",
}


def imports(path: Path) -> set[str]:
    """The repository's files that ``path`` imports, at any depth of its own code; empty __init__.py left out.

    What is imported for type checkers alone never runs.
    """
    names, tree = set(), ast.parse((ROOT / path).read_text())
    typing = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in set(ast.walk(tree)) - typing:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = {name.replace(".", "/") + ".py" for name in names}
    return {file for file in files if (ROOT / file).is_file()} - HARNESS


def closure(path: Path) -> list[str]:
    """``path`` and all that it imports, one through the other."""
    found, open_ = set(), {str(path)}
    while open_:
        file = open_.pop()
        found.add(file)
        open_ |= imports(Path(file)) - found
    return sorted(found)
