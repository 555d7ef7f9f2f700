"""Train the tokenizer on the training text of the trained domains, or use a given one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from regmix.core.errors import InputError
from regmix.core.files import prune, write_json, writing
from regmix.core.sections import Sections
from regmix.corpus.documents import first_chars, read_documents
from regmix.corpus.settings import Corpus, Tokenizer
from regmix.corpus.tokens import token_files, tokenizer
from stages.common.run import run


class Settings(Sections):
    corpus: Corpus
    tokenizer: Tokenizer


def tokenizer_train(params: Settings, *, extracted: Path, out: Path) -> None:
    """Write tokenizer.json, meta.json and the list of domains, domains.json, to OUT; EXTRACTED holds their text."""
    prune(extracted, params.corpus.domains, "stats.json")

    def texts() -> Iterator[str]:
        for domain in params.corpus.trained:
            path = extracted / domain / "train.jsonl"
            if path.is_file() and not path.stat().st_size:
                raise InputError(f"{path}: empty; delete it and run `dvc repro`")
            documents = read_documents(path)
            yield from first_chars(documents, params.tokenizer.domain_chars)

    if params.tokenizer.source == "train":
        chosen = tokenizer.train(texts(), params.tokenizer.vocab_size)
        eos = chosen.token_to_id(tokenizer.EOS)
    else:
        chosen, eos = tokenizer.load(params.tokenizer.source)
    vocab = tokenizer.vocab_size(chosen)
    token_files.dtype_for(vocab)  # refuses a vocabulary that no token file can hold
    with writing(out) as scratch:
        chosen.save(str(scratch / "tokenizer.json"))
        domains = {"all": list(params.corpus.domains), "trained": params.corpus.trained}
        write_json(scratch / "domains.json", domains)
        write_json(scratch / "meta.json", {"fingerprint": tokenizer.fingerprint(chosen), "vocab": vocab, "eos": eos})


if __name__ == "__main__":
    run(tokenizer_train)
