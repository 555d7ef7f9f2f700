"""What runs, objective and bounds the options of a command name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from regmix import api
from regmix.cli import options
from regmix.cli.pairs import pairs, whole
from regmix.constraints.settings import Constraints
from regmix.core.errors import Faults, InputError
from regmix.core.files import read_yaml
from regmix.core.plugins import checked
from regmix.exchange.tables import RunTable, read_runs

BETTER_HIGH = re.compile(r"(^|[^a-z])(acc|accuracy|acc_norm|exact_match|f1|bleu|rouge|pass)([^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Given:
    """The runs, their metrics with lower always better, and the other arguments of ``api.recommend``."""

    runs: RunTable
    losses: pd.DataFrame
    signs: pd.Series  # -1 for each metric where higher is better
    aim: dict[str, float]
    constraints: dict[str, Any]  # those of the file and of the options
    arguments: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """What runs there are, and what to ask of them: arguments and options of several commands."""

    ratios: options.Ratios
    metrics: options.Metrics = None
    objective: options.Objective = None
    higher: options.Higher = None
    worst_case: options.WorstCase = False
    limit: options.Limit = None
    prior: options.Prior = None
    tokens: options.Tokens = None
    available: options.Available = None
    max_epochs: options.MaxEpochs = None
    bound: options.Bound = None
    constraints: options.Constraints = None
    domain_columns: options.DomainColumns = None
    metric_columns: options.MetricColumns = None
    renormalise: options.Renormalise = False
    candidates: options.Candidates = 20_000
    seed: options.Seed = 0

    def given(self) -> Given:
        """Raises InputError."""
        runs = read_runs(
            self.ratios, self.metrics, domain_columns=self.domain_columns, metric_columns=self.metric_columns,
            renormalise=self.renormalise,
        )  # fmt: skip
        aim = _objective(self.objective, runs.metrics)
        signs = _signs(runs.metrics, self.higher, aim)
        limits = {name: value * signs.get(name, 1.0) for name, value in (pairs(self.limit, "--limit") or {}).items()}
        kept = _constraints(
            self.constraints, pairs(self.available, "--available"), whole(self.tokens, "--tokens"), self.max_epochs
        )
        known = checked(Constraints, kept, str(self.constraints or "constraints"))
        if faults := list(known.of_domains(list(runs.mixtures))):
            raise Faults(*faults)
        arguments = {
            "prior": pairs(self.prior, "--prior"), "objective": aim, "bounds": pairs(self.bound, "--bound"),
            "constraints": kept, "worst_case": self.worst_case, "limits": limits or None,
            "search": replace(api.SEARCH, candidates=self.candidates, seed=self.seed),
            "workers": min(os.cpu_count() or 1, 8),
        }  # fmt: skip
        notes = runs.notes
        if self.tokens is not None and not kept.get("available_tokens"):
            notes += ("no bound on repetition: --tokens without --available",)
        return Given(runs, runs.metrics * signs, signs, aim, kept, arguments, notes)


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


def _constraints(
    file: Path | None, available: dict[str, float] | None, tokens: int | None, epochs: float | None
) -> dict[str, Any]:
    """The content of the file, and what options say beside it. Raises InputError if both say something."""
    value = {} if file is None else read_yaml(file)
    if not isinstance(value, dict):
        raise InputError(f"{file}: holds no constraints by name; write for instance `floors: {{web: 0.1}}`")
    by_option = {
        "available_tokens": {name: int(count) for name, count in (available or {}).items()} or None,
        "for_tokens": tokens,
        "max_epochs": epochs,
    }
    for name, option in by_option.items():
        if option is not None and name in value:
            raise InputError(f"{file}: {name} is given by an option too; keep one of the two")
    for name in ("for_tokens", "available_tokens"):
        if name in value:
            value[name] = _counts(value[name])
    return value | {name: option for name, option in by_option.items() if option is not None}


def _counts(value: Any) -> Any:
    """Counts of tokens written as 100e9, which YAML takes for text; anything else as it is."""
    if isinstance(value, dict):
        return {name: _counts(one) for name, one in value.items()}
    try:
        return int(float(value)) if isinstance(value, str | float) and float(value).is_integer() else value
    except ValueError:
        return value
