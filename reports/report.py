"""Write the report from the pipeline's artifacts: report.md, report.html, tables/ and figures/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from regmix.core import runs
from regmix.core.files import read_json, write_csv
from regmix.core.tables import read_csv
from regmix.evaluation.heldout_tasks import chance
from regmix.evaluation.summary import BASELINE
from regmix.mixture.stopping import outlook
from regmix.objectives import resolve
from regmix.params import Params
from regmix.sampling.rules import Rules
from regmix.sampling.settings import Swarm
from regmix.target import trained_methods
from regmix.target.targets import Targets
from reports.page import render
from reports.page.formats import amount
from reports.page.section import Fold, Section, flat
from reports.run.answer import answers, cards, numbers
from reports.run.explorer import explorer
from reports.run.mixture.fronts import fronts
from reports.run.mixture.mixtures import mixtures, scoring
from reports.run.mixture.trust import Past
from reports.run.picture import picture
from reports.run.regression.domains import domains as domain_effects
from reports.run.regression.law import law
from reports.run.regression.regression import regression, seed_noise
from reports.run.settings import settings
from reports.run.story import Story, cost, reading
from reports.run.swarm import models
from reports.run.swarm.corpora import corpora
from reports.run.swarm.models import COUNTS
from reports.run.swarm.swarm import design
from reports.run.target.dynamic_mixing import dynamic_mixing
from reports.run.target.rank_invariance import rank_invariance
from reports.run.target.targets import targets
from stages.common.run import run

TITLE = "RegMix reproduced: choosing a data mixture by regression"
PICTURE = "answer.svg"  # for README
OUTS = ("report.md", "report.html", "tables", "figures", PICTURE)


def report(
    params: Params, *, corpus: Path, extracted: Path, sample: Path, swarm: Path, fits: Path, compared: Path,
    simulated: Path, confirmed: Path, chosen: Path, explored: Path, stepwise: Path, schedules: Path, trained: Path,
    evaluated: Path, judged: Path, metrics: Path, mixture: Path, knobs: Path, libraries: Path, out: Path,
) -> None:  # fmt: skip
    """Write OUT/report.{md,html}, OUT/tables and OUT/figures."""
    domains, names = params.corpus.trained, list(params.objectives)
    level = params.regression.interval

    rules = Rules.from_json(read_json(sample / "rules.json"))
    prior, bounds = rules.by_domain(rules.prior), rules.by_domain(rules.bounds)
    table = read_csv(swarm / "mixtures.csv")
    proxies = runs.read(swarm, domains)
    objectives = resolve(params.objectives, proxies)
    confirming = runs.read(confirmed, domains)
    proxy_meta = read_json(swarm / "meta.json")
    target_meta = read_json(trained / next(iter(Targets.read(trained).methods)) / "meta.json")
    scores, margins, correlations = (read_csv(compared / f"{name}.csv") for name in ("scores", "margins", "weights"))
    fitted = {part: {r: read_csv(fits / r / f"{part}.csv") for r in params.regressors}
              for part in ("predictions", "curve", "coefficients", "law")}  # fmt: skip
    losses, lm_eval = read_csv(evaluated / "losses.csv"), read_csv(evaluated / "lm_eval.csv")
    means, differences, ranks = (read_csv(judged / f"{name}.csv") for name in ("means", "differences", "ranks"))
    headlines, dynamic, pairs = (read_json(judged / f"{name}.json") for name in ("headlines", "dynamic", "pairs"))
    tokens = {d: read_json(corpus / d / "meta.json") for d in params.corpus.domains}
    methods = trained_methods.read(params.corpus.trained, schedules, trained, tokens)
    run_counts = {"swarm": len(table), "confirmation": len(confirming.names), "targets": len(losses)}
    recommended, last = ({n: read_json(folder / f"{n}.json") for n in names} for folder in (simulated, chosen))
    outlooks = {name: outlook(last[name], seed_noise(scores, name).value, params.mixture.confirm.seeds,
                              _round_size(params.swarm), proxy_meta) for name in names}  # fmt: skip
    past = [
        Past(row.objective, row.after, row.proxies,
             outlook({"expected_gain": row.expected_gain}, seed_noise(scores, row.objective).value,
                     params.mixture.confirm.seeds, row.next, proxy_meta))
        for row in read_csv(simulated / "outlooks.csv").itertuples()
    ]  # fmt: skip
    voters = read_json(simulated / "regressor-weights.json")
    swarm_flops = {key: len(table) * proxy_meta["train_tokens"] * proxy_meta["flops_a_token"][key] for key in COUNTS}
    appendices = {
        "corpora": corpora(
            tokens,
            {d: read_json(extracted / d / "stats.json") for d in params.corpus.domains},
            prior, bounds, domains, params.target.train_tokens, params.constraints,
        ),
        "models": models.models(proxy_meta, target_meta, run_counts),
        "design": design(table, domains, prior),
        "regression": regression(
            _and_ensemble(scores, read_csv(simulated / "scores.csv")),
            fitted["predictions"], fitted["curve"], margins, objectives, params.regression.top_k,
            voters,
        ),
        "law": law(fitted["law"]),
        "domains": domain_effects(fitted["coefficients"], scores, correlations, proxies, objectives),
        "mixtures": mixtures(
            recommended, read_json(chosen / "confirmed-gains.json"), read_csv(chosen / "realised.csv"),
            read_csv(chosen / "calibration.csv"), read_csv(chosen / "noise.csv"),
            read_csv(simulated / "candidates.csv"), proxies, objectives, prior, _scoring(params, voters),
            last if params.mixture.refit else None, outlooks, past,
        ),
        "fronts": fronts(read_csv(simulated / "fronts.csv"), proxies, objectives, level),
        "targets": targets(
            losses[["method", "seed", *params.corpus.domains]], lm_eval, means,
            differences[differences["less"] == BASELINE].drop(columns="less"),
            {name: method.trajectories for name, method in methods.items()}, objectives, level,
            {task: 100 * chance(kind, params.evaluation.choices)
             for task, (kind, _) in params.evaluation.heldout.items()},
            read_csv(judged / "guardrails.csv"),
        ),
        "dynamic": dynamic_mixing(
            params, methods, dynamic, means, differences, read_csv(stepwise / "errors.csv"), target_meta,
        ),
        "invariance": rank_invariance(ranks, confirming, losses, pairs, objectives, level),
        "settings": settings(
            params, knobs.read_text(encoding="utf-8"), read_json(libraries),
            proxy_meta["shape"]["vocab"], proxy_meta["fingerprint"], table["kind"].value_counts(sort=False).to_dict(),
        ),
    }  # fmt: skip
    sections = {name: section for name, section in appendices.items() if section}
    story = Story(
        headlines, table["kind"].value_counts().to_dict(), {d: tokens[d]["train"]["tokens"] for d in domains}, prior,
        last, outlooks, voters, ranks[ranks["measure"].isin(names)], proxy_meta, target_meta,
    )  # fmt: skip
    budget = params.constraints.for_tokens or params.target.train_tokens
    all_answers = answers(headlines, last, objectives, prior, budget)
    first = Section(
        "What to train on",
        (
            story.opening(),
            cards(all_answers),
            f"{cost(len(table), {key: models.share(swarm_flops[key], target_meta, key) for key in COUNTS})} "
            f"Tokens by domain are for a training run of {amount(budget)} tokens.",
            reading(level),
            Fold("The numbers", (numbers(read_json(metrics), read_json(mixture), level),)),
        ),
    )
    moving = explorer(
        read_json(explored / "models.json"), proxies.joined(confirming), objectives, last, rules,
        read_csv(simulated / "fronts.csv"), level, params.mixture.risk,
    )  # fmt: skip
    pages = [first, *moving, *with_appendices(story.chapters(sections), list(sections.values()))]
    with render.publishing(out, OUTS) as scratch:
        render.write(scratch, pages, write_csv, title=TITLE)
        (scratch / PICTURE).write_text(picture(all_answers), encoding="utf-8")


def with_appendices(chapters: Sequence[Section], sections: Sequence[Section]) -> list[Section]:
    """``chapters``, and ``sections`` as appendices without the parts that a chapter shows."""
    shown = [part for chapter in chapters for part in flat(chapter.parts)]
    return [*chapters, *(section.appended(*shown) for section in sections)]


def _scoring(params: Params, weights: Mapping[str, float]) -> str:
    mixture = params.mixture
    return scoring(weights, mixture.risk, mixture.candidates, mixture.top_k, mixture.local.steps)


def _and_ensemble(scores: pd.DataFrame, ensemble: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([scores, ensemble], ignore_index=True) if len(ensemble) else scores


def _round_size(swarm: Swarm) -> int:
    """The number of proxies in the last round, or in a shard if there were no rounds."""
    last = Path(swarm.learn_from).name
    return swarm.rounds[last].proposals if last in swarm.rounds else swarm.per_shard


if __name__ == "__main__":
    run(report)
