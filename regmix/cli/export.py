"""regmix export: a mixture in a file, in the formats of trainers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regmix.cli import options
from regmix.cli.pairs import pairs, whole
from regmix.core.errors import InputError
from regmix.exchange.blend import Blend, read_blend
from regmix.exchange.write import export


def command(
    mixture: Annotated[Path, typer.Argument(help="JSON of `regmix recommend --json`, or weights by domain.")],
    to: options.To,
    out: options.Out = Path(),
    paths: options.Paths = "data/{domain}",
    tokens: options.Tokens = None,
    available: options.Available = None,
    document_tokens: options.Documents = None,
) -> None:
    """Write a mixture in the formats of trainers."""
    given = {
        "tokens": whole(tokens, "--tokens"),
        "available": pairs(available, "--available"),
        "document_tokens": pairs(document_tokens, "--document-tokens"),
    }
    known = {name: value for name, value in given.items() if value is not None}
    write(read_blend(mixture, paths=paths, **known), to, out)


def write(blend: Blend, to: list[str], out: Path) -> None:
    """Write ``blend`` in the formats ``to`` and say which files these are. Raises InputError before any is written."""
    files: dict[str, str] = {}
    for form in to:
        files |= export(blend, form)
    write_files(files, out)


def write_files(files: dict[str, str], out: Path) -> None:
    """Write each file, complete or not at all, and say so. Raises InputError."""
    for name, text in files.items():
        path = out / name
        scratch = out / f".{name}.partial"
        try:
            out.mkdir(parents=True, exist_ok=True)
            scratch.write_text(text, encoding="utf-8")
            scratch.replace(path)
        except OSError as error:
            raise InputError(f"--out: {path}: {error.strerror}; name another folder") from None
        typer.echo(f"wrote {path}", err=True)
