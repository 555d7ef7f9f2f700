"""regmix export: a mixture in a file, in the formats of trainers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regmix.cli.pairs import pairs
from regmix.core.errors import InputError
from regmix.exchange.blend import Blend, read_blend
from regmix.exchange.write import export

To = Annotated[list[str], typer.Option("--to", help="Format of a trainer, such as olmo-core; can be repeated.")]
Out = Annotated[Path, typer.Option(help="Folder for the files of --to.", file_okay=False)]
Paths = Annotated[str, typer.Option(help="Where a domain's data is, {domain} standing for its name.")]
Documents = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DOMAIN=TOKENS|FILE", help="Mean tokens per document by domain, for trainers that draw documents."
    ),
]
Available = Annotated[
    list[str] | None, typer.Option(metavar="DOMAIN=TOKENS|FILE", help="Tokens that there are of each domain.")
]


def command(
    mixture: Annotated[Path, typer.Argument(help="JSON of `regmix recommend --json`, or weights by domain.")],
    to: To,
    out: Out = Path(),
    paths: Paths = "data/{domain}",
    tokens: Annotated[float | None, typer.Option(help="Tokens of the training, such as 100e9.")] = None,
    available: Available = None,
    document_tokens: Documents = None,
) -> None:
    """Write a mixture in the formats of trainers."""
    given = {
        "tokens": None if tokens is None else int(tokens),
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
