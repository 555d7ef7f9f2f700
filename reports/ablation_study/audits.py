"""The audits: what each is about and how many statements hold, then its statements, tables and figures."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regmix.audits.order import share_of_training
from regmix.statistics.verdicts import FAILS, HOLDS, UNDECIDED
from reports.page import style
from reports.page.formats import fixed, interval, listed, spanned
from reports.page.section import Figure, Fold, Part, Section, Table
from reports.papers.claims_page import tally

INTERVAL = ("low", "high")
VERDICTS = (HOLDS, FAILS, UNDECIDED)


@dataclass(frozen=True)
class Audited:
    """An audit's answers (regmix.ablations.audit.to_json), its tables by name, and what it is ``about``."""

    answers: Sequence[Mapping[str, Any]]
    tables: Mapping[str, pd.DataFrame]
    about: str


def section(audits: Mapping[str, Audited], level: float) -> Section:
    """The section on ``audits``, keyed by name."""
    rows = [(name, answer) for name, audit in audits.items() for answer in audit.answers]
    prose = (
        f"Controls that neither paper ships, on the default pipeline's mixtures and targets: {len(rows)} statements "
        f"in {len(audits)} audits. Brackets are {level:.0%} intervals: over seeds, paired, for losses of targets (nats "
        "per token, negative is better), and over resamples of the mixtures or proxies for shares of pairs and "
        "correlations. They are not corrected for the number of comparisons."
    )
    counts = {name: Counter(answer["verdict"] for answer in audit.answers) for name, audit in audits.items()}
    shown = pd.DataFrame(
        {
            "Audit": [_label(name) for name in audits],
            "About": [audit.about for audit in audits.values()],
            **{word.capitalize(): [str(count[word]) for count in counts.values()] for word in VERDICTS},
        }
    )
    values = pd.DataFrame([{"audit": name} | {key: answer[key] for key in ("says", "verdict", "why", "unit")}
                           | {"here": measured(answer)} for name, answer in rows])  # fmt: skip
    total = tally([answer["verdict"] for _, answer in rows], VERDICTS)
    parts: list[Part] = [
        total,
        prose,
        Table("audits", "The audits, and how many statements of each hold; below, one by one.", shown, values),
    ]
    for name, audit in audits.items():
        behind: list[Part] = [_statements(name, audit)]
        behind += [_decisions(name, audit.tables["accuracy"])] if "accuracy" in audit.tables else []
        behind += [_rank_matrices(name, audit.tables["ranks"])] if "ranks" in audit.tables else []
        behind += [_interactions(name, audit.tables["helps"])] if "helps" in audit.tables else []
        behind += [_table(name, key, frame) for key, frame in audit.tables.items()]
        parts.append(Fold(_label(name).capitalize(), tuple(behind)))
    return Section("Audits", tuple(parts))


def _label(name: str) -> str:
    return name.replace("_", " ")


def _statements(name: str, audit: Audited) -> Table:
    shown = pd.DataFrame(
        {
            "Statement": [answer["says"] for answer in audit.answers],
            "Here": [measured(answer) for answer in audit.answers],
            "Verdict": [answer["verdict"] for answer in audit.answers],
            "Why": [answer["why"] for answer in audit.answers],
        }
    )
    return Table(f"{name}_statements", f"{_label(name).capitalize()}: statements.", shown, shown)


def measured(answer: Mapping[str, Any]) -> str:
    """The numbers of an answer, and what they measure."""
    share = answer["unit"] != "nats per token"
    parts = [
        f"{part['what']} {interval(part['value'], part['low'], part['high'], 2 if share else 3, sign=not share)}"
        for part in answer["measured"]
    ]
    numbers = sorted({part["n"] for part in answer["measured"]})
    return f"{'; '.join(parts)} ({listed(map(str, numbers))} {answer['over']})" if parts else "–"


def _table(audit: str, name: str, frame: pd.DataFrame) -> Table:
    """A table as an audit wrote it, with an interval shown in brackets after its value."""
    shown = {}
    value = frame.columns[list(frame.columns).index("low") - 1] if "low" in frame else None
    if "mean" in frame:
        value = "mean"
    for column in frame.columns:
        if column in (*INTERVAL, "sd"):
            continue
        if column == value:
            rows = frame[[column, *INTERVAL]].to_numpy().tolist()
            shown[column] = [spanned(row, 3) for row in rows]
        else:
            shown[column] = [_cell(cell) for cell in frame[column]]
    headings = {column: column.replace("_", " ").capitalize() for column in shown}
    caption = f"{_label(audit).capitalize()}: {_label(name)}."
    return Table(f"{audit}_{name}", caption, pd.DataFrame(shown).rename(columns=headings), frame)


def _cell(value: Any) -> str:
    return fixed(value) if isinstance(value, float) else str(value)


def _decisions(audit: str, table: pd.DataFrame) -> Figure:
    """Decision accuracy against the share of the proxies' training, a panel for each group of mixtures."""
    trained = table[table["by"].str.startswith("proxies")]
    groups, objectives = list(dict.fromkeys(table["group"])), list(dict.fromkeys(table["objective"]))
    figure, axes = style.panels(1, len(groups), 2.8, sharey=True)
    marks, hues = style.markers(objectives), style.colours(objectives)
    for plot, group in zip(axes[0], groups, strict=True):
        for name in objectives:
            rows = trained[(trained["group"] == group) & (trained["objective"] == name)]
            shares = [share_of_training(text) for text in rows["by"]]
            spans = np.abs(rows[list(INTERVAL)].to_numpy().T - rows["accuracy"].to_numpy())
            plot.errorbar(shares, rows["accuracy"], spans, label=name, color=hues[name], marker=marks[name], capsize=2)
        plot.set_title(group)
        plot.set_xlabel("share of a proxy's training")
    axes[0][0].set_ylabel("share of pairs decided as by targets")
    axes[0][-1].legend(loc="lower right")
    return Figure(
        f"{audit}_accuracy",
        "Share of pairs of mixtures that proxies order as targets do, by how far the proxies have trained.",
        "Lines of decision accuracy against the share of training, one panel for each group of mixtures.", figure,
    )  # fmt: skip


def _rank_matrices(audit: str, table: pd.DataFrame) -> Figure:
    """Rank correlations between sizes and budgets, a panel for each objective (down) and group of mixtures (across)."""
    labels = list(dict.fromkeys([*table["first"], *table["second"]]))
    names, groups = list(dict.fromkeys(table["objective"])), list(dict.fromkeys(table["group"]))
    figure, axes = style.panels(len(names), len(groups), len(names) * (0.3 * len(labels) + 1.3))
    for (i, name), (j, group) in itertools.product(enumerate(names), enumerate(groups)):
        values = np.eye(len(labels))
        for row in table[(table["objective"] == name) & (table["group"] == group)].itertuples():
            first, second = labels.index(row.first), labels.index(row.second)
            values[first, second] = values[second, first] = row.spearman
        texts = [[fixed(100 * value, 0) for value in line] for line in values]
        style.heat(axes[i, j], values, labels, labels, cmap="viridis", span=(0, 1), texts=texts)
        axes[i, j].set_title(f"{name}, {group}")
    return Figure(
        f"{audit}_ranks",
        "Spearman correlation in percent of mixtures' losses between proxies of every size and budget, and targets.",
        "Heat maps of rank correlations, one panel for each objective and group of mixtures.", figure,
    )  # fmt: skip


def _interactions(audit: str, table: pd.DataFrame) -> Figure:
    """Which domains help which, a row per training domain (the right half of the paper's Figure 7)."""
    weights, losses = (list(dict.fromkeys(table[key])) for key in ("weight_of", "loss_on"))
    marked = table.assign(sure=(table["low"] > 0) | (table["high"] < 0))
    square, sure = (
        marked.pivot(index="weight_of", columns="loss_on", values=key).loc[weights, losses].to_numpy()
        for key in ("correlation", "sure")
    )
    texts = [[fixed(value, 1) + ("" if own else " ·") for value, own in zip(*line, strict=True)]
             for line in zip(square, sure, strict=True)]  # fmt: skip
    figure, axes = style.panels(1, 1, 0.3 * len(weights) + 1.6)
    style.heat(axes[0, 0], square, weights, losses, cmap="RdBu_r", span=(-1, 1), texts=texts)
    axes[0, 0].set_xlabel("loss on")
    axes[0, 0].set_ylabel("training weight of")
    return Figure(
        f"{audit}_helps",
        "Spearman correlation of a domain's weight with minus a loss, over random proxies: above zero, the domain "
        "helps. A dot marks intervals that include zero (the paper's Figure 7).",
        "Heat map of correlations, training domains by validated domains.", figure,
    )  # fmt: skip
