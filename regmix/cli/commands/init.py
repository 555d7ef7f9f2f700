"""regmix init: look at a folder of text and write own.yaml, which the pipeline follows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer
import yaml

from regmix.cli.commands.export import write_files
from regmix.core.errors import InputError
from regmix.corpus.look import Part, look

VALIDATION = re.compile(r"^(valid|validation|val|eval|test|dev|heldout)(_|$)")  # names of what is not trained on


def command(
    folder: Annotated[Path, typer.Argument(help="Holds a folder or a file for each domain.")],
    out: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)] = Path("own.yaml"),
) -> None:
    """Look at a folder of text and write own.yaml: the domains, and what a mixture of them is to minimise.

    Beside the params.yaml of a clone, `make profile PROFILE=laptop` follows it, and so does every other scale.
    """
    if out.exists():
        raise InputError(f"{out}: already exists; edit it, or name another with --out")
    parts = look(folder)
    validation = [part.name for part in parts if VALIDATION.match(part.name)]
    if len(parts) - len(validation) < 2:
        validation = []
    write_files({out.name: _text(parts, validation)}, out.parent)
    for part in parts:
        role = "validation only" if part.name in validation else "trained on"
        typer.echo(f"{part.name}: {_files(part)}, {role}")
    typer.echo("look at it, then run: make profile PROFILE=smoke, make plan, make repro")


TEXT = """\
# Your corpora, at any scale: `make profile PROFILE=smoke` (or laptop, campus, paper) follows this file.
domains:
{domains}

# Domains that are only validated on, such as text that the model is for.
validation_only: [{validation}]

# What mixtures are to minimise: weights of domains, `trained` for all equally, or {{worst: trained}}.
objectives:
  {aim}

# If the mixture is for more text than is here and for longer training: the tokens of each domain, and of the training.
# The prior and the bounds on repetition follow from them. docs/constraints.md has what else can be said here.
# constraints:
#   available_tokens: {{{tokens}}}
#   for_tokens: 20000000000
"""


def _text(parts: list[Part], validation: list[str]) -> str:
    domains = []
    for part in parts:
        field = "" if part.field in (None, "text") else f", text_field: {_quoted(str(part.field))}"
        domains.append(f"  {_quoted(part.name)}: {{path: {_quoted(str(part.path))}{field}}} # {_files(part)}")
    return TEXT.format(
        domains="\n".join(domains),
        validation=", ".join(validation),
        aim=f"target: {{{', '.join(f'{name}: 1' for name in validation)}}}" if validation else "all: trained",
        tokens=", ".join(f"{part.name}: 1000000000" for part in parts if part.name not in validation),
    )


def _quoted(text: str) -> str:
    """``text`` as YAML reads it back, in quotes if it must be."""
    plain = re.fullmatch(r"[A-Za-z_./][\w./-]*", text, re.ASCII) and yaml.safe_load(text) == text
    return text if plain else json.dumps(text)


def _files(part: Part) -> str:
    return f"{part.files} file{'s' * (part.files > 1)}, {_size(part.size)}"


def _size(size: int) -> str:
    """Bytes for a reader."""
    power = next((p for p in (3, 2, 1) if size >= 1000**p), 0)
    return f"{size / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB')[power]}"
