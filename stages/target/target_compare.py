"""Compare the targets: over seeds, with each other, and with the proxies of their mixtures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from regmix.core import runs
from regmix.core.files import read_json, write_csv, write_json, write_metrics, writing
from regmix.core.objective import Objective
from regmix.core.runs import LEARNT
from regmix.core.tables import read_csv
from regmix.evaluation import dynamic_mixing, guardrails, metrics_summary, rank_invariance, summary
from regmix.evaluation.headlines import headlines
from regmix.objectives import Guarded, ObjectiveSections, resolve
from regmix.regression.settings import Regression
from regmix.target import trained_methods
from regmix.trajectory.settings import Trajectory
from stages.common.run import run


class Settings(ObjectiveSections):
    regression: Regression
    trajectory: Trajectory


def target_compare(
    params: Settings, *, corpus: Path, swarm: Path, compared: Path, confirmed: Path, chosen: Path, schedules: Path,
    trained: Path, evaluated: Path, metrics: Path, out: Path,
) -> None:  # fmt: skip
    """Write means, paired differences, rank correlations with proxies, and the gain from dynamic mixing to OUT.

    The headline numbers go to OUT/headlines.json, and the few that runs are compared by, rounded, to METRICS.
    """
    proxies = runs.read(swarm, params.corpus.trained)
    objectives = resolve(params.objectives, proxies)
    level = params.regression.interval
    losses, lm_eval = read_csv(evaluated / "losses.csv"), read_csv(evaluated / "lm_eval.csv")
    aims = objectives | {summary.TRAINED: Objective.mean(dict.fromkeys(params.corpus.trained, 1.0))}
    tasks = [column for column in losses.columns[2:] if column not in params.corpus.domains]
    measures = pd.concat([summary.measures(losses, lm_eval, aims), summary.bits(losses, tasks)], ignore_index=True)

    tokens = {domain: read_json(corpus / domain / "meta.json") for domain in params.corpus.domains}
    methods = trained_methods.read(params.corpus.trained, schedules, trained, tokens)
    meta = read_json(trained / next(iter(methods)) / "meta.json")
    dynamic = dynamic_mixing.compare(methods, measures, params.trajectory.objective, meta, level)
    others = {summary.BASELINE: None} | {part["regmix"] or part["best_static"]: None for part in dynamic.values()}
    differences = [summary.differences(measures, other, level).assign(less=other) for other in others]

    confirming = runs.read(confirmed, params.corpus.trained)
    static = {name: schedule for name, method in methods.items() if (schedule := method.static)}
    pairs = rank_invariance.pairs(confirming, static)
    named = [objective.names for objective in objectives.values()]
    domains = [domain for domain in params.corpus.domains if (domain,) not in named]
    single = {f"{domain} (domain)": Objective.loss(domain) for domain in domains}
    aimed = trained_methods.aimed(methods, "regmix")
    guards = {name: entry.within for name, entry in params.objectives.items() if isinstance(entry, Guarded)}
    numbers = headlines(
        read_csv(compared / "scores.csv"),
        read_csv(compared / "margins.csv"),
        read_json(chosen / "confirmed-gains.json"),
        measures,
        aimed,
        {objective: metrics_summary.rivals_of(methods, objective) for objective in objectives},
        dynamic,
        {name: objective.unit for name, objective in objectives.items()},
        level,
    )
    regrets = {name: read_json(chosen / f"{name}.json")["regret"] for name in objectives}
    few = metrics_summary.summarised(numbers, len(proxies.of(*LEARNT).names), regrets)
    with writing(out) as scratch:
        write_csv(scratch / "means.csv", summary.summarise(measures, level))
        write_csv(scratch / "differences.csv", pd.concat(differences, ignore_index=True))
        write_csv(
            scratch / "ranks.csv", rank_invariance.correlations(confirming, losses, pairs, objectives | single, level)
        )
        write_csv(scratch / "guardrails.csv", guardrails.excesses(losses, aimed, guards, params.corpus.trained, level))
        write_json(scratch / "pairs.json", pairs)
        write_json(scratch / "dynamic.json", dynamic)
        write_json(scratch / "headlines.json", numbers)
    write_metrics(metrics, few)


if __name__ == "__main__":
    run(target_compare)
