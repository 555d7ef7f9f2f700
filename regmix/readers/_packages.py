"""Python sources of installed packages, read as text and never imported."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from regmix.core.errors import InputError

TESTS = {"tests", "test", "testing", "conftest.py"}
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def sources(constraints: Path, packages: Sequence[str]) -> Iterator[str]:
    """Texts of the .py files of ``packages`` in their order, files sorted, without tests.

    Raises InputError if a package is missing or has another version than ``constraints`` pins.
    """
    try:
        lines = constraints.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{constraints}: cannot be read ({error}); give the file that pins {packages[0]}") from None
    pins = dict(line.strip().split("==", 1) for line in lines if "==" in line and not line.startswith("#"))
    pins = {_normal(name): version for name, version in pins.items()}
    for package in packages:
        pin = pins.get(_normal(package))
        if pin is None:
            raise InputError(f"{constraints}: does not pin {package!r}; add it, or fix `packages` of the domain")
        try:
            distribution = metadata.distribution(package)
        except metadata.PackageNotFoundError:
            raise InputError(f"{package}: not installed; pip install {package}=={pin}") from None
        if distribution.version.split("+")[0] != pin:  # +cpu and the like are builds of one version
            raise InputError(
                f"{package}: version {distribution.version} is installed, {constraints} pins {pin}; "
                f"pip install {package}=={pin}"
            )
        files = [
            file for file in distribution.files or () if file.suffix == ".py" and not TESTS.intersection(file.parts)
        ]
        if not files:
            raise InputError(f"{package}: its installation lists no .py files; install it anew from a wheel")
        for file in sorted(files, key=str):
            try:
                source = Path(str(file.locate())).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"{package}: {file} cannot be read ({error}); install {package} anew") from None
            yield source


def parse(source: str) -> ast.Module | None:
    """The syntax tree, or None of a file that is a template or for another Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as invalid escapes in a package's strings
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError):
            return None


def documented(node: ast.AST) -> Iterator[Documented]:
    """Modules, classes and functions at and below ``node``, in the order of the file.

    Looks into statements only: expressions, nearly all of a tree, hold none.
    """
    if isinstance(node, Documented):
        yield node
    for block in ("body", "orelse", "finalbody", "handlers"):
        for below in getattr(node, block, ()):
            yield from documented(below)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
