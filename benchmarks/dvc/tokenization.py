"""Extraction and tokenization of a gigabyte of text, and tokenization against `datasets.map`.

The text is the corpus's own, again and again: every copy of a document begins elsewhere in it, so that no two
are alike. The gigabyte goes through in a process of its own, and the memory of that and its children is watched.
`datasets.map` gets the same tokenizer, the same call of it and as many processes; its time begins with the text
loaded into a data set and ends with arrays of ids in an Arrow file, ours goes from the documents file to the
token file. Wall clock, in turns.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from regmix.core.errors import InputError
from regmix.core.files import read_json
from regmix.corpus.documents import read_documents
from regmix.corpus.split import split_documents
from regmix.corpus.tokens.encode import encode_file
from regmix.corpus.tokens.token_writer import write_tokens
from regmix.corpus.tokens.tokenizer import load_json

CHARS, COMPARED_CHARS = 1_000_000_000, 40_000_000
PROCESSES, REPEATS = 2, 3


def measure(extracted: Path, tokenizer: Path) -> dict[str, Any]:
    """Seconds, tokens a second and peak memory of the whole; the ratio to `datasets.map` on less.

    ``extracted`` and ``tokenizer`` are the folders that corpus_extract and tokenizer_train write.
    """
    with tempfile.TemporaryDirectory() as name:
        return {"processes": PROCESSES, "whole": _whole(extracted, tokenizer, Path(name))} | _compared(
            extracted, tokenizer, Path(name)
        )


def generated(extracted: Path, chars: int) -> Iterator[str]:
    """About ``chars`` characters of the domains in ``extracted``, no two documents alike."""
    files = sorted(extracted.glob("*/train.jsonl"))
    for copy in itertools.count():
        for file in files:
            for text in read_documents(file):
                if chars <= 0:
                    return
                cut = copy * 7919 % len(text)
                yield f"{copy} {text[cut:]} {text[:cut]}"
                chars -= len(text)


def _whole(extracted: Path, tokenizer: Path, folder: Path) -> dict[str, Any]:
    out: dict[str, Any] = {"chars": CHARS}
    paths = [str(path) for path in (extracted, tokenizer, folder)]
    for step in ("extract", "tokenize"):
        call = f"from benchmarks.dvc import tokenization as t; t.{step}(*map(t.Path, {paths!r}))"
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", call])  # a new process, to measure its memory alone
        peak = _peak_bytes(process)
        if process.returncode:
            raise InputError(f"{step}: the measured process failed; see its message above")
        out |= {f"{step}_seconds": round(time.perf_counter() - start, 1), f"{step}_peak_mib": round(peak / 2**20)}
    tokens = sum(path.stat().st_size for path in folder.glob("*.bin")) // 2
    return out | {"tokens": tokens, "tokens_a_second": round(tokens / out["tokenize_seconds"])}


def _peak_bytes(process: subprocess.Popen[bytes]) -> int:
    """The largest resident memory of a process and its children together, pages they share counted for each.

    Sampled five times a second; a sample takes milliseconds.
    """
    peak = 0
    root = psutil.Process(process.pid)
    while process.poll() is None:
        total = 0
        for child in [root, *_children(root)]:
            try:
                total += child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        peak = max(peak, total)
        time.sleep(0.2)
    return peak


def _children(root: psutil.Process) -> list[psutil.Process]:
    try:
        return root.children()
    except psutil.NoSuchProcess:
        return []


def extract(extracted: Path, tokenizer: Path, folder: Path) -> None:
    """The gigabyte, into documents files in ``folder``."""
    _split(extracted, folder, CHARS)


def _split(extracted: Path, folder: Path, chars: int) -> None:
    texts = generated(extracted, chars)
    split_documents(texts, folder, "generated", max_chars=2 * chars, valid_fraction=0.01, salt="benchmark")


def tokenize(extracted: Path, tokenizer: Path, folder: Path) -> None:
    """The documents files in ``folder``, into token files."""
    for side in ("train", "valid"):
        _ours(folder / f"{side}.jsonl", tokenizer, folder)


def _ours(documents: Path, tokenizer: Path, folder: Path) -> Path:
    meta = read_json(tokenizer / "meta.json")
    with tempfile.TemporaryDirectory(dir=folder) as store:
        chunks = encode_file(documents, load_json(tokenizer / "tokenizer.json"), meta, Path(store), PROCESSES)
        write_tokens(documents.with_suffix(".bin"), chunks, meta["vocab"])
    return documents.with_suffix(".bin")


def _compared(extracted: Path, tokenizer: Path, folder: Path) -> dict[str, Any]:
    import datasets

    datasets.disable_progress_bars()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # a process a core
    part = folder / "compared"
    part.mkdir()
    _split(extracted, part, COMPARED_CHARS)
    rows = datasets.load_dataset("json", data_files=str(part / "train.jsonl"), split="train", cache_dir=str(part))
    encoder, meta = load_json(tokenizer / "tokenizer.json"), read_json(tokenizer / "meta.json")
    encoder.encode_special_tokens = True

    def ids(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        encodings = encoder.encode_batch_fast(batch["text"], add_special_tokens=False)
        return {"ids": [[*encoding.ids, meta["eos"]] for encoding in encodings]}

    features = datasets.Features({"ids": datasets.List(datasets.Value("uint16"))})
    ours, theirs = [], []
    for turn in range(REPEATS):
        start = time.perf_counter()
        mapped = rows.map(
            ids, batched=True, num_proc=PROCESSES, remove_columns=["text"], features=features,
            cache_file_name=str(part / f"{turn}.arrow"), load_from_cache_file=False,
        )  # fmt: skip
        theirs.append(time.perf_counter() - start)
        start = time.perf_counter()
        path = _ours(part / "train.jsonl", tokenizer, part)
        ours.append(time.perf_counter() - start)
    tokens = np.fromfile(path, "<u2")
    if not np.array_equal(tokens, np.concatenate([batch["ids"].values for batch in _arrow(mapped)])):
        raise InputError("datasets.map: its tokens are others than ours, so the times say nothing; fix the benchmark")
    ratios = [theirs_ / ours_ for theirs_, ours_ in zip(theirs, ours, strict=True)]
    return {
        "compared_tokens": len(tokens),
        "datasets_tokens_a_second": round(len(tokens) / statistics.median(theirs)),
        "tokens_a_second": round(len(tokens) / statistics.median(ours)),
        "ratio": {"median": round(statistics.median(ratios), 2), "all": [round(r, 2) for r in ratios]},
    }


def _arrow(rows: Any) -> Iterator[dict[str, Any]]:
    """Batches of a data set's columns as Arrow arrays of one chunk."""
    for batch in rows.with_format("arrow").iter(1000):
        yield {name: batch[name].combine_chunks() for name in batch.column_names}
