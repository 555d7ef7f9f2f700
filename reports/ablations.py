"""Write the page on the ablations: each claim against our own runs, then the tables and figures behind it."""

from __future__ import annotations

from pathlib import Path

from regmix.ablations.paired_targets import Results
from regmix.ablations.proxy_sizes import DEFAULT, PART, REGRESSOR, SIZES
from regmix.ablations.settings import Ablations, spell, variant_params
from regmix.core.files import read_json, write_csv, write_metrics
from regmix.core.tables import read_csv
from regmix.params import Params
from reports.ablation_study import claims, dynamic, ranks, variants
from reports.page import render
from stages.common.run import run

TITLE = "RegMix and RegMix-D: the papers' ablations on our own runs"
RULES = """#table-claims td { min-width: 6.5rem; white-space: normal; }
#table-claims td:nth-child(3), #table-claims td:last-child { min-width: 15rem; }
"""
OUTS = ("ablations.md", "ablations.html", "ablations")
GENERAL = "news"  # the abundant domain, as Pile-CC is in the papers


def ablations(
    params: Params, settings: Ablations, *, evidence: Path, swarms: Path, errors: Path, targets: Path, ranked: Path,
    headline: Path, out: Path,
) -> None:  # fmt: skip
    """Write OUT/ablations.{md,html} and OUT/ablations/{tables,figures}, and all verdicts to HEADLINE."""
    level = params.regression.interval
    comparisons = {
        name: variant_params(params, settings, comparison.variant) for name, comparison in settings.comparisons.items()
    }
    dropped = [
        name for comparison in comparisons for name in spell(comparisons[comparison], settings, comparison).dropped
    ]
    results = Results(read_csv(evidence / "measures.csv"), read_csv(evidence / "design.csv"), level)
    correlations, spreads, related, heldout, sizes = (
        read_csv(evidence / f"{name}.csv") for name in ("ranks", "spread", "scores", "heldout", "sizes")
    )
    main = settings.variants[DEFAULT]
    steps = read_csv(errors / DEFAULT / "steps.csv")
    weights = {
        name: read_json(swarms / name / "parts" / PART / "chosen" / f"{main.objective}.json")["weights"]
        for name in SIZES
    }
    losses, lm_eval = read_csv(ranked / "losses.csv"), read_csv(ranked / "lm_eval.csv")
    n, seeds = losses["run"].nunique(), losses["seed"].nunique()
    bodies = {size: read_json(ranked / "meta.json")[f"{size}-{settings.ranks.budgets[0]:g}"]["parameters"]["body"]
              for size in settings.ranks.sizes}  # fmt: skip
    rows = [
        *claims.dynamic(results),
        *claims.sizes(results, sizes),
        *claims.distribution(results, heldout, REGRESSOR, level),
        *claims.ranks(correlations, spreads, related, GENERAL, n, seeds),
    ]
    sections = [
        claims.page(rows, comparisons["efficiency"].target.seeds, level),
        dynamic.efficiency(results, {k: v.random for k, v in main.proxies.items() if not v.switched}, steps),
        dynamic.beta(results, read_csv(targets / "beta" / "beta.csv"), read_csv(targets / "beta" / "support.csv")),
        dynamic.learners(results, steps),
        dynamic.switched(results, steps, {k: (v.random, v.switched) for k, v in main.proxies.items()}),
        variants.distribution(results, heldout, dropped),
        variants.sizes(results, sizes, weights),
        ranks.invariance(losses, correlations, bodies),
        ranks.downstream(spreads, related, n, int(lm_eval["items"].max()), seeds),
    ]
    with render.publishing(out, OUTS) as scratch:
        render.write(
            scratch,
            [sections[0], *(section.appended() for section in sections[1:])],
            write_csv,
            title=TITLE,
            name="ablations",
            beside="ablations",
            rules=RULES,
        )
    claimed = sections[0].tables["claims"].values[["paper", "place", "says", "verdict", "found"]]
    write_metrics(headline, claimed.to_dict("records"))


if __name__ == "__main__":
    run(ablations)
