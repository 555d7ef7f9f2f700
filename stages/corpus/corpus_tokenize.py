"""Turn one domain's documents into token files."""

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


def corpus_tokenize(params: Settings, *, domain: str, extracted: Path, tokenizer: Path, store: Path, out: Path) -> None:
    """Write train.bin, valid.bin and meta.json of DOMAIN to OUT, with the tokenizer of the folder TOKENIZER.

    Finished parts stay in STORE until everything is written.
    """
    given = load_json(tokenizer / "tokenizer.json")
    meta = read_json(tokenizer / "meta.json")
    check_fingerprints({str(tokenizer / "meta.json"): meta, "its tokenizer.json": {"fingerprint": fingerprint(given)}})
    stats = read_json(extracted / "stats.json")
    if stats["domain"] != domain:
        raise InputError(f"{extracted}: holds domain {stats['domain']!r}, not {domain!r}; give the folder of {domain}")
    sides = {}
    with writing(out) as scratch:
        for side in ("train", "valid"):
            chunks = encode_file(extracted / f"{side}.jsonl", given, meta, store / domain, params.corpus.workers)
            sides[side] = {"tokens": write_tokens(scratch / f"{side}.bin", chunks, meta["vocab"]), **stats[side]}
        write_json(scratch / "meta.json", {"domain": domain, "dtype": dtype_for(meta["vocab"]).name, **meta, **sides})
    shutil.rmtree(store / domain)


if __name__ == "__main__":
    run(corpus_tokenize)
