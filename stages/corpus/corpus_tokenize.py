"""Turn the documents of every domain into token files."""

from __future__ import annotations

import shutil
from pathlib import Path

from regmix.core.errors import InputError
from regmix.core.files import read_json, write_json, writing
from regmix.core.sections import Sections
from regmix.corpus.settings import Corpus
from regmix.corpus.tokens.encode import content_key, encode_file
from regmix.corpus.tokens.encoded import Encoded, remove_parts
from regmix.corpus.tokens.token_files import check_fingerprints, dtype_for
from regmix.corpus.tokens.token_writer import write_tokens
from regmix.corpus.tokens.tokenizer import fingerprint, load_json
from stages.common.run import run


class Settings(Sections):
    corpus: Corpus


def corpus_tokenize(params: Settings, *, extracted: Path, tokenizer: Path, store: Path, out: Path) -> None:
    """Write train.bin, valid.bin and meta.json of each domain to OUT/<domain>, and the list of domains to OUT.

    TOKENIZER is the folder of tokenizer_train. STORE keeps finished parts until everything is written, and then the
    token files, so that a domain is encoded again only if its text, the tokenizer or the code has changed.
    """
    encoder = load_json(tokenizer / "tokenizer.json")
    meta = read_json(tokenizer / "meta.json")
    check_fingerprints(
        {str(tokenizer / "meta.json"): meta, "its tokenizer.json": {"fingerprint": fingerprint(encoder)}}
    )
    encoded, parts, dtype = Encoded(store / "tokens"), store / "parts", dtype_for(meta["vocab"])
    with writing(out) as scratch:
        shutil.copy(tokenizer / "domains.json", scratch)
        for domain in read_json(tokenizer / "domains.json")["all"]:
            stats = read_json(extracted / domain / "stats.json")
            if stats["domain"] != domain:
                wrong = f"{extracted / domain}: holds domain {stats['domain']!r}"
                raise InputError(f"{wrong}; run `dvc repro -f corpus/dvc.yaml:corpus_extract@{domain}`")
            (folder := scratch / domain).mkdir()
            sides = {}
            for side in ("train", "valid"):
                documents, tokens = extracted / domain / f"{side}.jsonl", folder / f"{side}.bin"
                if stats[side]["documents"] and documents.is_file() and not documents.stat().st_size:
                    raise InputError(f"{documents}: empty; delete it and run `dvc repro`")
                key = content_key(documents, meta)
                if not encoded.take(key, tokens):
                    chunks = encode_file(documents, encoder, meta, parts, params.corpus.workers)
                    write_tokens(tokens, chunks, meta["vocab"])
                    encoded.keep(key, tokens)
                sides[side] = {"tokens": tokens.stat().st_size // dtype.itemsize, **stats[side]}
            about = {"domain": domain, "dtype": dtype.name, "capped": stats["capped"]}
            write_json(folder / "meta.json", {**about, **meta, **sides})
    encoded.prune()
    remove_parts(parts)


if __name__ == "__main__":
    run(corpus_tokenize)
