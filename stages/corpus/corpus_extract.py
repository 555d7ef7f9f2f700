"""Read one domain's text and split it into training and validation documents."""

from __future__ import annotations

from pathlib import Path

from regmix.core import plugins
from regmix.core.errors import InputError
from regmix.core.files import write_json, writing
from regmix.core.sections import Sections
from regmix.corpus.settings import Corpus
from regmix.corpus.sources import archives
from regmix.corpus.split import split_documents
from stages.common.run import run


class Settings(Sections):
    corpus: Corpus


def corpus_extract(params: Settings, *, domain: str, out: Path) -> None:
    """Write train.jsonl, valid.jsonl and stats.json of DOMAIN to OUT."""
    corpus = params.corpus
    if domain not in corpus.domains:
        raise InputError(f"params.yaml: corpus.domains: no {domain!r}; use one of {', '.join(corpus.domains)}")
    key, entry = f"corpus.domains.{domain}", corpus.domains[domain]
    reader = plugins.load("readers", entry.reader, f"{key}.reader")
    options = plugins.options(reader, entry.extras, key)
    path = Path(entry.path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; fix {key}.path, or run corpus_fetch")
    archives.verify(path, corpus.archives)
    with writing(out) as scratch:
        stats = split_documents(
            reader.read(path, options),
            scratch,
            domain,
            max_chars=corpus.chars_of(domain),
            valid_fraction=1.0 if domain in corpus.validation_only else corpus.valid_fraction,
            salt=corpus.split_salt,
        )
        write_json(scratch / "stats.json", stats)


if __name__ == "__main__":
    run(corpus_extract)
