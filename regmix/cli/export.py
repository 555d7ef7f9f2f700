"""regmix export: a mixture in a file, in the formats of trainers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from regmix.cli import options
from regmix.cli.pairs import pairs, whole
from regmix.constraints.build import around
from regmix.constraints.settings import Constraints
from regmix.core.errors import Faults, InputError
from regmix.core.files import read_json, read_yaml
from regmix.core.plugins import checked
from regmix.core.schedule import Schedule
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
    constraints: options.Constraints = None,
) -> None:
    """Write a mixture, or a schedule of the pipeline's (a plan.json), in the formats of trainers.

    A mixture that breaks the constraints given, or those that it was recommended under, is refused.
    """
    given: dict[str, Any] = {
        "tokens": whole(tokens, "--tokens"),
        "available": pairs(available, "--available"),
        "document_tokens": pairs(document_tokens, "--document-tokens"),
    }
    known = {name: value for name, value in given.items() if value is not None}
    blend = read_blend(mixture, paths=paths, **known)
    value = read_json(mixture)
    counts = {name: int(count) for name, count in (given["available"] or {}).items()}
    by_option = {"available_tokens": counts, "for_tokens": given["tokens"]}
    for where, kept in ((constraints, constraints and read_yaml(constraints)), (mixture, value.get("constraints"))):
        if kept:
            options = {name: option for name, option in by_option.items() if option}
            _refuse(blend, {**kept, **options} if isinstance(kept, dict) else kept, value.get("prior"), f"{where}")
    write(blend, to, out)


def _refuse(blend: Blend, kept: Any, prior: dict[str, float] | None, where: str) -> None:
    """Raises InputError if ``blend`` breaks the constraints ``kept``, which are in the file ``where``."""
    given = checked(Constraints, kept, where)
    domains = list(blend.phases[0].weights)
    if faults := list(given.of_domains(domains, where)):
        raise Faults(*faults)
    if given.max_kl is not None and not prior and not given.available_tokens:
        raise InputError(
            f"{where}: max_kl needs a prior; give available_tokens, or a file of `regmix recommend --json`"
        )
    shares = dict(given.available_tokens) or prior or dict.fromkeys(domains, 1.0)
    total = sum(shares[name] for name in domains)
    within = around(given, {name: shares[name] / total for name in domains}, {}, where, blend.tokens)
    knots = np.array([phase.first_token / (blend.tokens or 1) for phase in blend.phases])
    rows = np.array([[phase.weights[name] for name in domains] for phase in blend.phases])
    if fault := within.broken_by(Schedule(tuple(domains), knots, rows)):
        raise InputError(f"{where}: the mixture breaks a constraint: {fault}; correct one of the two")


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
            scratch.unlink(missing_ok=True)
            raise InputError(f"--out: {path}: {error.strerror}; name another folder") from None
        typer.echo(f"wrote {path}", err=True)
