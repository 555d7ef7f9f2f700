"""The report's summary: what the numbers show, as far as the intervals allow, and what they do not show.

``regmix.evaluation.headlines`` picks the numbers, target_compare writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regmix.core.objective import BITS
from regmix.evaluation.headlines import Headlines
from regmix.statistics import verdicts
from regmix.statistics.verdicts import SAME, compared
from reports.page.formats import count, counted, fixed, interval, listed, power, relative, spanned
from reports.page.section import Section, Table
from reports.run.swarm import models


def summary(
    first: Table, found: Headlines, kept: pd.DataFrame, cost: Mapping[str, float], target: Mapping[str, Any]
) -> Section:
    """``first`` is the answer; ``kept`` is target_compare's ranks.csv for the objectives.

    ``cost`` is the swarm's share of one target, body only and in full; ``target`` is a target's meta.json.
    """
    return Section(
        "Summary",
        (
            first,
            _opening(found),
            "\n".join(f"- {line}" for line in (*_lines(found), *_switched(found), _kept(kept), _cost(cost))),
            f"*What this does not show.* {_caveats(found, target)}",
        ),
    )


def _opening(found: Headlines) -> str:
    parts = {name: numbers["regression"] for name, numbers in found.items()}
    values = [part["spearman"] for part in parts.values() if part["spearman"] is not None]
    sentences = []
    if values:
        low, high = fixed(min(values), 2), fixed(max(values), 2)
        span = low if low == high else f"{low} to {high}"
        where = " or ".join(dict.fromkeys(tested_on(part) for part in parts.values()))
        over = f" over {counted(len(values), 'objective')}" if len(values) > 1 else ""
        sentences.append(
            f"On {where}, the regressor that cross-validation prefers has a rank correlation of {span}{over}."
        )
    words = {name: word for name, numbers in found.items() if (word := verdicts.ranking(numbers))}
    if words:
        sentences.append(
            "Against ranking by the weight of the objective's own domains, which trains no proxy, it is "
            f"{_each(words)}."
        )
    words = {name: verdicts.realised_gain(numbers) for name, numbers in found.items()}
    sentences.append(f"Against the natural mixture, proxies trained at the recommended one are {_each(words)}.")
    words = {name: verdicts.target(numbers) for name, numbers in found.items() if "target" in numbers}
    if words:
        sentences.append(f"Targets trained on it are {_each(words)}.")
    return " ".join(sentences)


def _each(words: Mapping[str, str]) -> str:
    """``better for `news`; not distinguishable for `broad` ``: objectives grouped by verdict."""
    groups: dict[str, list[str]] = {}
    for name, word in words.items():
        groups.setdefault(word, []).append(f"`{name}`")
    return "; ".join(f"{word} for {listed(names)}" for word, names in groups.items())


def _lines(found: Headlines) -> list[str]:
    return [
        f"**{name}.** {_ranked(numbers)} {_chosen(numbers)}{_trained(numbers) if 'target' in numbers else ''}"
        for name, numbers in found.items()
    ]


def _ranked(numbers: Mapping[str, Any]) -> str:
    part, word = numbers["regression"], verdicts.ranking(numbers)
    text = f"*Ranking:* `{part['regressor']}`, ρ {_span(part, 'spearman', 2, sign=False)} on {tested_on(part)}"
    if word is None:
        return f"{text}."
    baseline = "ranking by the weight of its own domains without any proxy"
    saying = {"better": f"better than {baseline}", "worse": f"worse than {baseline}", SAME: f"{SAME} from {baseline}"}
    return (
        f"{text}; {saying.get(word, f'against {baseline} {word}')} (ρ {fixed(part['no_proxy'], 2)}; difference "
        f"{_span(part, 'over_no_proxy', 2)})."
    )


def _chosen(numbers: Mapping[str, Any]) -> str:
    part = numbers["mixture"]
    return (
        f"*Choice:* predicted gain over natural {fixed(part['predicted_gain'], sign=True)} {numbers['unit']}, realised "
        f"by proxies {_span(part, 'realised_gain')} (n = {part['n']} per mixture): {verdicts.realised_gain(numbers)}."
    )


def _trained(numbers: Mapping[str, Any]) -> str:
    part = numbers["target"]
    text = f" *Target:* `{part['method']}` minus natural {_span(part, 'difference')} {numbers['unit']} "
    text += f"(n = {counted(part['n'], 'pair')}): {verdicts.target(numbers)}."
    if len(part["rivals"]) > 1:
        text += f" Of all rivals: {verdicts.over_rivals(part['rivals'])}."
    if part.get("bits_difference") is not None:
        saying = compared(part["bits_difference_low"], part["bits_difference_high"], "worse", "better")
        text += f" Mean over tasks, minus natural: {_span(part, 'bits_difference')} {BITS}, {saying}."
    if part.get("tasks_difference") is not None:
        saying = compared(part["tasks_difference_low"], part["tasks_difference_high"], "better", "worse")
        text += f" Average task score, minus natural: {_span(part, 'tasks_difference', 1)} points, {saying}."
    return text


def _switched(found: Headlines) -> list[str]:
    """One line per objective with dynamic methods: how they compare with the best static one."""
    return [
        f"**Dynamic mixing.** Does changing the mixture during training beat the best static method on `{name}`? "
        f"{verdicts.dynamic_pays(numbers['dynamic'])}: "
        + "; ".join(
            f"`{method}` minus `{numbers['dynamic']['best_static']}` "
            f"{interval(less['value'], less['low'], less['high'], sign=True)} nats per token, {word}"
            for method, word in verdicts.against_best_static(numbers["dynamic"]).items()
            for less in [numbers["dynamic"]["methods"][method]["less"][numbers["dynamic"]["best_static"]]]
        )
        + f" (n = {counted(numbers['dynamic']['n'], 'pair')})."
        for name, numbers in found.items()
        if "dynamic" in numbers
    ]


def _kept(kept: pd.DataFrame) -> str:
    if kept.empty:
        return "**From proxy to target.** Too few mixtures were trained at both scales to compare rankings."
    values = listed(
        f"{row.measure} {interval(row.value, row.low, row.high, 2)} (p = {fixed(row.p, 3)})"
        for row in kept.itertuples(index=False)
    )
    n = int(kept["n"].iloc[0])
    return f"**From proxy to target.** Rank correlation of mean losses, {n} mixtures trained at both scales: {values}."


def _cost(cost: Mapping[str, float]) -> str:
    tail = " So here it costs more than one target." if cost["full"] > 1 else ""
    return (
        f"**Cost.** The whole swarm took {relative(cost['body'])} the FLOPs of one target counted body only, as the "
        f"paper counts them, and {relative(cost['full'])} with attention and head.{tail}"
    )


def _caveats(found: Headlines, target: Mapping[str, Any]) -> str:
    shape, tokens = models.PAPER["1B"]
    where = listed(dict.fromkeys(tested_on(numbers["regression"]) for numbers in found.values()))
    seeds = [numbers["target"]["n"] for numbers in found.values() if "target" in numbers]
    few = f"{counted(min(seeds), 'seed')} per method" if seeds else "no RegMix target"
    return (
        f"A target here has {count(target['parameters']['body'])} non-embedding parameters and trains on "
        f"{count(target['train_tokens'])} tokens, the paper's {power(shape.body)} and {power(tokens)}: results here "
        f"are evidence of how the method works, not of its gains at that size. The numbers rest on {where} and {few}, "
        "and their intervals are not corrected for the number of comparisons. Where an interval includes zero the "
        f"report says *{SAME}*, which is not the same as equal."
    )


def _span(part: Mapping[str, Any], name: str, digits: int = 3, sign: bool = True) -> str:
    return spanned([part[name], part[f"{name}_low"], part[f"{name}_high"]], digits, sign)


def tested_on(part: Mapping[str, Any]) -> str:
    """The mixtures that a Spearman correlation was computed on."""
    return f"{part['n']} held-out mixtures" if part["split"] == "heldout" else f"{part['n']} runs out of fold"
