"""The report in six short chapters, with figures and tables taken from the appendices.

``regmix.evaluation.headlines`` picks the numbers, target_compare writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regmix.core.objective import BITS, NATS
from regmix.evaluation.decision import MATTERS, USE, over_rivals
from regmix.evaluation.headlines import Headlines
from regmix.mixture.stopping import Outlook
from regmix.statistics import verdicts
from regmix.statistics.verdicts import SAME, compared
from reports.page.formats import amount, counted, fixed, interval, listed, percent, power, relative, spanned
from reports.page.section import Figure, Fold, Part, Section, Table
from reports.run.swarm import models


@dataclass(frozen=True)
class Story:
    """``headlines`` is headlines.json, ``kinds`` counts the swarm's runs, ``tokens`` are the training tokens by domain.

    ``chosen`` are mixture_choose's files, ``voters`` the weights of the regressors that choose, ``ranks`` is
    target_compare's ranks.csv for the objectives; ``proxy`` and ``target`` are each a run's meta.json.
    """

    headlines: Headlines
    kinds: Mapping[str, int]
    tokens: Mapping[str, int]
    prior: Mapping[str, float]
    chosen: Mapping[str, Mapping[str, Any]]
    outlooks: Mapping[str, Outlook]
    voters: Mapping[str, float]
    ranks: pd.DataFrame
    proxy: Mapping[str, Any]
    target: Mapping[str, Any]

    def opening(self) -> str:
        """What was trained, in two sentences."""
        proxies = sum(number for kind, number in self.kinds.items() if kind in ("random", "anchor", "proposal"))
        seeds = [headline["target"]["n"] for headline in self.headlines.values() if "target" in headline]
        then = (
            f" Larger models (*targets*: {amount(self.target['parameters']['body'])} parameters, "
            f"{amount(self.target['train_tokens'])} tokens, {counted(min(seeds), 'seed')} per mixture) test the choice."
            if seeds
            else " No target was trained to test the choice."
        )
        return (
            f"From {proxies} small models (*proxies*: {amount(self.proxy['parameters']['body'])} non-embedding "
            f"parameters, {amount(self.proxy['train_tokens'])} tokens) regressors learn how each loss depends on the "
            f"mixture of {counted(len(self.prior), 'domain')}, and choose a mixture for every objective.{then}"
        )

    def chapters(self, sections: Mapping[str, Section]) -> list[Section]:
        """``sections`` are the appendices by name, from which the chapters take their parts."""
        return [
            _chapter("Corpora and proxies", self._swarm(), sections["design"], ("coverage_weights",),
                     folds={"The corpora": (sections["corpora"], ("corpora",)),
                            "Shapes and compute": (sections["models"], ("models", "flops"))}),
            _chapter("From mixture to loss", self._ranking(), sections["regression"], ("proxies",),
                     folds={"All regressors": (sections["regression"], ("regression",))}),
            _chapter("The choice", self._choice(), sections["mixtures"], ("confirmed",),
                     folds={"Weights with spread": (sections["mixtures"], ("mixtures",)),
                            "Gains, predicted and actual": (sections["mixtures"], ("gains",)),
                            "Whether another round pays": (sections["mixtures"], ("outlooks",))}),
            _chapter("Targets", self._targets(), sections["targets"], ("target_domains",),
                     folds={"Differences from natural": (sections["targets"], ("targets_paired",)),
                            "Proxies against targets": (sections["invariance"], ("invariance",))}),
            _chapter("Schedules", self._schedules(), sections["dynamic"], ("schedules",)),
            Section("Limits", (self._limits(),), kind="chapter"),
        ]  # fmt: skip

    def _swarm(self) -> str:
        least, most = (pick(self.prior, key=lambda domain: self.prior[domain]) for pick in (min, max))
        singular = {"random": "random mixture", "anchor": "anchor (each domain alone, *natural* and *uniform*)",
                "proposal": "proposal, where the expected gain was largest"}  # fmt: skip
        plural = {"random": "random mixtures", "anchor": "anchors (each domain alone, *natural* and *uniform*)",
                 "proposal": "proposals, where the expected gain was largest"}  # fmt: skip
        design = listed(
            f"{self.kinds[kind]} {singular[kind] if self.kinds[kind] == 1 else plural[kind]}"
            for kind in plural if kind in self.kinds
        )  # fmt: skip
        judges, repeats = (self.kinds.get(kind, 0) for kind in ("heldout", "repeat"))
        again = f", and {repeats} more repeat some of these under other seeds to measure the noise" if repeats else ""
        apart = f" Another {judges}, on held-out mixtures, only test the regressors{again}." if judges else ""
        return (
            f"{counted(len(self.prior), 'domain')} with {amount(sum(self.tokens.values()))} tokens stand in for the "
            f"Pile's 17. The *natural* mixture samples them by size, from {percent(self.prior[least])} ({least}) to "
            f"{percent(self.prior[most])} ({most}).\n\nThe swarm trains {design}.{apart}"
        )

    def _ranking(self) -> str:
        parts = {name: headline["regression"] for name, headline in self.headlines.items()}
        low, high = (pick(part["spearman"] for part in parts.values()) for pick in (min, max))
        tests = " or ".join(dict.fromkeys(tested_on(part) for part in parts.values()))
        span = fixed(low, 2) if fixed(low, 2) == fixed(high, 2) else f"{fixed(low, 2)} to {fixed(high, 2)}"
        words = {name: word for name, headline in self.headlines.items() if (word := verdicts.ranking(headline))}
        base = (
            " Ranking mixtures by their weight on the objective's own domains needs no proxies; compared with that "
            f"baseline, the regressor is {each(words)}."
            if words
            else ""
        )
        who = listed(f"`{name}` ({weight:.2f})" if len(self.voters) > 1 else f"`{name}`"
                     for name, weight in self.voters.items())  # fmt: skip
        weighed = ", weighted by their errors in cross-validation" if len(self.voters) > 1 else ""
        return (
            "Each domain's validation loss is fitted separately, and an objective is a function of these. On "
            f"{tests}, the regressor that cross-validation prefers ranks mixtures with a Spearman ρ of {span}."
            f"{base}\n\n"
            f"The choice is made by {who}{weighed}."
        )

    def _choice(self) -> str:
        words = {name: verdicts.realised_gain(entry) for name, entry in self.headlines.items()}
        inside = [
            name for name, entry in self.headlines.items() if self._foreseen(name, entry["mixture"]["realised_gain"])
        ]
        far = [
            name for name, entry in self.chosen.items() if entry["support"]["distance"] > entry["support"]["typical"]
        ]
        near = (
            f" For {listed(f'`{name}`' for name in far)} the choice lies farther from the runs than they do from each "
            "other, so the prediction extrapolates, and only the proxies trained on the choice can be trusted."
            if far
            else " Every choice lies among the runs, so no prediction extrapolates."
        )
        stop = {
            name: f"is worth it for `{name}`" for name, entry in self.outlooks.items() if entry.verdict == "continue"
        }
        more = (
            f" Another round of proxies {listed(stop.values())}."
            if stop
            else " Another round of proxies would gain less than proxies can measure: stop here."
            if all(entry.verdict == "stop" for entry in self.outlooks.values())
            else ""
        )
        return (
            f"Compared with natural, proxies trained on the choice are {each(words)}. Their gain lies within "
            f"the predicted interval for {len(inside)} of {counted(len(self.headlines), 'objective')}.{near}{more}"
        )

    def _foreseen(self, name: str, realised: float) -> bool:
        gain = self.chosen[name]["gain"]
        return bool(gain["low"] <= realised <= gain["high"])

    def _targets(self) -> str:
        targets = {name: headline for name, headline in self.headlines.items() if "target" in headline}
        if not targets:
            return "No target was trained on a chosen mixture."
        both = [
            name for name, headline in targets.items() if verdicts.target(headline) == verdicts.realised_gain(headline)
        ]
        where = (
            "every objective that has targets"
            if len(both) == len(targets)
            else f"{listed(f'`{name}`' for name in both)} alone"
        )
        agree = f"Proxies and targets agree in the comparison with natural for {where}"
        words = {name: verdicts.target(headline) for name, headline in targets.items()}
        text = f"{agree}: the targets are {each(words)}."
        if any(over_rivals(part["target"]["rivals"], part["unit"])[0] != USE for part in targets.values()):
            text += " Where the answer at the top is weaker, another rival is the reason."
        if len(self.ranks):
            low, high = self.ranks["value"].min(), self.ranks["value"].max()
            text += (
                f"\n\nProxies rank mixtures as targets do: over {int(self.ranks['n'].iloc[0])} mixtures that were "
                f"trained at both sizes, ρ of the mean losses is {fixed(low, 2)} to {fixed(high, 2)}."
            )
        lines = [
            f"`{name}`: {_tasks(headline['target'])}"
            for name, headline in targets.items()
            if _tasks(headline["target"])
        ]
        if lines:
            text += "\n\nDownstream tasks, minus natural:\n\n" + "\n".join(f"- {line}" for line in lines)
        return f"{text}\n\nThe figure shows what a method costs the domains that its objective does not name."

    def _schedules(self) -> str:
        lines = [
            f"Does it pay on `{name}` to change the mixture while a target trains, as RegMix-D does? "
            f"{verdicts.dynamic_pays(part)}. Against `{part['best_static']}`, the best static method, chosen "
            f"after the fact, which favours it (n = {counted(part['n'], 'pair')}, {NATS}):\n\n"
            + "\n".join(
                f"- `{method}` {_less(part, method)}, {word}"
                for method, word in verdicts.against_best_static(part).items()
            )
            for name, headline in self.headlines.items()
            if (part := headline.get("dynamic"))
        ]
        return "\n\n".join(lines) or "No method changes the mixture while its target trains."

    def _limits(self) -> str:
        shape, tokens = models.PAPER["1B"]
        tests = listed(dict.fromkeys(tested_on(headline["regression"]) for headline in self.headlines.values()))
        seeds = [headline["target"]["n"] for headline in self.headlines.values() if "target" in headline]
        few = f"{counted(min(seeds), 'seed')} per method" if seeds else "no target on a chosen mixture"
        return (
            f"A target here has {amount(self.target['parameters']['body'])} non-embedding parameters and "
            f"{amount(self.target['train_tokens'])} tokens, the paper's has {power(shape.body)} and "
            f"{power(tokens)}: this is evidence of how the method works, not of its gains at that size.\n\n"
            f"The numbers rest on {tests} and {few}. Intervals and verdicts are not corrected for the number "
            "of comparisons (bold in the tables is), and cover neither another swarm nor another corpus. "
            f"*{SAME.capitalize()}* means that an interval includes zero, which is not the same as equal."
        )


def reading(level: float) -> str:
    """How to read the answers, and the smallest difference that matters."""
    return (
        "Bars: the chosen weights with their spread (one standard deviation over refits); grey: shares in *natural*, "
        "the corpus as it is. Dots: "
        f"losses of targets minus those of rivals, with {percent(level)} intervals; left of the line the chosen "
        f"mixture is better. Hollow dots: not clear, or too small to matter (below {MATTERS[NATS]:g} {NATS}, about "
        f"{percent(MATTERS[NATS])} of perplexity, or {MATTERS[BITS]:g} {BITS}).\n\n"
        "Rivals are targets trained on other mixtures: *natural*; all domains equally (*uniform*); the best *single "
        "domain*; the mixture of the *best proxy*; the objective's *own domains*; and the choice of RegMix as "
        "published with as many proxies (*one-shot*)."
    )


def cost(runs: int, shares: Mapping[str, float]) -> str:
    """``runs`` are the swarm's, ``shares`` its FLOPs over those of one target, body only and in full."""
    tail = ", so at this size the swarm costs more than the target that it serves" if shares["full"] > 1 else ""
    return (
        f"Cost: the {runs} runs of the swarm, tests included, took {relative(shares['body'])} the FLOPs of one target, "
        f"body only as the paper counts, and {relative(shares['full'])} with attention and head{tail}."
    )


def each(words: Mapping[str, str]) -> str:
    """``better for `news`; not distinguishable for `broad` ``: objectives grouped by verdict."""
    groups: dict[str, list[str]] = {}
    for name, word in words.items():
        groups.setdefault(word, []).append(f"`{name}`")
    return "; ".join(f"{word} for {listed(names)}" for word, names in groups.items())


def tested_on(part: Mapping[str, Any]) -> str:
    """The mixtures that a Spearman correlation was computed on."""
    return f"{part['n']} held-out mixtures" if part["split"] == "heldout" else f"{part['n']} runs out of fold"


def _chapter(
    title: str, text: str, source: Section, names: Sequence[str],
    folds: Mapping[str, tuple[Section, Sequence[str]]] | None = None,
) -> Section:  # fmt: skip
    """``text`` beside the parts of ``source`` with these names, and below them those of ``folds``."""
    parts: list[Part] = [text, *_named(source, names)]
    for heading, (section, part_names) in (folds or {}).items():
        if selected := _named(section, part_names):
            parts.append(Fold(heading, tuple(selected)))
    return Section(title, tuple(parts), kind="chapter")


def _named(section: Section, names: Sequence[str]) -> list[Figure | Table]:
    return [part for part in section.parts if isinstance(part, Figure | Table) and part.name in names]


def _less(part: Mapping[str, Any], method: str) -> str:
    less = part["methods"][method]["less"][part["best_static"]]
    return interval(less["value"], less["low"], less["high"], sign=True)


def _tasks(part: Mapping[str, Any]) -> str:
    """How a target's tasks compare with natural's: bits per byte of correct answers, and average score."""
    words = []
    for key, digits, unit, below, above in (
        ("bits_difference", 3, BITS, "better", "worse"),
        ("tasks_difference", 1, "points", "worse", "better"),
    ):
        row = [part.get(f"{key}{end}") for end in ("", "_low", "_high")]
        if row[0] is not None:
            words.append(f"{spanned(row, digits, sign=True)} {unit}, {compared(row[1], row[2], above, below)}")
    return "; ".join(words)
