"""A mixture on its way to a trainer: weights by domain, or a schedule of them, and what else a format may need.

K domains. Weights are shares of training tokens.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regmix.core.errors import InputError

FACTS = ("prior", "bounds", "constraints", "gain_predicted", "gain_realised", "versions")
SUM = 1e-6  # by how much weights may miss a sum of 1


@dataclass(frozen=True)
class Phase:
    """Weights by domain from ``first_token`` of the training on."""

    weights: Mapping[str, float]
    first_token: int = 0


@dataclass(frozen=True)
class Blend:
    """A mixture to export. Raises InputError if it is not a mixture, or lacks the tokens of a schedule.

    ``paths`` is a template for a domain's data, with ``{domain}``; ``available`` and ``document_tokens`` are tokens and
    mean tokens per document, by domain; ``about`` says in one line what the mixture is, and ``facts`` (``FACTS``, JSON
    values) what else is known of it, for the format that has room. A schedule is constant within each phase.
    """

    phases: tuple[Phase, ...]
    tokens: int | None = None
    paths: str = "data/{domain}"
    available: Mapping[str, float] | None = None
    document_tokens: Mapping[str, float] | None = None
    about: str = "a mixture by regression"
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for phase in self.phases:
            for domain, weight in phase.weights.items():
                if not domain.strip() or not domain.isprintable():
                    raise InputError(f"weights: a domain is named {domain!r}; give it a name of one line")
                if not (math.isfinite(weight) and weight >= 0):
                    raise InputError(f"weights: {domain} = {weight}: must be a number from 0 to 1")
            total = sum(phase.weights.values())
            if abs(total - 1) > SUM:
                raise InputError(f"weights: they sum to {total:.6g}, not 1; correct them")
        for phase in self.phases[1:]:
            if phase.weights.keys() != self.phases[0].weights.keys():
                raise InputError("phases: they weigh different domains; give every phase a weight of each, 0 for none")
        starts = [phase.first_token for phase in self.phases]
        if not starts or starts[0] != 0 or sorted(set(starts)) != starts:
            raise InputError(f"phases: first tokens {starts}: must begin at 0 and rise")
        if len(starts) > 1 and self.tokens is None:
            raise InputError("tokens: missing, and a schedule needs them; give the tokens of the whole training")
        if self.tokens is not None and not self.tokens > starts[-1]:
            raise InputError(f"tokens: {self.tokens} end before the last phase begins, at {starts[-1]}; give more")
        for name in ("available", "document_tokens"):
            for domain, number in (getattr(self, name) or {}).items():
                if not (math.isfinite(number) and number > 0):
                    raise InputError(f"{name}: {domain} = {number}: must be above 0; correct it or leave it out")
        if "{domain}" not in self.paths:
            raise InputError(f"paths: {self.paths!r} has no {{domain}}; write for example 'data/{{domain}}'")

    @property
    def domains(self) -> tuple[str, ...]:
        """Those with a weight above 0 in any phase, in the order given."""
        return tuple(name for name in self.phases[0].weights if any(phase.weights[name] > 0 for phase in self.phases))

    def path(self, domain: str) -> str:
        return self.paths.replace("{domain}", domain)

    def length(self, number: int) -> int | None:
        """Tokens of phase ``number``; None if the training's are not known."""
        ends = [phase.first_token for phase in self.phases[1:]] + [self.tokens]
        end = ends[number]
        return None if end is None else end - self.phases[number].first_token

    def consumed(self, number: int) -> dict[str, int]:
        """Tokens of each domain that the phases before ``number`` took."""
        used = dict.fromkeys(self.domains, 0.0)
        for earlier, phase in enumerate(self.phases[:number]):
            for name in used:
                used[name] += phase.weights[name] * (self.length(earlier) or 0)
        return {name: round(tokens) for name, tokens in used.items()}

    def epochs(self, domain: str) -> float | None:
        """Passes over a domain's available tokens in the whole training; None if either is not known."""
        available = (self.available or {}).get(domain)
        if available is None or self.tokens is None:
            return None
        used = sum(phase.weights[domain] * (self.length(i) or 0) for i, phase in enumerate(self.phases))
        return used / available


def read_blend(path: Path, **overrides: Any) -> Blend:
    """The mixture in a file: the JSON of ``regmix recommend --json``, weights by domain, or a target's plan.json.

    Raises InputError.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: cannot be read as JSON ({error}); give the output of `regmix recommend --json`"
        ) from None
    try:
        return _blend(value, path, overrides)
    except InputError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is no mixture ({type(error).__name__}: {error}); give the output of `regmix recommend --json`"
        ) from None


def _blend(value: Any, path: Path, overrides: dict[str, Any]) -> Blend:
    if isinstance(value, dict) and isinstance(value.get("schedule"), dict):
        return Blend(_phases(value["schedule"], overrides.get("tokens"), path), **overrides)
    if isinstance(value, dict) and isinstance(value.get("weights"), dict):
        facts = {"tokens": value.get("tokens"), "available": value.get("available_tokens"), "about": value.get("about"),
                 "facts": {name: value[name] for name in FACTS if name in value}}  # fmt: skip
        overrides = {name: part for name, part in facts.items() if part is not None} | overrides
        value = value["weights"]
    if not (isinstance(value, dict) and value and all(map(_is_number, value.values()))):
        raise InputError(f"{path}: holds no weights by domain; give the output of `regmix recommend --json`")
    return Blend((Phase(value),), **overrides)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _phases(schedule: Mapping[str, Any], tokens: int | None, path: Path) -> tuple[Phase, ...]:
    """The phases of a schedule whose knots are fractions of training."""
    if len(schedule["knots"]) > 1 and tokens is None:
        raise InputError(f"{path}: is a schedule, by share of training; give the training's tokens: --tokens 100e9")
    starts = [round(knot * (tokens or 0)) for knot in schedule["knots"]]
    return tuple(Phase(weights, start) for weights, start in zip(schedule["mixtures"], starts, strict=True))
