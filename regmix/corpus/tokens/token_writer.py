"""Writing token files. Apart from reading them, because trained runs' keys cover the code that reads.

See token_files.py for the format.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from regmix.core.errors import InputError
from regmix.corpus.tokens.token_files import dtype_for


def write_tokens(path: Path, chunks: Iterable[np.ndarray], vocab: int) -> int:
    """Write integer ``chunks`` (T,) one after the other; returns the number of tokens.

    Holds one chunk in memory; the file appears once it is complete. Raises InputError if an id is not
    below ``vocab``.
    """
    dtype = dtype_for(vocab)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")  # another process may write it too
    tokens = 0
    try:
        with partial.open("wb") as file:
            for chunk in chunks:
                if len(chunk) and not 0 <= int(chunk.min()) <= int(chunk.max()) < vocab:
                    raise InputError(f"{path}: token {int(chunk.max())} is outside the vocabulary of {vocab} entries")
                file.write(chunk.astype(dtype).tobytes())
                tokens += len(chunk)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return tokens
