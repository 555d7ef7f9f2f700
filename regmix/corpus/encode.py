"""A domain's documents as tokens, part by part: what a killed run had finished is not encoded again.

A part is a run of lines of a documents file. Its tokens are kept in a file by content: the key covers
the part's bytes, the tokenizer and the code, so that a part is found again whatever else has changed.
Processes share the parts: on two cores threads are as fast, but Python's lock, which reading lines and
turning ids into arrays need, would bind them on many.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from regmix.core import provenance
from regmix.core.errors import InputError
from regmix.corpus import token_files, tokenizer
from regmix.corpus.documents import line_ranges, read_documents

# By the file alone: were it by the number of workers, another number would find no part of a killed run.
PARTS = 64  # of a documents file, so that many processes have work
LEAST_BYTES, MOST_BYTES = 1 << 20, 1 << 26  # of documents in a part


@dataclass(frozen=True)
class Work:
    """What a process needs beside a part's place; handed over by fork."""

    documents: Path
    tokenizer: Tokenizer
    meta: Mapping[str, Any]
    store: Path


def encode_file(
    documents: Path, given: Tokenizer, meta: Mapping[str, Any], store: Path, workers: int
) -> Iterator[np.ndarray]:
    """Tokens of a documents file in order, end of text after each document, in chunks (T,).

    ``meta`` holds the ``fingerprint`` of the tokenizer ``given``, ``vocab`` and ``eos``. ``workers`` processes
    encode; their number changes no byte. Finished parts lie in the folder ``store``, which may go once the
    tokens are written. A process holds a batch of documents at a time, this one a part's tokens.
    Raises InputError if the documents are missing or damaged, or a process is killed.
    """
    store.mkdir(parents=True, exist_ok=True)
    work = Work(documents, given, meta, store)
    pending: deque[Future[Path]] = deque()
    dtype = token_files.dtype_for(meta["vocab"])
    with _one_thread(), ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _prepare, (work,)) as pool:
        try:
            for part in line_ranges(documents, count=PARTS, least=LEAST_BYTES, most=MOST_BYTES):
                pending.append(pool.submit(_encode_part, *part))
                if len(pending) > 2 * workers:
                    yield np.fromfile(pending.popleft().result(), dtype)
            while pending:
                yield np.fromfile(pending.popleft().result(), dtype)
        except BrokenProcessPool:
            raise InputError(
                f"{documents}: a process that encodes it was killed, perhaps for want of memory; lower "
                "corpus.workers and run again, finished parts are kept"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


_work: Work  # of this worker process


def _prepare(work: Work) -> None:
    global _work
    _work = work
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A pool's processes would outlive a killed parent, waiting for work."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a pool's process
    parent.join()
    os._exit(1)


def _encode_part(start: int, end: int) -> Path:
    """Where the tokens of the part from ``start`` to ``end`` lie; encodes them unless they do already."""
    path = _work.store / f"{_key(start, end)}.bin"
    if not path.exists():
        texts = read_documents(_work.documents, start, end)
        chunks = tokenizer.encode(_work.tokenizer, texts, _work.meta["eos"])
        token_files.write_tokens(path, chunks, _work.meta["vocab"])
    return path


def _key(start: int, end: int) -> str:
    """The content key of a part."""
    decisive = {name: _work.meta[name] for name in ("fingerprint", "vocab", "eos")}
    decisive |= {"code": provenance.code([__file__]).digest(), "start": start}  # no two processes write the same file
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode())
    with _work.documents.open("rb") as file:
        file.seek(start)
        while block := file.read(min(1 << 20, end - file.tell())):
            digest.update(block)
    return digest.hexdigest()[:32]


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One thread a process: the library's own pool would take every core, whatever ``workers`` says."""
    before = os.environ.get("TOKENIZERS_PARALLELISM")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ["TOKENIZERS_PARALLELISM"]
        else:
            os.environ["TOKENIZERS_PARALLELISM"] = before
