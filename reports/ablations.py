"""Write the page on the ablations: each claim against own runs, then the tables and figures behind it."""

from __future__ import annotations

from pathlib import Path

from regmix.ablations.settings import Ablations, spell, world_params
from regmix.core.files import prune, read_json, write_csv, write_metrics
from regmix.core.tables import read_csv
from regmix.params import Params
from reports.ablation_study import claims, dynamic, ranks, worlds
from reports.ablation_study.results import collect, to_json
from reports.page import render
from stages.run import run

TITLE = "RegMix and RegMix-D: what the papers vary, on own runs"
RULES = """section:first-child td { min-width: 6.5rem; white-space: normal; }
section:first-child td:nth-child(3), section:first-child td:last-child { min-width: 15rem; }
"""
OUTS = ("ablations.md", "ablations.html", "ablations")
REGRESSOR = "gp"  # whose ranking stands for all where one is shown
GENERAL = "news"  # the abundant domain, as Pile-CC is in the papers


def ablations(
    params: Params, settings: Ablations, *, swarms: Path, errors: Path, targets: Path, ranked: Path, headline: Path,
    out: Path,
) -> None:  # fmt: skip
    """Write OUT/ablations.{md,html} and OUT/ablations/{tables,figures}, and the tables' numbers to HEADLINE."""
    level = params.regression.interval
    own = {name: world_params(params, settings, name) for name in settings.worlds}
    for folder, names in ((swarms, own), (errors, own), (targets, settings.arms)):
        prune(folder, names)
    arms = {name: own[arm.world] for name, arm in settings.arms.items()}
    results = collect(
        {arm: read_csv(targets / arm / "losses.csv") for arm in arms},
        {arm: read_csv(targets / arm / "design.csv") for arm in arms},
        {arm: (p.objective_weights(settings.arms[arm].objective), p.corpus.trained) for arm, p in arms.items()},
        level,
    )
    dropped = [name for arm in arms for name in spell(arms[arm], settings, arm).dropped]
    finals = {name: read_csv(errors / name / "final.csv") for name in own}
    steps = {name: read_csv(errors / name / "steps.csv") for name in own}
    main = settings.worlds[worlds.DEFAULT]
    sized = {
        name: worlds.Swarm(
            read_json(swarms / name / "swarm" / "meta.json")["parameters"]["body"],
            finals[name],
            read_json(swarms / name / "parts" / worlds.PART / "chosen" / f"{main.objective}.json"),
        )
        for name in worlds.SIZES
    }
    losses, tasks = read_csv(ranked / "losses.csv"), ranks.task_scores(lm_eval := read_csv(ranked / "lm_eval.csv"))
    objectives = {name: params.objective_weights(name) for name in params.objectives}
    found = ranks.correlations(losses, objectives, level)
    judged = losses[(losses["size"] == settings.ranks.evaluated) & (losses["budget"] == 1)]
    spreads = ranks.spread(tasks)
    related = ranks.losses_and_scores(judged, tasks, list(params.corpus.domains), level)
    n, seeds = losses["run"].nunique(), losses["seed"].nunique()
    bodies = {size: read_json(ranked / "meta.json")[f"{size}-{settings.ranks.budgets[0]}"]["parameters"]["body"]
              for size in settings.ranks.sizes}  # fmt: skip
    large = ranks.settings(judged, params.objective_weights(main.objective)).iloc[:, 0]
    rows = [
        *claims.dynamic(results),
        *claims.sizes(results, sized),
        *claims.distribution(results, finals["without_news"], REGRESSOR, level),
        *claims.ranks(found, spreads, related, GENERAL, n, seeds),
    ]
    sections = [
        claims.page(rows, arms["efficiency"].target.seeds, level),
        dynamic.efficiency(
            results, {k: v.random for k, v in main.proxies.items() if not v.switched}, steps[worlds.DEFAULT]
        ),
        dynamic.beta(results, read_csv(targets / "beta" / "beta.csv"), read_csv(targets / "beta" / "support.csv")),
        dynamic.learners(results, steps[worlds.DEFAULT]),
        dynamic.switched(results, steps[worlds.DEFAULT], {k: (v.random, v.switched) for k, v in main.proxies.items()}),
        worlds.distribution(results, finals, dropped, level),
        worlds.sizes(results, sized, large, REGRESSOR, level),
        ranks.invariance(losses, found, bodies),
        ranks.downstream(spreads, related, n, int(lm_eval["items"].max()), seeds),
    ]
    with render.publishing(out, OUTS) as scratch:
        render.write(scratch, sections, write_csv, title=TITLE, name="ablations", beside="ablations", rules=RULES)
    write_metrics(headline, {name: to_json(table) for section in sections for name, table in section.tables.items()})


if __name__ == "__main__":
    run(ablations)
