"""The runs, objective and bounds that a command's options name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from regmix import api
from regmix.api.arguments import region_of
from regmix.cli import options
from regmix.cli.constraints import by_option, parse, read
from regmix.cli.pairs import pairs, whole
from regmix.constraints.region import Region
from regmix.core.errors import InputError
from regmix.exchange.tables import RunTable, read_runs

BETTER_HIGH = re.compile(r"(^|[^a-z])(acc|accuracy|acc_norm|exact_match|f1|bleu|rouge|pass)([^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Inputs:
    """The runs, their metrics with lower always better, and the other arguments of ``api.recommend``."""

    runs: RunTable
    losses: pd.DataFrame
    signs: pd.Series  # -1 for each metric where higher is better
    aim: dict[str, float]
    region: Region  # of mixtures that keep bounds and constraints
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

    def inputs(self) -> Inputs:
        """Raises InputError."""
        runs = read_runs(
            self.ratios, self.metrics, domain_columns=self.domain_columns, metric_columns=self.metric_columns,
            renormalise=self.renormalise,
        )  # fmt: skip
        for option, entries in (("--prior", self.prior), ("--available", self.available), ("--bound", self.bound)):
            if useless := [name for name in pairs(entries, option) or () if name in runs.unused]:
                raise InputError(f"{option}: no run trains on {useless[0]}, so nothing is known about it; leave it out")
        aim = _objective(self.objective, runs.metrics)
        signs = _signs(runs.metrics, self.higher, aim)
        limits = {name: value * signs.get(name, 1.0) for name, value in (pairs(self.limit, "--limit") or {}).items()}
        by_options = by_option(pairs(self.available, "--available"), whole(self.tokens, "--tokens"))
        if self.max_epochs is not None:
            by_options["max_epochs"] = self.max_epochs
        constraints = read(self.constraints)
        if twice := sorted(by_options.keys() & constraints.keys()):
            raise InputError(f"{self.constraints}: {twice[0]} is given by an option too; keep one of the two")
        constraints |= by_options
        domains, where = list(runs.mixtures), str(self.constraints or "constraints")
        parsed = parse(constraints, domains, where)
        prior = pairs(self.prior, "--prior") or dict(parsed.available_tokens) or dict(runs.mixtures.mean())
        bounds = pairs(self.bound, "--bound")
        region, _ = region_of(prior, bounds, parsed, domains, where)
        arguments = {
            "prior": prior, "objective": aim, "bounds": bounds, "constraints": constraints,
            "worst_case": self.worst_case, "limits": limits or None,
            "search": replace(api.SEARCH, candidates=self.candidates, seed=self.seed),
            "workers": min(os.cpu_count() or 1, 8),
        }  # fmt: skip
        notes = runs.notes
        if self.tokens is not None and not constraints.get("available_tokens"):
            notes += ("no bound on repetition: --tokens without --available",)
        return Inputs(runs, runs.metrics * signs, signs, aim, region, constraints, arguments, notes)


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


def _objective(entries: list[str] | None, metrics: pd.DataFrame) -> dict[str, float]:
    if not entries:
        return dict.fromkeys(metrics, 1.0)
    named = [text if "=" in text else f"{text}=1" for entry in entries for text in entry.split(",")]
    return pairs(named, "--objective") or {}
