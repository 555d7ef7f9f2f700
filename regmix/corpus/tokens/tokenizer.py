"""The tokenizer that all domains share: trained here or given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from regmix.core.errors import InputError, reason_of

EOS = "<|endoftext|>"
# Its names in published tokenizer.json files; the file itself does not say which token it is.
KNOWN_EOS: tuple[str, ...] = (EOS, "</s>", "<eos>", "<|end_of_text|>", "<|eos|>")
BATCH_CHARS = 200_000  # characters encoded at a time


def train(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE with at most ``vocab_size`` entries: EOS, the 256 bytes, then merges.

    The same texts in the same order give the same tokenizer.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[EOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def load(source: str) -> tuple[Tokenizer, int]:
    """A tokenizer and the id of its end-of-text token, from a tokenizer.json or a name that transformers knows.

    Raises InputError if it cannot be read or has no end-of-text token.
    """
    if source.endswith(".json"):
        tokenizer, names = load_json(Path(source)), KNOWN_EOS
    else:
        tokenizer, names = _from_transformers(source)
    eos = next((index for index in map(tokenizer.token_to_id, names) if index is not None), None)
    if eos is None:
        raise InputError(f"tokenizer.source {source!r}: has none of the end-of-text tokens {', '.join(names)}; add one")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer, eos


def load_json(path: Path) -> Tokenizer:
    """The tokenizer of a tokenizer.json. Raises InputError."""
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # tokenizers raises bare Exception
        raise InputError(f"{path}: cannot be read as a tokenizer.json ({error}); fix or replace it") from None


def _from_transformers(name: str) -> tuple[Tokenizer, tuple[str, ...]]:
    from transformers import AutoTokenizer  # imported here, because it takes seconds

    try:
        loaded = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        return loaded.backend_tokenizer, (loaded.eos_token,) if loaded.eos_token else KNOWN_EOS
    except Exception as error:  # the hub's client raises many types
        reason = reason_of(error)
        raise InputError(
            f"tokenizer.source {name!r}: neither `train`, a .json file nor a tokenizer that transformers "
            f"can load ({reason}); fix it, or check the network"
        ) from None


def vocab_size(tokenizer: Tokenizer) -> int:
    """One more than the largest id; added tokens can leave gaps below it."""
    return max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1


def fingerprint(tokenizer: Tokenizer) -> str:
    """sha256 of the tokenizer's JSON with sorted keys, so that the layout of the file does not matter."""
    canonical = json.dumps(json.loads(tokenizer.to_str()), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def encode(tokenizer: Tokenizer, texts: Iterable[str], eos: int) -> Iterator[np.ndarray]:
    """Tokens of ``texts`` in order, ``eos`` after each, in chunks (T,) of uint32.

    The text of a special token in a document is encoded as ordinary text. One batch is in memory at a time.
    """
    tokenizer.encode_special_tokens = True
    for batch in _batches(texts):
        # The fast call gives the same ids without their offsets in the text.
        ids: list[int] = []
        for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
            ids += encoding.ids
            ids.append(eos)
        yield np.array(ids, dtype=np.uint32)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    chars = 0
    for text in texts:
        batch.append(text)
        chars += len(text)
        if chars >= BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch
