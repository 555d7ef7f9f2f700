"""What the headline numbers allow to say, in a word; light, for the command that only prints them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.page.formats import UNKNOWN, compared

Headline = dict[str, dict[str, Any]]  # by objective; reports.run.answer.headlines makes it


def ranks(one: Mapping[str, Any]) -> str | None:
    """How a regressor's ranking compares with that of the baseline without proxies; None if there is no baseline."""
    part = one["regression"]
    if part["over_no_proxy"] is None:
        return None
    return compared(part["over_no_proxy_low"], part["over_no_proxy_high"], "better", "worse")


def realised(one: Mapping[str, Any]) -> str:
    """What proxies at the recommended mixture say of it against natural."""
    part = one["mixture"]
    return compared(part["realised_gain_low"], part["realised_gain_high"], "better", "worse")


def trained(one: Mapping[str, Any]) -> str:
    """What targets say of the RegMix method against natural; of losses, so that less is better."""
    part = one["target"]
    return compared(part["difference_low"], part["difference_high"], "worse", "better")


def unseen(part: Mapping[str, Any]) -> str:
    """The mixtures that a Spearman correlation was taken on."""
    return f"{part['n']} held-out mixtures" if part["split"] == "heldout" else f"{part['n']} runs out of fold"


def switched(part: Mapping[str, Any]) -> dict[str, str]:
    """Dynamic method -> what targets say of it against the best static method; of losses, so that less is better."""
    best = part["best_static"]
    return {name: against(one, best) for name, one in part["methods"].items()}


def against(one: Mapping[str, Any], other: str) -> str:
    """What a dynamic method's paired difference to another method allows to say."""
    return compared(one["less"][other]["low"], one["less"][other]["high"], "worse", "better")


def paying(part: Mapping[str, Any]) -> str:
    """Whether dynamic methods beat the best static one, in the words that one may open with."""
    words = list(switched(part).values())
    if "better" in words:
        return "Yes" if set(words) == {"better"} else "Not all do"
    if set(words) == {"worse"}:
        return "No"
    return "Undecided" if set(words) == {UNKNOWN} else "Not shown"
