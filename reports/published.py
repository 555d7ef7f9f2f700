"""Write the page on the papers: each claim against the published data, then the tables and figures behind it."""

from __future__ import annotations

from pathlib import Path

from regmix.params import Published
from reports import render
from reports.papers import claims, costs, downstream, figures, methods, quality, scaling
from stages.harness import read_csv, read_json, run, write_csv, write_json

TITLE = "RegMix and RegMix-D: the papers' claims against the published data"
OUTS = ("published.md", "published.html", "published")


def published(
    settings: Published, *, fits: Path, compared: Path, scaled: Path, counted: Path, down: Path, tables: Path,
    runs: Path, headline: Path, out: Path,
) -> None:  # fmt: skip
    """Write OUT/published.{md,html} and OUT/published/{tables,figures}, and every figure by name to HEADLINE."""
    objective, level = settings.objective, settings.regression.interval
    printed = {path.stem: read_csv(path) for path in sorted(tables.glob("*.csv"))}
    parts = {part: {name: read_csv(fits / name / f"{part}.csv") for name in settings.regressors}
             for part in ("predictions", "curve", "coefficients")}  # fmt: skip
    scores, margins = (read_csv(compared / f"{name}.csv") for name in ("scores", "margins"))
    ranks, betas = (read_csv(scaled / f"{name}.csv") for name in ("ranks", "beta"))
    corrected, shares = read_json(scaled / "corrected.json"), read_json(counted / "shares.json")
    signs, averages = (read_csv(counted / f"{name}.csv") for name in ("signs", "averages"))
    related, predicted, span = (read_csv(down / f"{name}.csv") for name in ("correlations", "predicted", "range"))
    flops = printed["regmix_4_costs"].set_index("method")["flops"]
    found = {
        "table2": figures.table2(scores, objective),
        "margins": figures.margins(margins, objective),
        "figure4": figures.figure4(parts["curve"], level),
        "figure15": figures.figure15(ranks),
        "beta": figures.beta(betas, corrected, objective, settings.beta.regressor),
        "compute": shares | {"swarm_share_of_doremi_printed": float(flops["regmix"] / flops["doremi"])},
        "domains": figures.domains(scores),
        **downstream.figures(related, predicted, span, objective),
        "methods": methods.figures(signs, averages),
    }
    proxies, large = (read_csv(runs / name / "losses.csv")[objective].to_numpy() for name in ("train_1m", "test_1b"))
    ratio = 1000.0
    losses = {
        "1M proxies": proxies,
        "1B models": large,
        f"1B, beta = {settings.beta.paper:g}": large * ratio**settings.beta.paper,
        f"1B, beta = {found['beta']['value']:.3f}": large * ratio ** found["beta"]["value"],
    }
    rows = [
        *claims.ranking(found, printed["regmix_2_regression"]),
        *claims.scaling(found),
        *downstream.claims(found, printed["regmix_3_range"], objective),
        *methods.claims(found["methods"], printed["regmix_d_3_ablations"]),
        *claims.compute(found),
    ]
    sections = [
        claims.page(found, rows),
        quality.table2(scores, printed["regmix_2_regression"], read_json(compared / "trees.json"), objective, level),
        quality.tournament(scores, margins, objective, settings.paper_regressor, settings.regression.top_k),
        quality.figure4(parts["curve"], scores, objective),
        quality.figure9(parts["predictions"], objective, list(settings.regressors)),
        scaling.figure15(ranks),
        scaling.beta(betas, corrected, losses, settings.beta.paper, objective, settings.beta.regressor),
        downstream.downstream(related, predicted, span, printed["regmix_3_range"], objective),
        methods.methods(signs, averages, printed["regmix_d_3_ablations"]),
        costs.costs(read_csv(counted / "costs.csv"), shares, printed["regmix_4_costs"], printed["regmix_d_costs"]),
    ]
    with render.publishing(out, OUTS) as scratch:
        render.write(scratch, sections, write_csv, title=TITLE, name="published", beside="published")
    write_json(headline, found)


if __name__ == "__main__":
    run(published)
