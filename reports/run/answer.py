"""The answer on one screen: for each objective what to do, the mixture, and how well targets trained on it do."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regmix.core.objective import BITS, NATS, Objective
from regmix.evaluation.decision import (
    ALIKE,
    AVOID,
    BETTER,
    EXTRAPOLATES,
    OPEN,
    RIVALS,
    USE,
    WORSE,
    Decision,
    compared,
    decision,
)
from regmix.evaluation.headlines import Headlines
from regmix.page import drawings
from regmix.page.drawings import Bar, Difference, Drawing
from regmix.statistics.digits import leading
from reports.page.formats import MISSING, amount, fixed, listed, percent, plus_minus
from reports.page.section import Table, Widget

SHOWN = 4  # heaviest domains of a mixture in the table
LEAST, MOST = 0.015, 7  # of a drawing: smaller weights share a row; the most rows for single domains
WIDTH = 240  # of a drawing, pixels
CARD = 224  # of one in a card: five cards side by side on a screen of 1,024 pixels leave its text 9 of them
MANY, FEW = 5, 3  # objectives side by side on a wide screen and on a narrow one
CLASSES = {USE: "use", EXTRAPOLATES: "warn", AVOID: "warn"}
KINDS = {BETTER: "better", ALIKE: "same", OPEN: "same", WORSE: "worse"}
SHORT = {"single": "single", "own": "own"}  # names of rivals that are too long for a drawing


@dataclass(frozen=True)
class Answer:
    """The answer for one objective: its aim, what to do, and what is drawn; ``gains`` is empty without targets."""

    name: str
    aim: str
    decision: Decision
    bars: tuple[Bar, ...]
    gains: tuple[Difference, ...]
    unit: str


def answers(
    headlines: Headlines, chosen: Mapping[str, Mapping[str, Any]], objectives: Mapping[str, Objective],
    prior: Mapping[str, float], tokens: int,
) -> list[Answer]:  # fmt: skip
    """``headlines`` is headlines.json, ``chosen`` are mixture_choose's files; the mixture is to train on ``tokens``."""
    return [
        Answer(name, _aim(objectives[name], list(prior)), decision(headline, chosen[name]),
               _bars(chosen[name], prior, tokens), _gains(headline), headline["unit"])
        for name, headline in headlines.items()
    ]  # fmt: skip


def cards(all_answers: Sequence[Answer]) -> Widget:
    """The answers side by side; in Markdown, the picture that the report stage draws and one line per objective."""
    columns = f"--many: {min(MANY, len(all_answers))}; --few: {min(FEW, len(all_answers))}"
    lines = [f"- **{answer.name}** ({answer.aim}): {answer.decision}." for answer in all_answers]
    glance = "".join(
        f'<li><a href="#answer-{answer.name}">{answer.name}</a>: {answer.decision.word}</li>' for answer in all_answers
    )
    shown = "\n".join(_card(answer) for answer in all_answers)
    return Widget(
        f'<ul class="glance">{glance}</ul>\n<div class="answers" style="{columns}">\n{shown}\n</div>',
        "![Chosen weights beside natural ones, and what targets gained](answer.svg)\n\n" + "\n".join(lines),
    )


def bars(answer: Answer, width: int = WIDTH) -> Drawing:
    """The mixture of an answer."""
    return drawings.weights(answer.bars, width, ("weight", "tokens"))


def table(summary: Mapping[str, Mapping[str, Any]], mixture: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """One column of text per objective of metrics/summary.json and metrics/mixture.json."""
    columns = {"objective": ["chosen mixture", "ρ", *(f"minus {rival}" for rival in RIVALS.values())]}
    for name, row in summary.items():
        differences = {r: _shown(row[f"minus_{r}"], row[f"minus_{r}_ci"]) for r in RIVALS if f"minus_{r}" in row}
        heaviest = [f"{domain} {weight:.2f}" for domain, weight in mixture[name]["weights"].items() if weight >= 0.03]
        title = f"{name}, {row['unit']}" if "unit" in row else name
        columns[title] = [
            ", ".join(heaviest[:SHOWN]),
            fixed(row["spearman"], 2),
            *(differences.get(r, MISSING) for r in RIVALS),
        ]
    return pd.DataFrame(columns)


def numbers(summary: Mapping[str, Mapping[str, Any]], mixture: Mapping[str, Mapping[str, Any]], level: float) -> Table:
    """The same for the page."""
    return Table(
        "answer",
        f"The mixture chosen for each objective, by its {SHOWN} heaviest domains; ρ, how well predictions rank unseen "
        f"mixtures; and the loss of targets trained on it minus that of targets trained on rivals, in {NATS} unless "
        f"the heading says otherwise, paired by seed, ± half a {percent(level)} interval: below zero, the chosen "
        "mixture is better.",
        table(summary, mixture),
        pd.DataFrame([{"objective": name, **row} for name, row in summary.items()]),
    )


def _aim(objective: Objective, trained: Sequence[str]) -> str:
    names = objective.names
    if objective.references is not None:
        return f"worst of {len(names)} domains, each compared with a proxy trained on it alone"
    if objective.unit == BITS:
        return f"{BITS} of the answers of {len(names)} task{'s' * (len(names) > 1)}"
    if set(names) == set(trained):
        return f"mean loss on all {len(names)} training domains"
    if len(names) > SHOWN:
        return f"weighted mean of the losses on {len(names)} domains"
    unseen = "" if set(names) & set(trained) else ", on which no model trains"
    return f"{'mean ' * (len(names) > 1)}loss on {listed(names)}{unseen}"


def _bars(chosen: Mapping[str, Any], prior: Mapping[str, float], tokens: int) -> tuple[Bar, ...]:
    """The domains by weight, small ones together."""
    order = sorted(prior, key=lambda domain: -chosen["weights"][domain])
    rows = [(domain, chosen["weights"][domain], chosen["spread"][domain], prior[domain]) for domain in order]
    shown = [row for row in rows if row[1] >= LEAST][:MOST]
    rest = rows[len(shown) :]
    if len(rest) == 1:
        shown = rows
    elif rest:
        shown.append((f"{len(rest)} others", sum(row[1] for row in rest), 0.0, sum(row[3] for row in rest)))
    return tuple(Bar(*row, (fixed(row[1], 2), amount(row[1] * tokens))) for row in shown)


def _gains(headline: Mapping[str, Any]) -> tuple[Difference, ...]:
    rows = []
    for name, rival in headline.get("target", {"rivals": {}})["rivals"].items():
        value, low, high = (rival[f"value{end}"] for end in ("", "_low", "_high"))
        half = None if low is None or high is None else (high - low) / 2
        kind = KINDS[compared(value, low, high, headline["unit"])]
        rows.append(Difference(SHORT.get(name, RIVALS[name]), value, low, high, kind, _shown(value, half)))
    return tuple(rows)


def _shown(value: float, half: float | None) -> str:
    return plus_minus(value, half, leading(half)) if half else fixed(value)


def _card(answer: Answer) -> str:
    spread = "; ".join(
        f"{bar.label} {bar.texts[0]} ± {bar.spread:.2f}, natural {bar.natural:.2f}" for bar in answer.bars
    )
    parts = [
        f"<h3>{answer.name}</h3>",
        f'<p class="aim">{html.escape(answer.aim)}</p>',
        f'<p class="decision"><strong>{answer.decision.word.capitalize()}</strong>: '
        f"{html.escape(answer.decision.reason).replace(' ± ', '&nbsp;±&nbsp;')}.</p>",
        bars(answer, CARD).element(f"Chosen weights: {spread}"),
    ]
    if answer.gains:
        words = "; ".join(f"{gain.label} {gain.text}" for gain in answer.gains)
        drawing = drawings.differences(answer.gains, CARD)
        parts += [
            f'<p class="head">Targets minus rivals, {answer.unit}</p>',
            drawing.element(f"Targets minus rivals: {words}"),
        ]
    kind = CLASSES.get(answer.decision.word, "")
    return f'<article class="answer {kind}" id="answer-{answer.name}">{"".join(parts)}</article>'
