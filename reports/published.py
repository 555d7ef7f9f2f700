"""Write the page on the papers: each claim against the published data, then the tables and figures behind it."""

from __future__ import annotations

from pathlib import Path

from regmix.core.files import read_json, write_csv, write_metrics
from regmix.core.objective import Objective
from regmix.core.tables import read_csv
from regmix.published.settings import Published
from regmix.published.tables import SOURCES
from regmix.trajectory.size_correction import PARAMETERS
from reports.page import render
from reports.page.formats import count, counted
from reports.papers import (
    claims,
    claims_page,
    costs,
    domains,
    downstream,
    figures,
    methods,
    optimum,
    pick,
    quality,
    rivals,
    scaling,
    sources,
)
from reports.papers import (
    printed as papers,
)
from stages.common.run import run
from stages.published.published_sets import read_sets

TITLE = "RegMix and RegMix-D: the papers' claims against the published data"
# Claims are sentences, so their cells wrap; cells of numbers do not.
RULES = """#table-claims td { min-width: 6.5rem; white-space: normal; }
#table-claims td:nth-child(3), #table-claims td:last-child { min-width: 15rem; }
"""
PICKED = ("ridge", "lightgbm_paper", "gp")  # in Figure 2
OUTS = ("published.md", "published.html", "published")


def published(
    settings: Published, *, fits: Path, compared: Path, scaled: Path, counted: Path, down: Path, simulated: Path,
    tables: Path, runs: Path, headline: Path, out: Path,
) -> None:  # fmt: skip
    """Write OUT/published.{md,html} and OUT/published/{tables,figures}, and every number by name to HEADLINE."""
    objective, level = settings.objective, settings.regression.interval
    printed = {path.stem: read_csv(path) for path in sorted(tables.glob("*.csv"))}
    parts = {part: {name: read_csv(fits / name / f"{part}.csv") for name in settings.regressors}
             for part in ("predictions", "coefficients")}  # fmt: skip
    scores, margins = (read_csv(compared / f"{name}.csv") for name in ("scores", "margins"))
    ranks, betas = (read_csv(scaled / f"{name}.csv") for name in ("ranks", "beta"))
    corrected, shares = read_json(scaled / "corrected.json"), read_json(counted / "shares.json")
    signs, averages = (read_csv(counted / f"{name}.csv") for name in ("signs", "averages"))
    related, predicted, span = (read_csv(down / f"{name}.csv") for name in ("correlations", "predicted", "range"))
    weights, near, others, cloud = (
        read_csv(simulated / f"{name}.csv") for name in ("weights", "neighbours", "methods", "candidates")
    )
    sets, joined = read_sets(runs), {name: read_json(runs / name / "meta.json") for name in SOURCES}
    linear, restricted = parts["coefficients"]["ridge"], read_csv(compared / "restricted.csv")
    train, large = (sets[name] for name in ("train_1m", "test_1b"))
    curves, domain_curves, laws = (
        read_csv(compared / f"{name}.csv") for name in ("curves", "domain_curves", "power_laws")
    )
    picked = pick.picks(parts["predictions"], cloud, large, objective, PICKED)
    numbers = {
        "data": sources.figures(joined),
        "table2": figures.table2(scores, objective),
        "stops": figures.stops(read_csv(compared / "stops.csv")),
        "margins": figures.margins(margins, objective),
        "figure2": pick.figures(picked),
        "figure4": figures.figure4(curves),
        "figure4_domains": figures.domain_curves(domain_curves),
        "figure15": figures.figure15(ranks),
        "beta": figures.beta(betas, corrected, objective, settings.beta.regressor),
        "compute": shares | costs.figures(printed["regmix_d_costs"], printed["regmix_4_costs"]),
        "domains": figures.domains(scores),
        **downstream.figures(related, predicted, span, objective),
        "table6": figures.table6(restricted),
        **domains.figures(linear, laws),
        **optimum.figures(weights, near),
        "figure6": rivals.figures(others),
        "methods": methods.figures(signs, averages),
    }
    ratio = PARAMETERS["1b"] / PARAMETERS["1m"]
    last = large.objective(Objective.loss(objective))
    losses = {
        "1M proxies": train.objective(Objective.loss(objective)),
        "1B models": last,
        f"1B, beta = {settings.beta.paper:g}": last * ratio**settings.beta.paper,
        f"1B, beta = {numbers['beta']['value']:.3f}": last * ratio ** numbers["beta"]["value"],
    }
    rows = [
        *claims.ranking(numbers, printed["regmix_2_regression"]),
        *domains.claims(numbers, linear, train, laws),
        *claims.scaling(numbers),
        *claims.untestable(numbers, printed["regmix_6_without_pile_cc"]),
        *downstream.claims(numbers, printed["regmix_3_range"], objective),
        *optimum.claims(numbers, near, printed["regmix_7_mixtures"], objective),
        *rivals.claims(others),
        *methods.claims(numbers["methods"], printed["regmix_d_3_ablations"]),
        *claims.compute(numbers),
    ]
    sections = [
        claims_page.page(rows, numbers),
        sources.sources(joined, sets),
        quality.table2(
            scores,
            printed["regmix_2_regression"],
            read_json(compared / "trees.json"),
            numbers["stops"],
            objective,
            level,
        ),
        quality.tournament(scores, margins, objective, settings.paper_regressor, settings.regression.top_k),
        quality.figure4(curves, domain_curves, scores, objective),
        quality.figure9(parts["predictions"], objective, list(settings.regressors)),
        pick.figure2(picked, parts["predictions"], cloud, large, objective),
        domains.interactions(linear, train, laws),
        scaling.figure15(ranks),
        scaling.beta(betas, corrected, losses, settings.beta.paper, objective, settings.beta.regressor),
        quality.table6(restricted, printed["regmix_6_without_pile_cc"], settings.starved),
        optimum.optimum(
            weights,
            near,
            printed["regmix_7_mixtures"],
            _replays(settings),
            quality.nearby(parts["predictions"], objective),
        ),
        rivals.figure6(others),
        downstream.downstream(related, predicted, span, printed["regmix_3_range"], objective),
        papers.figure1(printed["regmix_10_seven_billion"]),
        papers.tables(printed),
        methods.methods(signs, averages, printed["regmix_d_3_ablations"]),
        costs.costs(read_csv(counted / "costs.csv"), shares, printed["regmix_4_costs"], printed["regmix_d_costs"]),
    ]
    with render.publishing(out, OUTS) as scratch:
        render.write(
            scratch,
            [sections[0], *(section.appended() for section in sections[1:])],
            write_csv,
            title=TITLE,
            name="published",
            beside="published",
            rules=RULES,
        )
    write_metrics(headline, numbers)


def _replays(settings: Published) -> dict[str, str]:
    """A description of each replay of the simulation."""
    words = {}
    for name, entry in settings.simulate.replays.items():
        draws = settings.simulate.draws[entry.draws]
        bound = "no bound" if draws.most is None else f"weights up to {draws.most:g} times the prior"
        words[name] = (
            f"`{entry.regressor}` fitted to {entry.runs}, mean of the best {draws.top_k} of {count(draws.candidates)} "
            f"candidates, prior to the power {draws.temperature:g}, {bound}, {counted(len(entry.seeds), 'seed')}"
        )
    return words


if __name__ == "__main__":
    run(published)
