"""The tokenized corpus as the engine uses it: every domain's tokens, memory-mapped, from one tokenizer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from regmix.core.errors import InputError
from regmix.core.files import read_json
from regmix.corpus.tokens.token_files import check_fingerprints, open_tokens


@dataclass(frozen=True)
class Corpus:
    """Training tokens of the trained domains and validation tokens of all; ``digest`` covers every byte.

    ``eos`` is the token that follows every document.
    """

    train: dict[str, np.ndarray]
    valid: dict[str, np.ndarray]
    fingerprint: str
    vocab: int
    eos: int
    digest: str

    def cut(self, tokens: Mapping[str, int] | None) -> Corpus:
        """This corpus with only the first ``tokens`` of each domain to train on, if it has more; None: all."""
        train = {name: part[: (tokens or {}).get(name, len(part))] for name, part in self.train.items()}
        lengths = {name: len(part) for name, part in train.items() if len(part) < len(self.train[name])}
        if not lengths:
            return self
        digest = hashlib.sha256(f"{self.digest} {sorted(lengths.items())}".encode()).hexdigest()
        return replace(self, train=train, digest=digest)


def open_corpus(root: Path, trained: Sequence[str]) -> Corpus:
    """Map ``root``/<domain> into memory for all domains in ``root``/domains.json, of which ``trained`` are trained on.

    Raises InputError on a missing domain, truncated file or mixed tokenizers.
    """
    domains, metas = read_json(root / "domains.json")["all"], {}
    if unknown := [name for name in trained if name not in domains]:
        raise InputError(f"{root}: no tokens of domain {unknown[0]!r}; run `dvc repro` again")
    for name in domains:
        path = root / name / "meta.json"
        try:
            metas[name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InputError(f"{path}: missing or unreadable; run `dvc repro` again") from None
        _check(metas[name], path)
    fingerprint = check_fingerprints(metas)
    train = {name: open_tokens(root / name, metas[name], "train") for name in trained}
    valid = {name: open_tokens(root / name, metas[name], "valid") for name in domains}
    digest = hashlib.sha256(fingerprint.encode())
    for side in (train, valid):
        for name, tokens in side.items():
            digest.update(hashlib.sha256(tokens.view(np.uint8).data).digest() + name.encode())
    first = metas[domains[0]]
    return Corpus(train, valid, fingerprint, first["vocab"], first["eos"], digest.hexdigest())


def _check(meta: Any, path: Path) -> None:
    """Raise InputError unless ``meta`` has every value used here, of the right type."""
    sides = [meta.get(side) for side in ("train", "valid")] if isinstance(meta, dict) else []
    tokens = [side.get("tokens") if isinstance(side, dict) else None for side in sides]
    numbers = [meta.get("vocab"), meta.get("eos"), *tokens] if sides else [None]
    if not all(type(number) is int for number in numbers) or not isinstance(meta.get("fingerprint"), str):
        raise InputError(f"{path}: damaged; delete its folder and run `dvc repro` again")


def digest_of(corpus: Corpus, tokens: Mapping[str, np.ndarray] | None) -> str:
    """The digest of what runs read: the corpus's, extended by any training ``tokens`` that replace its own."""
    if tokens is None:
        return corpus.digest
    digest = hashlib.sha256(corpus.digest.encode())
    for name, array in tokens.items():
        digest.update(name.encode() + hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).data).digest())
    return digest.hexdigest()
