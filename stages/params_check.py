"""Check params.yaml, its plug-ins and the installed versions before any work. Not a stage: it writes nothing."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

from regmix.core.errors import InputError
from regmix.engine.compute.gpus import gpus
from regmix.params import Params, check_plugins
from stages.run import run


def params_check(params: Params) -> None:
    """Raise InputError for an unknown plug-in key, a path or a GPU that is not there, or a library that is not as
    pinned."""
    check_plugins(params)
    if params.machine.device == "cuda" and params.machine.launcher.kind == "local":  # others train elsewhere
        gpus()
    for name, domain in params.corpus.domains.items():
        if not domain.path.startswith("data/") and not Path(domain.path).exists():
            raise InputError(f"params.yaml: corpus.domains.{name}.path = {domain.path}: no such file or folder")
    pins = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["regmix"]["pins"]
    for library, version in pins.items():
        installed = metadata.version(library).split("+")[0]
        if installed != version:
            raise InputError(
                f"pyproject.toml: tool.regmix.pins.{library} = {version} but {installed} is installed; "
                "run `make install`, or change the pin here and in constraints.txt"
            )


if __name__ == "__main__":
    run(params_check)
