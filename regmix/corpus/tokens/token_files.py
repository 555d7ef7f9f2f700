"""Token files: raw little-endian integers, memory-mapped. Needs only numpy.

A domain's folder holds train.bin, valid.bin and meta.json:
``{"domain", "dtype", "fingerprint", "vocab", "eos", "train": {"tokens", "documents", "chars"}, "valid": {...}}``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from regmix.core.errors import InputError


def dtype_for(vocab: int) -> np.dtype:
    """The smallest type for ids below ``vocab``: little-endian uint16, else uint32. Raises InputError."""
    for name in ("<u2", "<u4"):
        if vocab - 1 <= np.iinfo(name).max:
            return np.dtype(name)
    raise InputError(f"tokenizer: a vocabulary of {vocab} entries is too large for uint32 tokens; use a smaller one")


def open_tokens(folder: Path, meta: Mapping[str, Any], side: str) -> np.ndarray:
    """The tokens (T,) of one side, ``train`` or ``valid``, memory-mapped read-only: only the pages used are read.

    Raises InputError if the file is missing or its length does not match ``meta``.
    """
    path, dtype = folder / f"{side}.bin", dtype_for(meta["vocab"])
    expected = meta[side]["tokens"] * dtype.itemsize
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise InputError(f"{path}: missing; run `dvc repro` again") from None
    if size != expected:
        raise InputError(f"{path}: {size} bytes, but meta.json says {expected}; delete it and run `dvc repro` again")
    if not size:
        raise InputError(f"{path}: has no tokens; give the domain more text")
    return np.memmap(path, dtype=dtype, mode="r")


def windows(n_tokens: int, context: int) -> int:
    """The number of windows in ``n_tokens``: ``context`` inputs, and as many targets, shifted by one token.

    Window i is tokens i * context to (i + 1) * context inclusive, so every token except the first is a target once.
    """
    return max(0, (n_tokens - 1) // context)


def check_fingerprints(metas: Mapping[str, Mapping[str, Any]]) -> str:
    """The tokenizer fingerprint that all ``metas`` (artifact -> meta) share.

    Raises InputError, naming the artifact that differs from most of the others.
    """
    fingerprints = {name: meta["fingerprint"] for name, meta in metas.items()}
    common = Counter(fingerprints.values()).most_common(1)[0][0]
    for name, fingerprint in fingerprints.items():
        if fingerprint != common:
            match = next(name for name, value in fingerprints.items() if value == common)
            raise InputError(
                f"{name}: made with tokenizer {fingerprint[:12]}, but {match} with {common[:12]}; "
                "run `dvc repro`, so that both use the same tokenizer"
            )
    return common
