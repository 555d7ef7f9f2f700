"""Trainers' formats as text into which a page fills weights.

A page cannot call regmix/exports, so it gets what ``render`` writes before, for and after a domain. That works for
formats whose text follows from the weights alone, a block of lines per domain.
"""

from __future__ import annotations

from typing import Any

from regmix.core import plugins
from regmix.core.errors import InputError
from regmix.exchange.blend import Blend, Phase
from regmix.exchange.write import formats

WEIGHT = 0.123456789  # stands for any weight
PLACE = "{weight}"


def templates(domains: tuple[str, ...], paths: str) -> dict[str, dict[str, Any]]:
    """By format: ``before``, ``blocks`` by domain with ``{weight}``, ``after``, and ``comment``, what begins one."""
    found = {form: _template(form, domains, paths) for form in formats()}
    return {form: template for form, template in found.items() if template}


def _template(form: str, domains: tuple[str, ...], paths: str) -> dict[str, Any] | None:
    """None for a format that needs more than weights."""
    module = plugins.load("exports", form.replace("-", "_"), "--to")
    if module.COUNTS != "tokens" or getattr(module, "SCHEDULES", False):
        return None
    phase = Phase({name: 1 / len(domains) for name in domains})
    short = Blend((phase,), paths=paths)
    long = Blend((phase,), tokens=10**12, paths=paths, available=dict.fromkeys(domains, 1.0))
    try:
        whole = module.render(short, dict.fromkeys(domains, WEIGHT))
        if whole != module.render(long, dict.fromkeys(domains, WEIGHT)):
            return None  # it depends on how often text repeats
        alone = [module.render(short, {name: WEIGHT}).splitlines(keepends=True) for name in domains]
    except InputError:  # a path that the format does not allow
        return None
    first = _same(alone)
    last = _same([lines[: first - len(lines) - 1 : -1] for lines in alone]) if len(domains) > 1 else 0
    before, after = "".join(alone[0][:first]), "".join(alone[0][len(alone[0]) - last :])
    blocks = ["".join(lines[first : len(lines) - last]) for lines in alone]
    if before + "".join(blocks) + after != whole or any(block.count(str(WEIGHT)) != 1 for block in blocks):
        return None
    return {
        "before": before,
        "blocks": [block.replace(str(WEIGHT), PLACE) for block in blocks],
        "after": after,
        "comment": module.COMMENT,
    }


def _same(texts: list[list[str]]) -> int:
    """How many lines all ``texts`` begin with."""
    count = 0
    for lines in zip(*texts, strict=False):
        if len(set(lines)) > 1:
            break
        count += 1
    return count
