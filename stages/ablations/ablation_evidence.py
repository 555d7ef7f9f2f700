"""Compare the ablations' results: targets with each other, and the ranks of mixtures across sizes and budgets."""

from __future__ import annotations

from pathlib import Path

from regmix.ablations import mixture_ranks, paired_targets, proxy_sizes
from regmix.ablations.settings import Ablations, variant_params
from regmix.core import runs
from regmix.core.files import prune, read_json, write_csv, writing
from regmix.core.objective import NATS, Objective
from regmix.core.tables import read_csv
from regmix.objectives import resolve
from regmix.params import Params
from stages.common.run import run


def ablation_evidence(
    params: Params, settings: Ablations, *, swarms: Path, errors: Path, targets: Path, ranked: Path, out: Path
) -> None:
    """Write the comparisons' measures and designs, and the correlations with their intervals, to OUT."""
    level = params.regression.interval
    own = {name: variant_params(params, settings, name) for name in settings.variants}
    for folder, names, mark in (
        (swarms, own, "domains.json"), (errors, own, "final.csv"), (targets, settings.comparisons, "design.csv")
    ):  # fmt: skip
        prune(folder, names, mark)
    aims = {name: objectives_of(p, swarms / name / "swarm") for name, p in own.items()}
    comparisons = {name: own[comparison.variant] for name, comparison in settings.comparisons.items()}
    results = paired_targets.collect(
        {comparison: read_csv(targets / comparison / "losses.csv") for comparison in comparisons},
        {comparison: read_csv(targets / comparison / "design.csv") for comparison in comparisons},
        {
            comparison: (
                aims[settings.comparisons[comparison].variant][settings.comparisons[comparison].objective],
                p.corpus.trained,
            )
            for comparison, p in comparisons.items()
        },
        level,
    )
    losses, tasks = read_csv(ranked / "losses.csv"), mixture_ranks.task_scores(read_csv(ranked / "lm_eval.csv"))
    judged = losses[(losses["size"] == settings.ranks.evaluated) & (losses["budget"] == 1)]
    main = settings.variants[proxy_sizes.DEFAULT]
    ranked_by = {name: aim for name, aim in aims[proxy_sizes.DEFAULT].items() if aim.unit == NATS}  # all sizes have it
    large = mixture_ranks.by_setting(judged, aims[proxy_sizes.DEFAULT][main.objective]).iloc[:, 0]
    finals = {name: read_csv(errors / name / "final.csv") for name in own}
    sized = {
        name: proxy_sizes.Swarm(
            read_json(swarms / name / "swarm" / "meta.json")["parameters"]["body"],
            finals[name],
            read_json(swarms / name / "parts" / proxy_sizes.PART / "chosen" / f"{main.objective}.json"),
        )
        for name in proxy_sizes.SIZES
    }
    without = finals["without_news"]
    without = without[without["proxies"] == without["proxies"].iloc[0]]
    related = mixture_ranks.losses_and_scores(judged, tasks, list(params.corpus.domains), level)
    with writing(out) as scratch:
        write_csv(scratch / "measures.csv", results.measures)
        write_csv(scratch / "design.csv", results.design)
        write_csv(scratch / "ranks.csv", mixture_ranks.correlations(losses, ranked_by, level))
        write_csv(scratch / "spread.csv", mixture_ranks.spread(tasks))
        write_csv(scratch / "scores.csv", related)
        write_csv(scratch / "heldout.csv", mixture_ranks.heldout(without, level))
        write_csv(scratch / "sizes.csv", proxy_sizes.table(sized, large, level))


def objectives_of(params: Params, swarm: Path) -> dict[str, Objective]:
    """The objectives of a variant, whose proxies are in SWARM."""
    proxies = runs.read(swarm, params.corpus.trained)
    return resolve(params.objectives, proxies)


if __name__ == "__main__":
    run(ablation_evidence)
