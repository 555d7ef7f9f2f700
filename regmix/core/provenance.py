"""The files and library versions behind a result, derived from the imports, so that no list can drift from the code.

The closure of a file is all of this project's source that it imports, directly or indirectly, at any depth of the
code, plus the plug-ins that can be loaded by name. Both caches rely on it: DVC re-runs a stage whose closure changed
(stages/code_digest.py), and a run in the store is reused only under the closure that trained it
(engine/store/keys.py).
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]  # root of the source: the repository, or where the package is installed
LOCAL = ("regmix", "stages", "reports")
# Distributions whose name differs from the module's, and libraries that others use underneath.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "ruamel": "ruamel.yaml", "lm_eval": "lm-eval"}
_HUB = ("huggingface-hub", "safetensors", "tokenizers")
BELOW = {
    "datasets": ("huggingface-hub", "numpy", "pandas", "pyarrow"),
    "lm_eval": ("datasets", "evaluate", "jinja2", "pandas", "pyarrow", "regex", "sacrebleu", "scikit-learn",
                "transformers", *_HUB),
    "numba": ("llvmlite",),
    "pandas": ("numpy",),
    "transformers": ("regex", *_HUB),
}  # fmt: skip


@dataclass(frozen=True)
class Imports:
    """What one file imports: project files, distributions, and the plug-in packages that it loads from by name."""

    files: frozenset[str]
    libraries: frozenset[str]
    plugins: frozenset[str]


@dataclass(frozen=True)
class Code:
    """``files`` (paths from the root, sorted) and ``libraries`` (distributions, sorted) behind a result."""

    files: tuple[str, ...]
    libraries: tuple[str, ...]

    def to_json(self) -> dict[str, dict[str, str]]:
        """The hash of every file and the installed version of every library."""
        return {
            "files": {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest()[:16] for name in self.files},
            "libraries": {name: version for name in self.libraries if (version := _version(name))},
        }

    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.to_json()).encode()).hexdigest()


def _version(library: str) -> str | None:
    """The installed version without its build tag; None if not installed, as extras may be missing."""
    try:
        return metadata.version(library).split("+")[0]
    except metadata.PackageNotFoundError:
        return None


def code(entries: Iterable[Path | str], chosen: Mapping[str, Iterable[str]] | None = None) -> Code:
    """The closure of ``entries``, files of this project.

    ``chosen`` names, by package, the only plug-ins that can be loaded here; all plug-ins of other packages can.
    """
    chosen, visited, libraries = chosen or {}, set[str](), set[str]()
    todo = {str(Path(entry).resolve().relative_to(ROOT)) if Path(entry).is_absolute() else str(entry)
            for entry in entries}  # fmt: skip
    while todo:
        name = todo.pop()
        visited.add(name)
        read = imports(name)
        libraries |= read.libraries
        files = read.files.union(*(_plugins(package, chosen.get(package)) for package in read.plugins))
        todo |= files - visited
    return Code(tuple(sorted(visited)), tuple(sorted(libraries)))


@functools.cache
def imports(name: str) -> Imports:
    """The imports of the file ``name``, a path from the root; imports only for type checkers do not count."""
    files, libraries, plugins = set(_packages(name)), set[str](), set[str]()
    for node in _running(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "plugins.load":
            plugins |= {str(node.args[0].value)} if isinstance(node.args[0], ast.Constant) else set()
        for module in names:
            top = module.split(".")[0]
            if top in LOCAL:
                files |= _files(module)
            elif top not in sys.stdlib_module_names:
                libraries |= {DISTRIBUTIONS.get(top, top), *BELOW.get(top, ())}
    return Imports(frozenset(files - {name}), frozenset(libraries), frozenset(plugins))


def _running(tree: ast.AST) -> Iterable[ast.AST]:
    """All nodes except those inside ``if TYPE_CHECKING:``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for branch in node.orelse:
                yield from (branch, *_running(branch))
        else:
            yield node
            yield from _running(node)


def _files(module: str) -> set[str]:
    """The file of a module and its packages' __init__.py; no file if the name is defined inside a module."""
    path = Path(*module.split("."))
    if (ROOT / path.with_suffix(".py")).is_file():
        return {str(path.with_suffix(".py")), *_packages(str(path))}
    return set(_packages(str(path / "x"))) if (ROOT / path).is_dir() else set()


def _packages(name: str) -> Iterable[str]:
    """The non-empty __init__.py files of the packages around a file."""
    for folder in Path(name).parents[:-1]:
        init = ROOT / folder / "__init__.py"
        if init.is_file() and init.stat().st_size and str(folder / "__init__.py") != name:
            yield str(folder / "__init__.py")


def _plugins(package: str, chosen: Iterable[str] | None) -> set[str]:
    folder = Path("regmix", package)
    if chosen is not None:
        return {str(folder / f"{kind}.py") for kind in chosen}
    return {str(folder / path.name) for path in (ROOT / folder).glob("*.py") if not path.name.startswith("_")}
