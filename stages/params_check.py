"""Check params.yaml and its plug-ins before any work. Not a stage: it writes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from regmix.checks import plug_ins
from regmix.core.faults import raised, refuse
from regmix.core.files import read_yaml
from regmix.corpus.settings import TOKENIZERS, Corpus, Tokenizer
from regmix.engine.compute.pytorch.gpus import gpus
from regmix.engine.machine import Machine
from regmix.params import Params, all_faults
from regmix.planning import planner
from stages.common.run import run

PARAMS = Path("params.yaml")


def params_check() -> None:
    """Raise Faults, a line for each fault of params.yaml, and for each path, GPU and memory that this machine lacks."""
    refuse(all_faults(read_yaml(PARAMS), (*plug_ins.CHECKS, texts, tokenizers, gpu)), PARAMS.name)
    refuse(memory(Params.load(), psutil.virtual_memory().total), PARAMS.name)


def tokenizers(tokenizer: Tokenizer) -> Iterator[str]:
    source = tokenizer.source
    if source.startswith(TOKENIZERS) and not Path(source).exists():
        yield f"tokenizer.source = {source}: no such file or folder; correct it"
    elif source != "train" and not source.startswith(TOKENIZERS) and Path(source).exists():
        yield f"tokenizer.source = {source}: move this folder to {TOKENIZERS}, on which tokenizer_train depends"


def texts(corpus: Corpus) -> Iterator[str]:
    for name, domain in corpus.domains.items():
        key = f"corpus.domains.{name}.path = {domain.path}"
        if not _writable(domain.path):
            yield f"{key}: this locale cannot write it; set LC_ALL=C.UTF-8"
        elif not domain.path.startswith("data/") and not Path(domain.path).exists():
            yield f"{key}: no such file or folder; correct it"


def _writable(path: str) -> bool:
    """Whether the file system can be asked for ``path``."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def gpu(machine: Machine) -> Iterator[str]:
    if machine.device == "cuda" and machine.launcher.kind == "local":  # others train elsewhere
        yield from raised(gpus)


def memory(params: Params, here: int) -> Iterator[str]:
    """A fault if a run needs more bytes than there are ``here``."""
    if params.machine.device == "cpu" and params.machine.launcher.kind == "local":
        works = planner.works(params, params.tokenizer.vocab_size, None)
        largest = max(works, key=lambda work: work.memory(params.machine))
        if (needed := largest.memory(params.machine)) > here:
            section = "target" if largest.target else "proxy"
            yield (
                f"{section}.shape: {largest.stage} takes about {needed / 1e9:,.0f} GB of memory, and this machine has "
                f"{here / 1e9:,.0f} GB; use a smaller shape or step, fewer machine.processes, or a cluster"
            )


if __name__ == "__main__":
    run(params_check)
