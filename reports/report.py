"""Write the report from the pipeline's artifacts: report.md, report.html, tables/ and figures/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regmix.core.files import read_json, write_csv, write_json
from regmix.core.runs import runs
from regmix.core.tables import read_csv
from regmix.evaluation import summary
from regmix.params import Params
from regmix.sampling.rules import Rules
from reports.page import render
from reports.run import answer, invariance, methods, models, ranking, steered
from reports.run import regression as quality
from reports.run.corpora import corpora
from reports.run.coverage import coverage
from reports.run.dynamic import dynamic
from reports.run.interactions import interactions
from reports.run.mixtures import mixtures, scoring
from reports.run.settings import settings
from reports.run.targets import targets
from stages.run import run

TITLE = "RegMix reproduced: choosing a data mixture by regression"
OUTS = ("report.md", "report.html", "tables", "figures")


def report(
    params: Params, *, corpus: Path, extracted: Path, sample: Path, swarm: Path, fits: Path, compared: Path,
    simulated: Path, confirmed: Path, chosen: Path, stepwise: Path, schedules: Path, trained: Path, evaluated: Path,
    metrics: Path, knobs: Path, libraries: Path, headline: Path, out: Path,
) -> None:  # fmt: skip
    """Write OUT/report.{md,html}, OUT/tables and OUT/figures, and the headline numbers to HEADLINE."""
    domains, names = params.corpus.trained, list(params.objectives)
    weights = {name: params.objective_weights(name) for name in names}
    level = params.regression.interval

    rules = Rules.from_json(read_json(sample / "rules.json"))
    prior, bounds = rules.by_domain(rules.prior), rules.by_domain(rules.bounds)
    table = read_csv(swarm / "mixtures.csv")
    proxies = runs(table, read_csv(swarm / "losses.csv"), domains)
    confirming = runs(read_csv(confirmed / "mixtures.csv"), read_csv(confirmed / "losses.csv"), domains)
    first = next(iter(params.target.methods))
    proxy_meta, target_meta = read_json(swarm / "meta.json"), read_json(trained / first / "meta.json")
    scores = read_csv(compared / "scores.csv")
    fitted = {part: {r: read_csv(fits / r / f"{part}.csv") for r in params.regressors}
              for part in ("predictions", "curve", "coefficients")}  # fmt: skip
    margins = ranking.over_no_proxy(fitted["predictions"], proxies, weights, params.regression)
    losses, lm_eval = read_csv(evaluated / "losses.csv"), read_csv(evaluated / "lm_eval.csv")
    measures = summary.measures(losses, lm_eval, weights)
    tokens = {d: read_json(corpus / d / "meta.json") for d in params.corpus.domains}
    found_methods = methods.read(params, schedules, trained, tokens)
    kept = {name: schedule for name, method in found_methods.items() if (schedule := method.static)}
    same = invariance.pairs(confirming, kept)
    dynamics = steered.compare(found_methods, measures, params.trajectory.objective, target_meta, level)
    mixture = read_json(metrics)
    spent = {"swarm": len(table), "confirmation": len(confirming.names), "targets": len(losses)}
    recommended, last = ({n: read_json(of / f"{n}.json") for n in names} for of in (simulated, chosen))
    found = answer.headlines(scores, margins, mixture, measures, _of_kind(params, "regmix"),
                             _of_kind(params, "objective_only"), dynamics, level)  # fmt: skip
    sections = [
        answer.answer(
            found,
            invariance.correlations(confirming, losses, same, weights, level) if len(same) > 2 else None,
            {key: models.share(spent["swarm"] * proxy_meta["train_tokens"] * proxy_meta["flops_a_token"][key],
                               target_meta, key) for key in models.COUNTS},
            target_meta,
        ),
        corpora(
            tokens,
            {d: read_json(extracted / d / "stats.json") for d in params.corpus.domains},
            prior, bounds, domains, params.target.train_tokens, params.swarm.max_epochs,
        ),
        models.models(proxy_meta, target_meta, spent),
        coverage(table, domains, prior),
        quality.regression(scores, fitted["predictions"], fitted["curve"], margins, names, params.regression.top_k),
        interactions(fitted["coefficients"], scores, proxies, weights),
        mixtures(
            recommended, mixture, read_csv(chosen / "realised.csv"), read_csv(simulated / "candidates.csv"), proxies,
            weights, prior, _scoring(params), last if params.mixture.refit else None,
        ),
        targets(
            losses, lm_eval, measures, {name: method.trajectories for name, method in found_methods.items()}, weights,
            level, params.evaluation.choices,
        ),
        dynamic(
            params, found_methods, dynamics, losses, lm_eval, read_csv(stepwise / "errors.csv"), target_meta,
        ),
        invariance.invariance(confirming, losses, same, weights, level),
        settings(
            params, knobs.read_text(encoding="utf-8"), read_json(libraries),
            proxy_meta["shape"]["vocab"], proxy_meta["fingerprint"], table["kind"].value_counts(sort=False).to_dict(),
        ),
    ]  # fmt: skip
    with render.publishing(out, OUTS) as scratch:
        render.write(scratch, sections, write_csv, title=TITLE)
    write_json(headline, found)


def _of_kind(params: Params, kind: str) -> dict[str, str]:
    """Objective -> the first method of a kind that aims at it."""
    found: dict[str, str] = {}
    for name, method in params.target.methods.items():
        options: dict[str, Any] = method.model_extra or {}
        if method.kind == kind and "objective" in options:
            found.setdefault(options["objective"], name)
    return found


def _scoring(params: Params) -> str:
    mixture = params.mixture
    names = [mixture.paper_regressor] if mixture.mode == "paper" else mixture.ensemble
    return scoring(mixture.mode, names, mixture.risk, mixture.candidates, mixture.top_k)


if __name__ == "__main__":
    run(report)
