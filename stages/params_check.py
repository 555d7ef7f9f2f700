"""Check params.yaml and its plug-ins before any work. Not a stage: it writes nothing."""

from __future__ import annotations

from pathlib import Path

from regmix.core.errors import InputError
from regmix.engine.compute.gpus import gpus
from regmix.params import Params, check_plugins
from stages.run import run


def params_check(params: Params) -> None:
    """Raise InputError for an unknown plug-in key, or a missing path or GPU."""
    check_plugins(params)
    if params.machine.device == "cuda" and params.machine.launcher.kind == "local":  # others train elsewhere
        gpus()
    for name, domain in params.corpus.domains.items():
        if not domain.path.startswith("data/") and not Path(domain.path).exists():
            raise InputError(f"params.yaml: corpus.domains.{name}.path = {domain.path}: no such file or folder")


if __name__ == "__main__":
    run(params_check)
