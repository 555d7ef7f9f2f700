"""What runs, objective and bounds the options of a command name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from regmix import api
from regmix.cli.pairs import pairs, whole
from regmix.core.errors import InputError
from regmix.exchange.tables import RunTable, read_runs

BETTER_HIGH = re.compile(r"(^|[^a-z])(acc|accuracy|acc_norm|exact_match|f1|bleu|rouge|pass)([^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Given:
    """The runs, their metrics with lower always better, and the other arguments of ``api.recommend``."""

    runs: RunTable
    losses: pd.DataFrame
    signs: pd.Series  # -1 for each metric where higher is better
    aim: dict[str, float]
    available: dict[str, float] | None
    bounds: dict[str, float] | None
    arguments: dict[str, Any]
    notes: tuple[str, ...]


def given(
    ratios: Path, metrics: Path | None, *, objective: list[str] | None, higher: list[str] | None, worst_case: bool,
    limit: list[str] | None, prior: list[str] | None, tokens: float | None, available: list[str] | None,
    max_epochs: float, bound: list[str] | None, domain_columns: str | None, metric_columns: str | None,
    renormalise: bool, candidates: int, seed: int,
) -> Given:  # fmt: skip
    """Raises InputError."""
    runs = read_runs(
        ratios, metrics, domain_columns=domain_columns, metric_columns=metric_columns, renormalise=renormalise
    )
    aim = _objective(objective, runs.metrics)
    signs, tokens_of = _signs(runs.metrics, higher, aim), pairs(available, "--available")
    limits = {name: value * signs.get(name, 1.0) for name, value in (pairs(limit, "--limit") or {}).items()}
    bounds = _bounds(pairs(bound, "--bound"), tokens_of, tokens, max_epochs, list(runs.mixtures))
    arguments = {
        "prior": pairs(prior, "--prior") or tokens_of, "objective": aim, "bounds": bounds, "worst_case": worst_case,
        "limits": limits or None, "search": replace(api.SEARCH, candidates=candidates, seed=seed),
        "workers": min(os.cpu_count() or 1, 8),
    }  # fmt: skip
    notes = runs.notes
    if tokens is not None and tokens_of is None:
        notes += ("no bound on repetition: --tokens without --available",)
    return Given(runs, runs.metrics * signs, signs, aim, tokens_of, bounds, arguments, notes)


def _signs(metrics: pd.DataFrame, higher: list[str] | None, aim: dict[str, float]) -> pd.Series:
    """-1 for each metric where higher is better. Raises InputError if one of the objective's sounds so and is not."""
    for name in higher or ():
        if name not in metrics:
            raise InputError(f"--higher: no metric {name!r}; there are {', '.join(metrics)}")
    unsure = [name for name in aim if BETTER_HIGH.search(name) and name not in (higher or ())]
    if unsure:
        raise InputError(
            f"metric {unsure[0]!r}: its name says that higher is better, but lower is assumed; say --higher "
            f"{unsure[0]}, or rename the column"
        )
    return pd.Series({name: -1.0 if name in (higher or ()) else 1.0 for name in metrics})


def _objective(given: list[str] | None, metrics: pd.DataFrame) -> dict[str, float]:
    if not given:
        return dict.fromkeys(metrics, 1.0)
    named = [text if "=" in text else f"{text}=1" for entry in given for text in entry.split(",")]
    return pairs(named, "--objective") or {}


def _bounds(
    given: dict[str, float] | None, available: dict[str, float] | None, tokens: float | None, epochs: float,
    domains: list[str],
) -> dict[str, float] | None:  # fmt: skip
    """The largest weights: those given, and those with which no domain is repeated too often. Raises InputError."""
    whole(tokens, "--tokens")
    if not epochs > 0:
        raise InputError(f"--max-epochs: {epochs:g}: must be above 0")
    highest = dict(given or {})
    if available is not None and tokens is not None:
        for name in domains:
            if name not in available:
                raise InputError(f"--available: no tokens of {name!r}; give them for every domain")
            highest[name] = min(highest.get(name, 1.0), epochs * available[name] / tokens)
        total = sum(highest[name] for name in domains)
        if total < 1:
            raise InputError(
                f"--max-epochs {epochs:g}: all domains together have {sum(available.values()):.3g} tokens, which is "
                f"enough for {total:.0%} of --tokens {tokens:.3g}; allow more passes or train on fewer tokens"
            )
    return highest or None
