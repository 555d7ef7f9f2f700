"""Turn the documents of every domain into token files."""

from __future__ import annotations

import shutil
from pathlib import Path

from regmix.core.errors import InputError
from regmix.core.files import read_json, write_json, writing
from regmix.core.sections import Sections
from regmix.corpus.encode import encode_file
from regmix.corpus.settings import Corpus
from regmix.corpus.token_files import check_fingerprints, dtype_for, write_tokens
from regmix.corpus.tokenizer import fingerprint, load_json
from stages.run import run


class Settings(Sections):
    corpus: Corpus


def corpus_tokenize(params: Settings, *, extracted: Path, tokenizer: Path, store: Path, out: Path) -> None:
    """Write train.bin, valid.bin and meta.json of each domain to OUT/<domain>, with the tokenizer of TOKENIZER, and the
    list of domains to OUT/domains.json.

    Finished parts stay in STORE until everything is written. One stage does all domains: they share the tokenizer, so
    whatever changes it changes every token file.
    """
    given = load_json(tokenizer / "tokenizer.json")
    meta = read_json(tokenizer / "meta.json")
    check_fingerprints({str(tokenizer / "meta.json"): meta, "its tokenizer.json": {"fingerprint": fingerprint(given)}})
    domains, parts = read_json(tokenizer / "domains.json")["all"], store / "tokens"
    with writing(out) as scratch:
        shutil.copy(tokenizer / "domains.json", scratch)
        for domain in domains:
            stats = read_json(extracted / domain / "stats.json")
            if stats["domain"] != domain:
                wrong = f"{extracted / domain}: holds domain {stats['domain']!r}"
                raise InputError(f"{wrong}; run `dvc repro -f corpus_extract@{domain}`")
            (folder := scratch / domain).mkdir()
            sides = {}
            for side in ("train", "valid"):
                documents = extracted / domain / f"{side}.jsonl"
                chunks = encode_file(documents, given, meta, parts, params.corpus.workers)
                sides[side] = {"tokens": write_tokens(folder / f"{side}.bin", chunks, meta["vocab"]), **stats[side]}
            write_json(
                folder / "meta.json", {"domain": domain, "dtype": dtype_for(meta["vocab"]).name, **meta, **sides}
            )
    shutil.rmtree(parts)


if __name__ == "__main__":
    run(corpus_tokenize)
