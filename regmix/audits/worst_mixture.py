"""Is the predicted worst mixture the worst of the trained ones? A cheap way to prove the regressors wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from regmix.ablations.audit import Answer, Audit, Size
from regmix.ablations.bench import Bench
from regmix.core.settings import Count, Name, Strict
from regmix.mixture.optima import optima
from regmix.mixture.search import optimum
from regmix.regression.ensemble import Ensemble


class Options(Strict):
    objectives: Annotated[list[Name], Field(min_length=1)]
    seeds: Count


def size(options: Options, learnt: int, domains: int) -> Size:
    return Size(targets=len(options.objectives) * options.seeds)


@dataclass(frozen=True)
class _Highest:
    """Searches for the highest predicted loss where the search wants the lowest."""

    model: Ensemble

    def score(self, mixtures: np.ndarray, risk: float) -> np.ndarray:
        return -self.model.score(mixtures, -risk)


def audit(bench: Bench, options: Options) -> Audit:
    """Raises InputError for an unknown objective."""
    evidence = bench.evidence(bench.learnt, options.objectives)
    _, best_of_each = optima(evidence, evidence.whole())
    search = replace(evidence.search, risk=0)
    answers, rows, weights = [], [], []
    for name, solution in zip(options.objectives, best_of_each, strict=True):
        worst = optimum(_Highest(solution.model), evidence.rules, search, 0, evidence.starts(name))
        best, natural = bench.targets_of(f"regmix_{name}"), bench.targets_of("natural")
        trained = {"worst": bench.static_targets(worst, options.seeds), "natural": natural, "best": best}
        mixtures = np.stack([worst, evidence.rules.prior, bench.context.recommended[name]])
        predicted = solution.model.mean(mixtures)
        for (mixture, targets), loss in zip(trained.items(), predicted, strict=True):
            rows.append([name, mixture, loss, float(bench.value(targets, name)[: options.seeds].mean())])
        weights.append({"objective": name, **dict(zip(evidence.rules.domains, worst.tolist(), strict=True))})
        pairs = {"natural minus worst": bench.minus(natural, trained["worst"], name),
                 "best minus natural": bench.minus(best, natural, name)}  # fmt: skip
        answers.append(Answer.below(f"{name}: targets rank best, natural and worst as predicted", pairs))
    table = pd.DataFrame(rows, columns=["objective", "mixture", "predicted_proxy", "realised_target"])
    return Audit(tuple(answers), {"losses": table, "weights": pd.DataFrame(weights)})
