"""Which files and library versions a result comes from, read off the imports, so that no list can drift from the code.

The closure of a file is all of this project's source that it imports, one file through the other, at any depth of
their code, with the plug-ins that they may load by name. Both caches rest on it: DVC re-runs a stage whose closure
changed (stages/code_digest.py), and a run is found in the store only under the closure that trained it
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

ROOT = Path(__file__).parents[2]  # of the source: the repository, or where the package is installed
LOCAL = ("regmix", "stages", "reports")
# Where the distribution has another name than the module; LightGBM and llvmlite work below others' modules.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "ruamel": "ruamel.yaml", "lm_eval": "lm-eval"}
BELOW = {"numba": ("llvmlite",), "lm_eval": ("datasets",)}


@dataclass(frozen=True)
class Imports:
    """Of one file: the project's own files, the distributions, and the plug-in packages it loads from by name."""

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
    """Of what is installed, without the part that names a build; None where it is not, as extras may not be."""
    try:
        return metadata.version(library).split("+")[0]
    except metadata.PackageNotFoundError:
        return None


def code(entries: Iterable[Path | str], chosen: Mapping[str, Iterable[str]] | None = None) -> Code:
    """The closure of ``entries``, files of this project.

    ``chosen`` names, by package, the only plug-ins that can be loaded here; of other packages all can.
    """
    chosen, found, libraries = chosen or {}, set[str](), set[str]()
    todo = {str(Path(entry).resolve().relative_to(ROOT)) if Path(entry).is_absolute() else str(entry)
            for entry in entries}  # fmt: skip
    while todo:
        name = todo.pop()
        found.add(name)
        read = imports(name)
        libraries |= read.libraries
        files = read.files.union(*(_plugins(package, chosen.get(package)) for package in read.plugins))
        todo |= files - found
    return Code(tuple(sorted(found)), tuple(sorted(libraries)))


@functools.cache
def imports(name: str) -> Imports:
    """Of the file ``name``, a path from the root. What is imported for type checkers alone never runs."""
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
    """All nodes but those within ``if TYPE_CHECKING:``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for other in node.orelse:
                yield from (other, *_running(other))
        else:
            yield node
            yield from _running(node)


def _files(module: str) -> set[str]:
    """The file of a module, with the packages it lies in; none if the name is one within a module."""
    path = Path(*module.split("."))
    if (ROOT / path.with_suffix(".py")).is_file():
        return {str(path.with_suffix(".py")), *_packages(str(path))}
    return set(_packages(str(path / "x"))) if (ROOT / path).is_dir() else set()


def _packages(name: str) -> Iterable[str]:
    """The __init__.py, where not empty, of the packages around a file."""
    for folder in Path(name).parents[:-1]:
        init = ROOT / folder / "__init__.py"
        if init.is_file() and init.stat().st_size and str(folder / "__init__.py") != name:
            yield str(folder / "__init__.py")


def _plugins(package: str, chosen: Iterable[str] | None) -> set[str]:
    folder = Path("regmix", package)
    if chosen is not None:
        return {str(folder / f"{kind}.py") for kind in chosen}
    return {str(folder / path.name) for path in (ROOT / folder).glob("*.py") if not path.name.startswith("_")}
