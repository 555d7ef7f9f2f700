"""What an audit is: an experiment on the default pipeline's mixtures and targets that ends in verdicts.

An audit is a file in regmix/audits; regmix/ablations/bench.py is what it works with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pandas as pd

from regmix.ablations.settings import FILE, Ablations
from regmix.core import plugins
from regmix.core.errors import InputError
from regmix.evaluation.summary import Spread
from regmix.statistics.verdicts import FAILS, HOLDS, UNDECIDED


@dataclass(frozen=True)
class Size:
    """What an audit trains, in proxies and targets of the default size."""

    proxies: float = 0
    targets: float = 0


@dataclass(frozen=True)
class Measured:
    """A number with its interval: a difference, a share or a correlation, over ``n`` seeds or mixtures."""

    what: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Answer:
    """A statement, its measurements, and the verdict that the numbers give. ``over``: the unit of n."""

    says: str
    measured: tuple[Measured, ...]
    unit: str
    over: str
    verdict: str
    why: str

    @classmethod
    def below(cls, says: str, differences: Mapping[str, Spread], margin: float = 0.0) -> Answer:
        """Whether paired differences of targets' losses are below ``margin`` (nats per token)."""
        spreads = differences.values()
        word = _verdict([spread.high < margin for spread in spreads], [spread.low > margin for spread in spreads])
        edge = "zero" if margin == 0 else f"{margin:g}"
        measured = tuple(Measured(name, part.mean, part.low, part.high, part.n) for name, part in differences.items())
        return cls(
            says, measured, "nats per token", "seeds, paired", word, _why(word, measured, "below", "above", edge)
        )

    @classmethod
    def above(cls, says: str, values: Sequence[Measured], least: float, unit: str, over: str) -> Answer:
        """Whether all values are above ``least``."""
        word = _verdict([value.low > least for value in values], [value.high < least for value in values])
        return cls(says, tuple(values), unit, over, word, _why(word, values, "above", "below", f"{least:g}"))

    @classmethod
    def by_test(
        cls, says: str, values: Sequence[Measured], unit: str, over: str, holds: bool, why: str, why_not: str
    ) -> Answer:
        """By a test, which can confirm a statement but not refute it."""
        return cls(says, tuple(values), unit, over, HOLDS if holds else UNDECIDED, why if holds else why_not)


def _verdict(holds: Sequence[bool], fails: Sequence[bool]) -> str:
    return UNDECIDED if not holds else HOLDS if all(holds) else FAILS if any(fails) else UNDECIDED


def _why(word: str, values: Sequence[Measured], side: str, other: str, edge: str) -> str:
    if not values:
        return "nothing could be measured"
    if word == UNDECIDED and any(math.isnan(value.low) for value in values):
        return "an interval is not defined"
    return {HOLDS: f"every interval lies {side} {edge}", FAILS: f"an interval lies {other} {edge}",
            UNDECIDED: f"an interval has {edge} in it"}[word]  # fmt: skip


@dataclass(frozen=True)
class Audit:
    """The answers of an audit, and the tables behind them by name."""

    answers: tuple[Answer, ...]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def to_json(audit: Audit) -> list[dict[str, Any]]:
    """The answers, for answers.json; NaN as null."""
    return [
        {"says": answer.says, "verdict": answer.verdict, "why": answer.why, "unit": answer.unit, "over": answer.over,
         "measured": [{key: None if isinstance(value, float) and not math.isfinite(value) else value
                       for key, value in vars(part).items()} for part in answer.measured]}
        for answer in audit.answers
    ]  # fmt: skip


def audit_of(settings: Ablations, name: str) -> tuple[ModuleType, Any]:
    """The module and the options of the audit ``name``. Raises InputError."""
    if name not in settings.audits:
        raise InputError(f"{FILE}: audits: no {name!r}; use one of {', '.join(settings.audits)}")
    entry = settings.audits[name]
    module = plugins.load("audits", entry.kind, f"audits.{name}.kind", FILE)
    return module, plugins.checked(module.Options, entry.extras, FILE, f"audits.{name}")
