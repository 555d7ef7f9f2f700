"""Check params.yaml and its plug-ins before any work. Not a stage: it writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from regmix.checks import plug_ins
from regmix.core.faults import raised, refuse
from regmix.core.files import read_yaml
from regmix.corpus.settings import Corpus
from regmix.engine.compute.gpus import gpus
from regmix.engine.machine import Machine
from regmix.params import all_faults
from stages.run import run

PARAMS = Path("params.yaml")


def params_check() -> None:
    """Raise Faults, a line for each fault of params.yaml, and for each path and GPU that this machine lacks."""
    refuse(all_faults(read_yaml(PARAMS), (*plug_ins.CHECKS, texts, gpu)), PARAMS.name)


def texts(corpus: Corpus) -> Iterator[str]:
    for name, domain in corpus.domains.items():
        if not domain.path.startswith("data/") and not Path(domain.path).exists():
            yield f"corpus.domains.{name}.path = {domain.path}: no such file or folder; correct it"


def gpu(machine: Machine) -> Iterator[str]:
    if machine.device == "cuda" and machine.launcher.kind == "local":  # others train elsewhere
        yield from raised(gpus)


if __name__ == "__main__":
    run(params_check)
