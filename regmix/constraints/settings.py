"""Settings: the section `constraints` of params.yaml, and the file of `regmix recommend --constraints`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from regmix.core.faults import repeated, unknown
from regmix.core.settings import Positive, Share, Strict, Tokens

NonNegativeFloat = Annotated[float, Field(ge=0, le=1e15)]
Times = Annotated[float, Field(ge=0, le=1e6)]


class Group(Strict):
    """The sum of several domains' weights."""

    domains: Annotated[list[str], Field(min_length=1)]
    at_least: Share = 0.0
    at_most: Share = 1.0

    def _faults(self) -> Iterator[str]:
        yield from repeated(self.domains, "domains")
        if self.at_least > self.at_most:
            yield f"at_least = {self.at_least:g}: above at_most ({self.at_most:g}); lower it or raise at_most"


class Ratio(Strict):
    """The weight of a domain divided by that of another."""

    of: str
    to: str
    at_least: Times = 0.0
    at_most: Times | None = None

    def _faults(self) -> Iterator[str]:
        if self.of == self.to:
            yield f"to = {self.to}: a domain has no ratio to itself; name another"
        if self.at_most is not None and self.at_least > self.at_most:
            yield f"at_least = {self.at_least:g}: above at_most ({self.at_most:g}); lower it or raise at_most"


class Constraints(Strict):
    """What every mixture must satisfy. Weights are shares of training tokens; omitted keys impose no constraint."""

    max_epochs: Positive = 4.0  # passes over a domain's available tokens, over the whole of a schedule
    available_tokens: dict[str, Tokens] = Field({})  # of every domain; none: what is tokenized
    for_tokens: Tokens | None = None  # of the training that the mixture is for; None: the target's
    floors: dict[str, Share] = Field({})
    ceilings: dict[str, Share] = Field({})
    fixed: dict[str, Share] = Field({})
    groups: dict[str, Group] = Field({})
    ratios: list[Ratio] = Field([])
    max_kl: Positive | None = None  # nats, of the mixture from the prior
    kl_reg: NonNegativeFloat = 0.0  # objective per nat of that distance, which the search adds (olmix)

    def _faults(self) -> Iterator[str]:
        for name in self.fixed:
            for other in ("floors", "ceilings"):
                if name in getattr(self, other):
                    yield f"fixed.{name} = {self.fixed[name]:g}: {other} has {name} too; keep one of the two"
        for name, floor in self.floors.items():
            if floor > (ceiling := self.ceilings.get(name, 1.0)):
                yield f"floors.{name} = {floor:g}: above ceilings.{name} ({ceiling:g}); lower it or raise that"

    @property
    def by_tokens_alone(self) -> bool:
        """Whether nothing but the number of tokens limits weights."""
        return self.max_kl is None and not (self.floors or self.ceilings or self.fixed or self.groups or self.ratios)

    def of_domains(self, domains: list[str], at: str = "constraints.") -> Iterator[str]:
        """The faults of the names: each must be one of ``domains``, and all have available tokens if one has."""
        for kind in ("available_tokens", "floors", "ceilings", "fixed"):
            yield from unknown(getattr(self, kind), domains, f"{at}{kind}", "domain")
        for name, group in self.groups.items():
            yield from unknown(group.domains, domains, f"{at}groups.{name}.domains", "domain")
        for i, ratio in enumerate(self.ratios):
            yield from unknown([ratio.of, ratio.to], domains, f"{at}ratios.{i}", "domain")
        missing = [name for name in domains if name not in self.available_tokens]
        if self.available_tokens and missing:
            yield f"{at}available_tokens: no tokens of {', '.join(missing)}; give them for every domain, or for none"
