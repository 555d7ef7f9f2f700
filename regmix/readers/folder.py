"""Your own files: .txt (one document per file), .jsonl, .jsonl.gz, .jsonl.zst and .parquet (one per row).

Long documents are cut, so that a domain can be a single file and still be split into training and validation text.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from regmix.core.errors import InputError, reason_of
from regmix.core.settings import NonNegative, Strict
from regmix.readers import _text


class Options(Strict):
    text_field: str = "text"  # key or column of the text in JSON lines and Parquet
    encoding_errors: _text.Errors = "strict"  # for bytes that are not UTF-8: strict raises, replace puts U+FFFD
    piece_chars: NonNegative = 4000  # least characters of a part of a document of twice as many; 0: none is cut


def read(path: Path, options: Options) -> Iterator[str]:
    """The documents of a file, or of the files below a folder, sorted by name.

    Files of other kinds and null texts are skipped. Raises InputError, naming the file and
    line, if there is nothing to read, a file is broken or not UTF-8, or a document has no text field.
    """
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    readable = [(file, kind) for file in files for kind in KINDS if file.name.endswith(kind)]
    if not readable:
        raise InputError(f"{path}: no {', '.join(KINDS)} file found; fix the domain's path or add files")
    for file, kind in sorted(readable, key=lambda pair: pair[0].relative_to(path).parts):
        for document in KINDS[kind](file, options):
            yield from _text.cut(document, options.piece_chars)


def _txt(file: Path, options: Options) -> Iterator[str]:
    yield _text.decode(file.read_bytes(), str(file), errors=options.encoding_errors)


def _json_lines(file: Path, options: Options) -> Iterator[str]:
    try:
        for number, line in enumerate(lines(file), 1):
            if line.strip():
                yield from _field(line, f"{file}: line {number}", options)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file}: broken file ({error}); write it again") from None


def lines(file: Path) -> Iterator[bytes]:
    if file.name.endswith(".zst"):
        rest = b""
        for block in _inflate_zst(file):
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
        yield rest
    else:
        with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as stream:
            yield from stream


def _inflate_zst(file: Path) -> Iterator[bytes]:
    """Decompressed blocks of a .zst file. zstandard's own stream reader treats a truncated file as complete."""
    import zstandard

    inflater = None
    with file.open("rb") as stream:
        while block := stream.read(1 << 16):
            while block:
                inflater = inflater or zstandard.ZstdDecompressor().decompressobj()
                try:
                    yield inflater.decompress(block)
                except zstandard.ZstdError as error:
                    raise OSError(error) from None
                block = inflater.unused_data if inflater.eof else b""
                inflater = None if inflater.eof else inflater
    if inflater is not None:
        raise EOFError("it ends inside a frame")


def _field(line: bytes, name: str, options: Options) -> Iterator[str]:
    record = _text.parse_json(line, name, errors=options.encoding_errors)
    if not isinstance(record, dict) or options.text_field not in record:
        keys = ", ".join(record) if isinstance(record, dict) else "not an object"
        raise InputError(f"{name}: no key {options.text_field!r} ({keys}); fix the domain's `text_field`")
    text = record[options.text_field]
    if isinstance(text, str):
        yield text
    elif text is not None:
        raise InputError(f"{name}: {options.text_field!r} is not text ({type(text).__name__}); fix the line")


def _parquet(file: Path, options: Options) -> Iterator[str]:
    import pyarrow
    from pyarrow import parquet

    name = options.text_field
    try:
        with parquet.ParquetFile(file) as table:
            columns = table.schema_arrow.names
            if name not in columns:
                raise InputError(f"{file}: no column {name!r} ({', '.join(columns)}); fix the domain's `text_field`")
            batches = table.iter_batches(batch_size=1024, columns=[name])
            # As bytes, since strings in Parquet need not be valid UTF-8.
            rows = (row for batch in batches for row in batch.column(0).cast(pyarrow.large_binary()))
            for number, row in enumerate(rows, 1):
                if row.is_valid:
                    yield _text.decode(row.as_py(), f"{file}: row {number}: {name}", errors=options.encoding_errors)
    except (pyarrow.ArrowException, OSError) as error:
        reason = reason_of(error)
        raise InputError(f"{file}: cannot be read as Parquet with a text column {name!r} ({reason}); fix it") from None


KINDS: dict[str, Callable[[Path, Options], Iterator[str]]] = {
    ".txt": _txt,
    ".jsonl": _json_lines,
    ".jsonl.gz": _json_lines,
    ".jsonl.zst": _json_lines,
    ".parquet": _parquet,
}
