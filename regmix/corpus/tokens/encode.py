"""Encode a domain's documents as tokens, part by part; parts that a killed run finished are reused.

A part is a run of lines of a documents file. Its tokens are stored in a file named by content: the key covers
the part's bytes, the tokenizer and the code, so that a part is reused whatever else has changed.
Worker processes share the parts. Threads are as fast on two cores, but on many they would wait for Python's
lock, which reading lines and turning ids into arrays require.
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
from regmix.corpus.documents import line_ranges, read_documents
from regmix.corpus.tokens import token_files, token_writer, tokenizer

# Independent of the number of workers; otherwise a different number could not reuse the parts of a killed run.
PARTS = 64  # per documents file, enough to keep many processes busy
LEAST_BYTES, MOST_BYTES = 1 << 20, 1 << 26  # of documents per part


@dataclass(frozen=True)
class Work:
    """What a process needs besides the range of a part; inherited by fork."""

    documents: Path
    tokenizer: Tokenizer
    meta: Mapping[str, Any]
    store: Path


def encode_file(
    documents: Path, tokenizer: Tokenizer, meta: Mapping[str, Any], store: Path, workers: int
) -> Iterator[np.ndarray]:
    """Tokens of a documents file in order, end of text after each document, in chunks (T,).

    ``meta`` holds the ``fingerprint`` of ``tokenizer``, ``vocab`` and ``eos``. ``workers`` processes
    encode; their number does not change the output. Finished parts are in the folder ``store``, which can be deleted
    once the tokens are written. A worker holds one batch of documents in memory, this process the tokens of one part.
    Raises InputError if the documents are missing or damaged, or a process is killed.
    """
    store.mkdir(parents=True, exist_ok=True)
    work = Work(documents, tokenizer, meta, store)
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
                f"{documents}: a process that encodes it was killed, perhaps because memory ran out; lower "
                "corpus.workers and run again; finished parts are reused"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


_work: Work  # set in each worker process


def _prepare(work: Work) -> None:
    global _work
    _work = work
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Exit with the parent: if it is killed, the pool's processes would wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a process of the pool
    parent.join()
    os._exit(1)


def _encode_part(start: int, end: int) -> Path:
    """The file with the tokens of the part from ``start`` to ``end``; encodes them unless it exists."""
    path = _work.store / f"{content_key(_work.documents, _work.meta, start, end)}.bin"
    if not path.exists():
        texts = read_documents(_work.documents, start, end)
        chunks = tokenizer.encode(_work.tokenizer, texts, _work.meta["eos"])
        token_writer.write_tokens(path, chunks, _work.meta["vocab"])
    return path


def content_key(documents: Path, meta: Mapping[str, Any], start: int = 0, end: int | None = None) -> str:
    """The key of the tokens of a documents file, or of its part from byte ``start`` to ``end``. Raises InputError."""
    inputs = {name: meta[name] for name in ("fingerprint", "vocab", "eos")}
    inputs |= {"code": provenance.code([__file__]).digest(), "start": start}  # no two processes write the same file
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode())
    try:
        end = documents.stat().st_size if end is None else end
        with documents.open("rb") as file:
            file.seek(start)
            while block := file.read(min(1 << 20, end - file.tell())):
                digest.update(block)
    except OSError as error:
        raise InputError(f"{documents}: cannot be read ({error.strerror}); run `dvc repro` again") from None
    return digest.hexdigest()[:32]


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One thread per process: the library's own pool would use every core, whatever ``workers`` says."""
    before = os.environ.get("TOKENIZERS_PARALLELISM")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ["TOKENIZERS_PARALLELISM"]
        else:
            os.environ["TOKENIZERS_PARALLELISM"] = before
