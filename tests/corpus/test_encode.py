"""Encoding part by part: the same bytes for any parts and workers, nothing twice after a kill, errors as they were."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from tokenizers import Tokenizer

from regmix.core.errors import InputError
from regmix.corpus.documents import as_line
from regmix.corpus.tokens import encode, tokenizer
from regmix.corpus.tokens.encode import encode_file
from regmix.corpus.tokens.token_writer import write_tokens

VOCAB = 400


def texts(count: int) -> list[str]:
    return [
        f"the {number}th of many documents, caf\u00e9 <|endoftext|> \U0001f600 {number**3}" for number in range(count)
    ]


@pytest.fixture(scope="module")
def trained() -> Tokenizer:
    return tokenizer.train(texts(400), VOCAB)


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A file of documents, and parts of about 2 kB to encode it by."""
    path = tmp_path / "train.jsonl"
    path.write_text("".join(map(as_line, texts(1000))), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "LEAST_BYTES", 2_000)
    monkeypatch.setattr(encode, "MOST_BYTES", 2_000)


def meta_of(encoder: Tokenizer, **changes: Any) -> dict[str, Any]:
    return {"fingerprint": tokenizer.fingerprint(encoder), "vocab": VOCAB, "eos": 0, **changes}


def alone(encoder: Tokenizer, count: int) -> bytes:
    """What the first ``count`` texts are one by one."""
    encoder.encode_special_tokens = True
    ids = [[*encoder.encode(text, add_special_tokens=False).ids, 0] for text in texts(count)]
    return np.concatenate(ids).astype("<u2").tobytes()


def encoded(documents: Path, encoder: Tokenizer, store: Path, workers: int = 2, **changes: Any) -> bytes:
    out = documents.with_name("train.bin")
    write_tokens(out, encode_file(documents, encoder, meta_of(encoder, **changes), store, workers), VOCAB)
    return out.read_bytes()


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("part", [1, 5_000, 10**9])
def test_parts_and_workers_change_no_byte(
    trained: Tokenizer, documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int, workers: int
) -> None:
    monkeypatch.setattr(encode, "LEAST_BYTES", part)
    monkeypatch.setattr(encode, "MOST_BYTES", part)
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    assert encoded(documents, trained, tmp_path / "store", workers) == alone(trained, 1000)
    assert os.environ["TOKENIZERS_PARALLELISM"] == "true"


def test_no_documents_are_no_tokens(trained: Tokenizer, documents: Path, tmp_path: Path) -> None:
    documents.write_bytes(b"")
    assert encoded(documents, trained, tmp_path / "store") == b""


def test_a_part_is_encoded_again_if_anything_that_decides_it_changes(
    trained: Tokenizer, documents: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    whole = encoded(documents, trained, store)
    parts = set(store.iterdir())
    for path in parts:
        path.write_bytes(b"")  # so that a part that is found again shows
    assert encoded(documents, trained, store) == b""
    other = tokenizer.train(texts(50), VOCAB)
    assert encoded(documents, other, store) == alone(other, 1000) != whole
    assert encoded(documents, trained, store, eos=1) != b""
    lines = documents.read_bytes().splitlines(keepends=True)
    documents.write_bytes(b"".join([*lines[:-1], as_line("another").encode()]))
    last = encoded(documents, trained, store)
    assert last.endswith(np.array([*trained.encode("another").ids, 0], "<u2").tobytes())
    assert len(last) < 2_000, "only the last part has changed"


def test_a_killed_encoding_resumes(trained: Tokenizer, documents: Path, tmp_path: Path) -> None:
    count = 30_000
    documents.write_text("".join(map(as_line, texts(count))), encoding="utf-8")
    store = tmp_path / "store"
    process = multiprocessing.get_context("fork").Process(target=encoded, args=(documents, trained, store))
    process.start()
    assert process.pid is not None
    while not (store.exists() and len(list(store.glob("[!.]*.bin"))) >= 5):
        assert process.is_alive(), "it ended before five parts were seen"
        time.sleep(0.001)
    workers = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert psutil.wait_procs(workers, timeout=20)[1] == [], "processes outlive the one that began them"
    assert workers
    assert not documents.with_name("train.bin").exists()

    finished = set(store.glob("[!.]*.bin"))
    expected = alone(trained, count)
    partial = shutil.copytree(store, tmp_path / "kept")
    assert encoded(documents, trained, store) == expected
    assert finished < set(store.glob("[!.]*.bin")), "all was done before the kill, so this test shows nothing"
    # Were a finished part encoded again, it would be there again.
    lost = 0
    for path in partial.glob("[!.]*.bin"):
        lost += path.stat().st_size
        path.write_bytes(b"")
    assert len(encoded(documents, trained, partial)) == len(expected) - lost


@pytest.mark.parametrize("content", [None, b'{"text": "x"}\n{"te', b'{"body": "x"}\n', b"\xff\n"])
def test_damaged_documents_are_one_line(
    trained: Tokenizer, documents: Path, tmp_path: Path, content: bytes | None
) -> None:
    documents.unlink() if content is None else documents.write_bytes(documents.read_bytes() + content)
    with pytest.raises(InputError, match=r"train\.jsonl: missing or empty domain, or damaged") as caught:
        encoded(documents, trained, tmp_path / "store")
    assert "\n" not in str(caught.value)
    assert not documents.with_name("train.bin").exists()


def test_a_killed_worker_is_one_line(trained: Tokenizer, documents: Path, tmp_path: Path) -> None:
    chunks = encode_file(documents, trained, meta_of(trained), tmp_path / "store", 2)
    next(chunks)
    workers = multiprocessing.active_children()  # not multiprocessing's own resource tracker, which later tests need
    assert workers
    for worker in workers:
        worker.kill()
    with pytest.raises(InputError, match=r"train\.jsonl: a process that encodes it was killed.*corpus\.workers"):
        list(chunks)
    assert encoded(documents, trained, tmp_path / "store") == alone(trained, 1000)
