"""Do losses order mixtures as downstream scores do, near the optimum too (RegMix, Figure 5 and Table 3)?

The mixtures and targets are those of the audit `order`. Scores are zero-shot accuracies, and the bits per byte of the
right answers, which differ even where models of this size guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Measured, Size
from regmix.ablations.bench import Bench
from regmix.ablations.mixture_ranks import spread
from regmix.audits.order import FEWEST, NEAR, RANDOM, compared, masks
from regmix.core.errors import InputError
from regmix.core.settings import Count, Name, NonNegative, Share, Strict
from regmix.evaluation.summary import AVERAGE, AVERAGE_BITS
from regmix.statistics import metrics
from regmix.statistics.decisions import accuracy

AVERAGES = {AVERAGE: "a higher accuracy", AVERAGE_BITS: "fewer bits per byte of right answers"}  # mean over tasks


class Options(Strict):
    random: Annotated[int, Field(ge=FEWEST)]  # held-out mixtures
    near: Annotated[int, Field(ge=FEWEST)]  # at most so many for each objective, spread over the rounds
    seeds: Count  # targets per mixture; at most target.seeds
    objectives: Annotated[list[Name], Field(min_length=1)]
    least: Share  # accuracy that counts as surviving
    seed: NonNegative


def size(options: Options, learnt: int, domains: int) -> Size:
    return Size(targets=(options.random + options.near * len(options.objectives)) * options.seeds)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective, too few mixtures, or no tasks."""
    tested = compared(bench, options.random, options.near, options.objectives)
    if bench.scores.empty:
        raise InputError("audits: no zero-shot scores; have tasks, and 0 in shots: params.yaml: evaluation")
    targets, scores = bench.scored_targets_at(tested.mixtures, options.seeds)
    means = scores.groupby(["measure", "method"], sort=False)["value"].mean().unstack("method")
    linked: list[list[Any]] = []
    decided: list[list[Any]] = []
    ranges: list[pd.DataFrame] = []
    for name in options.objectives:
        losses = np.array([bench.value(target, name).mean() for target in targets])
        proxies = tested.objective(bench.objective(name))
        for group, those in masks(bench, tested, name, options.near).items():
            n = int(those.sum())
            for measure, values in means.iterrows():
                worse = _worse(str(measure), values.to_numpy())[those]
                link = metrics.correlation(losses[those], worse, resamples=bench.resamples, level=bench.level,
                                           seed=options.seed)  # fmt: skip
                linked.append([name, group, measure, *link, n])
                share = accuracy(worse, proxies[those], resamples=bench.resamples, level=bench.level, seed=options.seed)
                decided.append([name, group, measure, *share, n])
            if group == NEAR or name == options.objectives[0]:  # random mixtures are the same for all
                own = scores[scores["method"].isin(np.flatnonzero(those))]
                label = group if group == RANDOM else f"{group}, {name}"
                ranges.append(spread(own).assign(mixtures=n, group=label))
    columns = ["objective", "group", "measure"]
    links = pd.DataFrame(linked, columns=[*columns, "spearman", "low", "high", "mixtures"])
    decisions = pd.DataFrame(decided, columns=[*columns, "share_of_pairs", "low", "high", "mixtures"])
    table = pd.concat(ranges, ignore_index=True)
    answers = [
        *(Answer.above(f"Among {group}, targets with a lower loss have {label}, averaged over tasks",
                       _measured(links, group, measure, "spearman"), 0.0, "Spearman", "mixtures")
          for group in (RANDOM, NEAR) for measure, label in AVERAGES.items()),
        *(Answer.above(f"Proxies' losses rank {options.least:.0%} of pairs of {group} as the bits per byte of the "
                       "targets' right answers do", _measured(decisions, group, AVERAGE_BITS, "share_of_pairs"),
                       options.least, "share of pairs", "mixtures")
          for group in (RANDOM, NEAR)),
    ]  # fmt: skip
    tables = {"correlations": links, "decisions": decisions, "range": table[["group", *table.columns.drop("group")]]}
    return Audit(tuple(answers), tables)


def _worse(measure: str, values: np.ndarray) -> np.ndarray:
    """Scores so that lower is better."""
    return values if measure.endswith("_bits") else -values


def _measured(table: pd.DataFrame, group: str, measure: str, column: str) -> Sequence[Measured]:
    rows = table[(table["group"] == group) & (table["measure"] == measure)]
    return [Measured(*row) for row in
            rows[["objective", column, "low", "high", "mixtures"]].itertuples(index=False, name=None)]  # fmt: skip
