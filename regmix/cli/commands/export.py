"""regmix export: a mixture in a file, in the formats of trainers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from regmix.cli import options
from regmix.cli.constraints import by_option, parse, read
from regmix.cli.pairs import pairs, whole
from regmix.constraints.build import around
from regmix.core.errors import InputError
from regmix.core.files import read_json
from regmix.core.inputs import shares_and_bounds
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
    counts, length = pairs(available, "--available"), whole(tokens, "--tokens")
    facts = {"tokens": length, "available": counts, "document_tokens": pairs(document_tokens, "--document-tokens")}
    blend = read_blend(mixture, paths=paths, **{name: value for name, value in facts.items() if value is not None})
    source = read_json(mixture)
    prior, bounds = (_numbers(source, name, mixture) for name in ("prior", "bounds"))
    if constraints:
        _refuse(blend, read(constraints) | by_option(counts, length), prior, None, str(constraints))
    own = source.get("constraints")
    if own is not None and not isinstance(own, dict):
        raise InputError(f"{mixture}: constraints: not a mapping; write them as `regmix recommend --json` does")
    if own or bounds:
        _refuse(blend, (own or {}) | by_option(counts, length), prior, bounds, str(mixture))
    write(blend, to, out)


def _numbers(source: dict[str, Any], name: str, path: Path) -> dict[str, float] | None:
    value = source.get(name)
    if value is not None and not (
        isinstance(value, dict) and value and all(isinstance(number, int | float) for number in value.values())
    ):
        raise InputError(f"{path}: {name}: holds no numbers by domain; write them as `regmix recommend --json` does")
    return value


def _refuse(
    blend: Blend, values: dict[str, Any], prior: dict[str, float] | None, bounds: dict[str, float] | None, where: str
) -> None:
    """Raises InputError if ``blend`` breaks the constraints ``values`` or ``bounds``, of the file ``where``."""
    domains = list(blend.phases[0].weights)
    constraints = parse(values, domains, where)
    prior = dict(constraints.available_tokens) or prior
    if constraints.max_kl is not None and not prior:
        raise InputError(f"{where}: max_kl needs a prior; give available_tokens, or the JSON of `regmix recommend`")
    shares, highest = shares_and_bounds(prior or dict.fromkeys(domains, 1.0), bounds, domains)
    region = around(constraints, shares, highest, where, blend.tokens, to_choose=False)
    knots = np.array([phase.first_token / (blend.tokens or 1) for phase in blend.phases])
    rows = np.array([[phase.weights[name] for name in domains] for phase in blend.phases])
    if fault := region.broken_by(Schedule(tuple(domains), knots, rows)):
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
