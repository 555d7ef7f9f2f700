"""The report: what it says must follow from the numbers, whatever the numbers and the parameters are."""

from __future__ import annotations

import copy
import io
import itertools
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from regmix import params as schema
from regmix.constraints.region import Region
from regmix.core.errors import InputError
from regmix.core.files import write_csv, write_json
from regmix.core.model_shape import ModelShape
from regmix.core.objective import Objective
from regmix.core.runs import read as runs_of
from regmix.core.runs import runs
from regmix.core.schedule import Schedule
from regmix.evaluation import rank_invariance, summary
from regmix.mixture import confirm
from regmix.mixture.calibrate import calibration
from regmix.objectives import resolve
from regmix.regression import assess, ranking
from regmix.sampling.rules import Rules
from regmix.statistics import intervals, verdicts
from regmix.target.targets import Targets
from reports import headline, readme
from reports.page import formats, render, style
from reports.page.section import Figure, Section, Table, Widget
from reports.report import report
from reports.run.summary import summary as summary_section
from reports.run.swarm import models
from reports.run.target import targets
from reports.run.target.rank_invariance import rank_invariance as invariance_section
from stages.common.run import call
from stages.mixture.mixture_explore import mixture_explore
from stages.target.target_compare import target_compare
from tests.paths import ROOT

MINUS = "\N{MINUS SIGN}"
TRAINED, ALL = ("news", "law", "drama"), ("news", "law", "drama", "reviews")
TASKS = ("heldout_continuation_news", "heldout_last_word_news")  # the first is in an objective
ONE_SHOT = {"rounds": {}, "learn_from": "data/swarm_collect"}
VALUES = yaml.safe_load((ROOT / "tests/fixtures/params.yaml").read_text())


def values() -> dict[str, Any]:
    """params.yaml cut down: three trained domains, two objectives, two regressors, eight methods (PATHS says more)."""
    cut = copy.deepcopy(VALUES)
    cut["corpus"]["domains"] = {name: VALUES["corpus"]["domains"][name] for name in ALL}
    cut["corpus"]["validation_only"] = ["reviews"]
    cut["mixture"]["fronts"] = {"pairs": [["news", "broad"]], "points": 3}
    cut["objectives"] = {"news": {"news": 1}, "broad": "trained", "qa": {"tasks": {TASKS[0]: 1}}}
    cut["swarm"] |= ONE_SHOT
    cut["regressors"] = {name: VALUES["regressors"][name] for name in ("ridge", "gp")}
    cut["mixture"] |= {"ensemble": ["gp"], "confirm": {"seeds": 2}, "refit": False}
    cut["regression"] |= {"bootstrap": 40}
    cut["target"] |= {"seeds": 3}
    cut["target"]["methods"] = {
        "natural": {"kind": "natural"},
        "only": {"kind": "objective_only", "objective": "news"},
        "regmix_news": {"kind": "regmix", "objective": "news"},
        "regmix_broad": {"kind": "regmix", "objective": "broad"},
        "regmix_qa": {"kind": "regmix", "objective": "qa"},
        "planned": {"kind": "regmix_d_offline", "objective": "news"},
        "steered": {"kind": "regmix_d_online", "objective": "news"},
        "wandering": {"kind": "stepwise"},
        "picked": {"kind": "filter"},
    }
    cut["trajectory"] |= {"objective": "news", "regressors": ["gp"], "granularities": [2]}
    cut["evaluation"] |= {"last_word": ["news"], "continuation": ["news"], "tasks": []}
    return cut


# Of methods whose mixture changes: the knots, and how heavy news is from each on.
PATHS = {
    "planned": ([0, 0.5], [0.2, 0.9]),
    "steered": ([0, 0.25, 0.5], [0.2, 0.9, 0.7]),
    "wandering": ([i / 20 for i in range(20)], [0.3 + 0.02 * i for i in range(20)]),
}


def query(fraction: float, loss: float, **more: float) -> dict[str, Any]:
    """One whose mixture is near, asked of a regressor that knows losses from 5 to 6 nats."""
    weights = {"news": 0.9, "law": 0.06, "drama": 0.04}
    near = {"distance": 0.1, "typical": 0.2, "limit": 0.5, "low": 5.0, "high": 6.0, "nearest_loss": 5.5}
    found = {"step": 0, "fraction": fraction, "predicted": 4.5, "weights": weights, "loss": loss} | near | more
    outside = found["distance"] > found["limit"] or not found["low"] <= found["loss"] <= found["high"]
    return found | {"outside": outside}


def switching(news: list[float], knots: list[float]) -> Schedule:
    return Schedule(TRAINED, np.array(knots, float), np.array([[w, (1 - w) / 2, (1 - w) / 2] for w in news]))


class Artifacts:
    """What the pipeline would leave in ``folder`` for ``params``, drawn from one seed."""

    PRIOR = np.array([0.2, 0.3, 0.5])

    def __init__(self, folder: Path, params: schema.Params, heldout: int = 6, repeats: int = 2) -> None:
        self.folder, self.params = folder, params
        self.rng = np.random.default_rng(0)
        self.names = list(params.objectives)
        self.corpora()
        self.swarm(heldout, repeats)
        self.mixtures()
        self.targets()

    def run(self) -> None:
        """Compare the targets and write the report into ``folder``/reports."""
        path = self.folder
        first = ("corpus", "swarm", "compared", "confirmed", "chosen", "schedules", "trained", "evaluated")
        rest = ("extracted", "sample", "fits", "simulated", "explored", "stepwise", "judged")
        folders: Any = {name: path / name for name in (*first, *rest)}
        target_compare(
            self.params, **{name: folders[name] for name in first}, metrics=path / "metrics.json", out=path / "judged"
        )
        knobs = ROOT / "tests/fixtures/params.yaml"
        written = {name: path / f"{name}.json" for name in ("metrics", "mixture")}
        report(self.params, **folders, **written, knobs=knobs, libraries=path / "libraries.json", out=path / "reports")

    def losses(self, mixtures: np.ndarray, noise: float = 0.02) -> pd.DataFrame:
        table = 6 - 2 * np.sqrt(mixtures) + noise * self.rng.normal(size=mixtures.shape)
        frame = pd.DataFrame(table, columns=list(TRAINED))
        return frame.assign(reviews=6 - mixtures[:, 0] + noise * self.rng.normal(size=len(mixtures)))

    def scored(self, losses: pd.DataFrame, *tasks: str) -> pd.DataFrame:
        """``losses`` with bits per byte of ``tasks``."""
        return losses.assign(**{task: losses["news"] / 2 + place for place, task in enumerate(tasks)})

    def corpora(self) -> None:
        for domain in ALL:
            size = {"documents": 9, "chars": 9_000_000, "tokens": 3_000_000}
            write_json(self.folder / f"corpus/{domain}/meta.json", {"train": size, "valid": size})
            write_json(self.folder / f"extracted/{domain}/stats.json", {"duplicates": 0, "undecodable": 0})
        region = Region.below(tuple(TRAINED), np.ones(len(TRAINED)), np.array(self.PRIOR))
        rules = Rules.of(region, self.params.swarm, 0.0)
        write_json(self.folder / "sample/rules.json", rules.to_json())
        write_json(self.folder / "libraries.json", {"numpy": "2.4.6"})

    def meta(self, of: Any) -> dict[str, Any]:
        shape = ModelShape(**of.shape.model_dump(), vocab=64)
        parameters = {"body": shape.body, "all": shape.parameters}
        return {"fingerprint": "f" * 64, "steps": of.recipe.steps, "train_tokens": of.train_tokens,
                "shape": vars(shape), "parameters": parameters, "flops_a_token": shape.flops()}  # fmt: skip

    def swarm(self, heldout: int, repeats: int) -> None:
        drawn = self.rng.dirichlet(np.ones(3), size=12 + heldout)
        table = np.vstack([drawn[:12], self.PRIOR, np.full(3, 1 / 3), np.eye(3), drawn[12:], drawn[12:][:repeats]])
        kinds = ["random"] * 12 + ["anchor"] * 5 + ["heldout"] * heldout + ["repeat"] * len(drawn[12:][:repeats])
        names = [f"{kind}-{i}" for i, kind in enumerate(kinds)]
        names[12] = "anchor-natural"
        frame = pd.DataFrame({"run": names, "kind": kinds, "seed": 0, **dict(zip(TRAINED, table.T, strict=True))})
        losses = pd.concat([pd.DataFrame({"run": names}), self.scored(self.losses(table), TASKS[0])], axis=1)
        self.weights = resolve(self.params.objectives, runs(frame, losses, TRAINED))
        write_csv(self.folder / "swarm/mixtures.csv", frame)
        write_csv(self.folder / "swarm/losses.csv", losses)
        write_json(self.folder / "swarm/meta.json", self.meta(self.params.proxy))
        swarm = runs(frame, losses, TRAINED)
        parts = {"cv": swarm.of("random", "anchor"), "heldout": swarm.of("heldout")}
        parts = {split: part for split, part in parts.items() if len(part.names)}
        rows: list[list[Any]] = []
        for regressor in self.params.regressors:
            told, curve, coefficients = [], [], []
            for name, weights in self.weights.items():
                for split, part in parts.items():
                    true = part.objective(weights)
                    guess = true + (0.3 if regressor == "ridge" else 0.05) * self.rng.normal(size=len(true))
                    told.append(pd.DataFrame({"objective": name, "split": split, "run": part.names, "true": true,
                                              "predicted": guess, "sd": 0.1}))  # fmt: skip
                    found = {split: assess.score(true, guess, self.params.regression)}
                    found |= assess.better_scores(told[-1], self.params.regression)
                    rows += [[regressor, name, where, m, *figure, len(true)]
                             for where, scored in found.items() for m, figure in scored.items()]  # fmt: skip
                curve += [[name, size, 0, 0.5] for size in (4, 8)] if heldout else []
                coefficients += (
                    [[name, d, -0.1, -0.2, 0.1] for d in TRAINED]
                    if regressor == "ridge" and weights.references is None
                    else []
                )
            path = self.folder / "fits" / regressor
            write_csv(path / "predictions.csv", pd.concat(told))
            write_csv(path / "curve.csv", pd.DataFrame(curve, columns=["objective", "proxies", "subset", "spearman"]))
            columns = ["objective", "domain", "contrast", "low", "high"]
            write_csv(path / "coefficients.csv", pd.DataFrame(coefficients, columns=columns))
            laws = [[loss, d, 1 / 3, 0.2, 0.4, k - 1.0, 3.0, 0.8, 0.5] for loss in ALL for k, d in enumerate(TRAINED)]
            columns = ["loss", "domain", "worth", "low", "high", "slope", "floor", "wear", "decay"]
            write_csv(path / "law.csv", pd.DataFrame(laws if regressor == "gp" else [], columns=columns))
        again = swarm.of("heldout", "repeat")
        for name, weights in self.weights.items():
            for split, found in assess.no_proxy_scores(parts, weights, self.params.regression).items():
                n = len(parts[split].names)
                rows += [["no_proxy", name, split, metric, *figure, n] for metric, figure in found.items()]
            noise, free = intervals.pooled_spread(again.objective(weights), again.mixture_ids(), 0.95)
            rows.append(["seed_noise", name, "heldout", "sd", *noise, free])
        columns = ["regressor", "objective", "split", "metric", "value", "low", "high", "n"]
        write_csv(self.folder / "compared/scores.csv", pd.DataFrame(rows, columns=columns))
        fits = {name: pd.read_csv(self.folder / f"fits/{name}/predictions.csv") for name in self.params.regressors}
        margins = ranking.over_no_proxy(fits, swarm, self.weights, self.params.regression)
        write_csv(self.folder / "compared/margins.csv", margins)
        weights = ranking.weight_correlations(swarm.of("random"), list(swarm.losses))
        write_csv(self.folder / "compared/weights.csv", weights)

    def mixtures(self) -> None:
        self.found = {"natural": self.PRIOR, "uniform": np.full(3, 1 / 3), "only_news": np.eye(3)[0]}
        self.found |= {f"regmix_{name}": np.array([0.8, 0.1, 0.1]) for name in self.names}
        seeds = self.params.mixture.confirm.seeds
        table = np.repeat(np.array(list(self.found.values())), seeds, axis=0)
        kinds = [kind for kind in self.found for _ in range(seeds)]
        named = [f"{kind}-{i}" for kind in self.found for i in range(seeds)]
        frame = pd.DataFrame({"run": named, "kind": kinds, "seed": 0, **dict(zip(TRAINED, table.T, strict=True))})
        losses = pd.concat([pd.DataFrame({"run": named}), self.scored(self.losses(table), TASKS[0])], axis=1)
        write_csv(self.folder / "confirmed/mixtures.csv", frame)
        write_csv(self.folder / "confirmed/losses.csv", losses)
        confirming, realised, metrics = runs(frame, losses, TRAINED), [], {}
        candidates = pd.DataFrame(self.rng.dirichlet(np.ones(3), size=20), columns=list(TRAINED))
        for name, weights in self.weights.items():
            value = {
                "objective": name, "domains": list(TRAINED), "spread": dict.fromkeys(TRAINED, 0.1),
                "weights": dict(zip(TRAINED, self.found[f"regmix_{name}"].tolist(), strict=True)),
                "predicted": {"mean": 4.5, "sd": 0.1}, "predicted_prior": {"mean": 5.0, "sd": 0.1},
                "gain": {"value": 0.5, "low": 0.2, "high": 0.8}, "verdict": "better than the prior", "regret": 0.01,
                "expected_gain": 0.02,
                "support": {"distance": 0.1, "typical": 0.3},
            }  # fmt: skip
            for folder in ("simulated", "chosen"):
                write_json(self.folder / folder / f"{name}.json", value)
            metrics[name] = confirm.summary(confirming, name, weights, value, 0.95)
            realised.append(confirm.realised(confirming, name, weights, value))
            candidates[f"predicted_{name}"], candidates[f"sd_{name}"] = 5.0, 0.1
        even = dict.fromkeys(self.params.mixture.ensemble, 1 / len(self.params.mixture.ensemble))
        write_json(self.folder / "simulated/regressor-weights.json", even)
        write_json(self.folder / "chosen/confirmed-gains.json", metrics)
        leading = {"weights": {"news": 0.8, "law": 0.1, "drama": 0.1}, "spread": {}}
        write_json(self.folder / "mixture.json", dict.fromkeys(self.names, leading))
        write_csv(self.folder / "chosen/realised.csv", pd.concat(realised))
        proposals = pd.DataFrame({"run": ["random-0", "random-1"], "objective": self.names[0], "predicted": 5.0})
        predicted = {name: {"predicted": {"mean": 4.5}} for name in self.names}
        swarm = runs_of(self.folder / "swarm", TRAINED)
        calibrated = calibration(proposals, swarm, confirming, self.weights, predicted, 0.95)
        write_csv(self.folder / "chosen/calibration.csv", calibrated)
        seeds = np.tile(np.arange(self.params.mixture.confirm.seeds), len(self.found))
        write_csv(self.folder / "chosen/noise.csv", confirm.noise(confirming, seeds, self.weights))
        write_csv(self.folder / "simulated/candidates.csv", candidates)
        write_csv(self.folder / "simulated/fronts.csv", self.fronts())
        folders = {name: self.folder / name for name in ("swarm", "confirmed", "sample")}
        call(mixture_explore, self.params, **folders, out=self.folder / "explored")

    def fronts(self) -> pd.DataFrame:
        """One front, or none but the columns of one."""
        table = pd.DataFrame({"first": "news", "second": "broad", "share": [0.0, 0.5, 1.0]})
        for place, losses in (("first", [4.5, 4.6, 4.9]), ("second", [5.2, 5.0, 4.9])):
            for end, far in (("", 0), ("_low", -0.1), ("_high", 0.1)):
                table[f"{place}_loss{end}"] = np.array(losses) + far
        table = table.assign(news=[0.8, 0.5, 0.2], law=0.1, drama=[0.1, 0.4, 0.7])
        return table if self.params.mixture.fronts.pairs else table.iloc[:0]

    def plan(self, method: str, schedule: Schedule, seeds: range) -> None:
        """The folders of a method's plan and targets but for their losses."""
        plan, trained = self.folder / f"schedules/{method}", self.folder / f"trained/{method}"
        steered, facts, states = [f"seed-{s}" for s in seeds], {}, {f"seed-{s}": {} for s in seeds}
        flops = {"body": 1e9, "attention": 2e9, "full": 4e9}
        spent = [{"what": "proxies", "trained": 1e6, "scored": 0, "flops": flops}] if method in PATHS else []
        if method == "planned":
            facts = {"queries": [query(0.5, 5.5, nearest_loss=5.2)]}
        if method == "steered":
            facts = {"beta": {"value": 0.3, "low": 0.2, "high": 0.4, "runs": 2}, "ratio": 2.0}
            states = {run: {"queries": [query(0.25, 5.5, raw_loss=5.4, corrected_loss=5.5),
                                        query(0.5, 6.2, distance=0.9, raw_loss=4.9, corrected_loss=6.2)]}
                      for run in steered}  # fmt: skip
            pairs = pd.DataFrame({"run": ["a", "b"], "fraction": 0.25, "small": [6.0, 5.5], "large": [5.0, 4.5]})
            write_csv(plan / "beta.csv", pairs)
        if method == "wandering":
            states = {run: {"probabilities": [0.1]} for run in steered}
        if method == "picked":
            (plan / "tokens").mkdir(parents=True)
            for domain in TRAINED:
                np.save(plan / f"tokens/{domain}.npy", np.zeros(1000, np.uint16))
        write_json(plan / "plan.json", {"schedule": schedule.to_json(), "facts": facts, "spent": spent})
        rows = [{"run": run, "knot": knot, **dict(zip(TRAINED, row, strict=True))}
                for run in steered for knot, row in zip(schedule.knots, schedule.mixtures, strict=True)]  # fmt: skip
        write_csv(trained / "schedules.csv", pd.DataFrame(rows))
        write_csv(trained / "ledger.csv", pd.DataFrame({"run": steered, **dict.fromkeys(TRAINED, 5000)}))
        write_json(trained / "policy.json", states)
        write_json(trained / "meta.json", self.meta(self.params.target))

    def targets(self) -> None:
        mixture = {"natural": "natural", "only": "only_news"}
        frames, rows = [], []
        for method in self.params.target.methods:
            weights = self.found.get(mixture.get(method, method), self.PRIOR)
            knots, news = PATHS.get(method, ([], []))
            schedule = switching(news, knots) if news else Schedule.static(TRAINED, weights)
            seeds = range(self.params.target.seeds)
            self.plan(method, schedule, seeds)
            losses = self.losses(np.repeat(weights[None], len(seeds), axis=0))
            scored = self.scored(losses, *TASKS)
            frames.append(pd.concat([pd.DataFrame({"method": method, "seed": seeds}), scored], axis=1))
            steps = [losses.assign(run=[f"seed-{s}" for s in seeds], step=step) for step in (1, 2)]
            write_csv(self.folder / f"trained/{method}/trajectories.csv", pd.concat(steps))
            for seed in seeds:
                for task, metric in (("continuation", "acc_norm"), ("last_word", "acc"), ("last_word", "perplexity")):
                    value = 50.0 if metric == "perplexity" else 0.25 + seed / 8 if task == "continuation" else 0.0
                    rows.append([method, seed, f"heldout_{task}_news", 0, metric, value, 8])
        made = Targets(self.params.target.methods, list(range(self.params.target.seeds)), {}, [])
        made.write(self.folder / "trained")
        columns = ["method", "seed", "task", "shots", "metric", "value", "items"]
        write_csv(self.folder / "evaluated/losses.csv", pd.concat(frames))
        write_csv(self.folder / "evaluated/lm_eval.csv", pd.DataFrame(rows, columns=columns))
        write_csv(self.folder / "stepwise/errors.csv", errors())


def errors() -> pd.DataFrame:
    """errors.csv of two regressors and the baseline, which stands there once for each of them."""
    rows = []
    for regressor, size in (("gp", 0.02), ("lightgbm", 0.05)):
        for predictor, kind in itertools.product(("model", "mean_drop"), ("one_step", "rolled_out")):
            for step in (48, 96):
                mae = (size if predictor == "model" else 0.4) + 0.001 * step
                row: dict[str, Any] = {"regressor": regressor, "granularity": 2, "label": "loss"}
                row |= {"predictor": predictor, "kind": kind, "step": step, "n": 6}
                for metric, value in (("mae", mae), ("rmse", mae), ("bias", -mae), ("spearman", 0.9)):
                    row |= {metric: value, f"{metric}_low": value - 0.01, f"{metric}_high": value + 0.01}
                rows.append(row)
    return pd.DataFrame(rows)


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are made but not drawn, which takes most of the time."""
    monkeypatch.setattr(render, "drawn", lambda figure: {"svg": b"<svg/>", "png": b"png"})


def one(spearman=(0.9, 0.8, 1.0), margin=(0.3, 0.1, 0.5), gain=(0.2, 0.1, 0.3), target=(-0.2, -0.3, -0.1)) -> dict:
    """An objective's headline numbers: each a value and its interval."""

    def edges(name: str, triple: tuple) -> dict:
        return dict(zip((name, f"{name}_low", f"{name}_high"), triple, strict=True))

    return {
        "regression": {"regressor": "gp", "split": "heldout", "n": 12, "no_proxy": 0.6}
        | edges("spearman", spearman)
        | edges("over_no_proxy", margin),
        "mixture": {"predicted_gain": 0.25, "n": 3} | edges("realised_gain", gain),
        "unit": "nats per token",
        "target": {
            "method": "regmix_news",
            "n": 4,
            "rivals": {"natural": {"method": "natural"} | edges("value", target)},
        }
        | edges("difference", target),
    }


def opening(found: dict) -> str:
    meta = {"parameters": {"body": 1000}, "train_tokens": 2000}
    first = Table("answer", "", pd.DataFrame(), pd.DataFrame())
    section = summary_section(first, found, pd.DataFrame(), {"body": 0.5, "full": 2.0}, meta)
    assert section.parts[0] is first
    return section.parts[1]


# Formats and words.


@pytest.mark.parametrize(
    ("value", "digits", "sign", "text"),
    [
        (-1.25, 1, False, f"{MINUS}1.2"), (-0.001, 2, True, "0.00"), (0.5, 2, True, "+0.50"),
        (math.nan, 2, True, formats.MISSING), (None, 2, False, formats.MISSING), (math.inf, 2, False, formats.MISSING),
    ],
)  # fmt: skip
def test_fixed(value, digits, sign, text):
    assert formats.fixed(value, digits, sign) == text


def test_formats():
    assert formats.interval(0.5, 0.25, 0.75, 2) == "0.50 [0.25, 0.75]"
    assert formats.interval(0.5, math.nan, None, 2) == "0.50"
    assert formats.interval(math.nan, 0.1, 0.2) == formats.MISSING
    assert formats.plus_minus(1.0, math.nan, 1) == "1.0"
    assert formats.count(1234567) == "1\u202f234\u202f567"
    assert formats.power(4.1e18).endswith("10\u00b9\u2078")
    assert [formats.percent(v) for v in (0.0231, 0.24, 0.9993, 1.0)] == ["2.3 %", "24 %", "99.9 %", "100 %"]
    assert [formats.relative(v) for v in (0.24, 7.92, 250.0)] == ["24 % of", "7.9 times", "250 times"]
    assert [formats.counted(n, "seed") for n in (1, 3)] == ["1 seed", "3 seeds"]
    assert [formats.listed(items) for items in ([], ["a"], ["a", "b", "c"])] == ["none", "a", "a, b and c"]


def test_the_summary_flips_with_the_numbers():
    good = opening({"news": one()})
    assert "it is better for `news`" in good
    assert "recommended one are better for `news`" in good
    assert "Targets trained on it are better for `news`" in good
    bad = opening({"news": one(margin=(-0.3, -0.5, -0.1), gain=(-0.2, -0.3, -0.1), target=(0.2, 0.1, 0.3))})
    assert bad.count("worse for `news`") == 3
    assert "better" not in bad
    even = opening({"news": one(margin=(0.3, -0.1, 0.5), gain=(0.2, -0.1, 0.3), target=(-0.2, -0.3, 0.1))})
    assert even.count(f"{verdicts.SAME} for `news`") == 3
    mixed = opening({"news": one(), "broad": one(gain=(0.2, -0.1, 0.3))})
    assert f"are better for `news`; {verdicts.SAME} for `broad`." in mixed
    assert "better for `news` and `broad`" in mixed


def test_a_summary_without_baseline_interval_or_target():
    bare = one(margin=(None, None, None), gain=(0.2, None, None))
    del bare["target"]
    text = opening({"news": bare})
    assert "trains no proxy" not in text
    assert f"{verdicts.UNKNOWN} for `news`" in text
    assert "Targets" not in text


# Regression.


def test_best_never_looks_at_held_out_runs():
    columns = ["regressor", "objective", "split", "metric", "value", "low", "high", "n"]
    rows = [
        ["a", "o", "cv", "spearman", 0.5],
        ["b", "o", "cv", "spearman", 0.6],
        ["no_proxy", "o", "cv", "spearman", 1],
    ]
    rows += [["c", "o", "cv", "spearman", math.nan]]
    frame = pd.DataFrame([[*row, 0, 1, 9] for row in rows], columns=columns)
    for a, b in ((0.0, 1.0), (1.0, 0.0)):
        held = [["a", "o", "heldout", "spearman", a, 0, 1, 5], ["b", "o", "heldout", "spearman", b, 0, 1, 5]]
        assert ranking.best(pd.concat([frame, pd.DataFrame(held, columns=columns)]), "o") == "b"


def test_a_regressor_equal_to_the_baseline_is_not_over_it():
    rng = np.random.default_rng(1)
    table = rng.dirichlet(np.ones(3), size=8)
    names = [f"r{i}" for i in range(8)]
    frame = pd.DataFrame({"run": names, "kind": "heldout", "seed": 0, **dict(zip(TRAINED, table.T, strict=True))})
    losses = pd.DataFrame({"run": names, **{d: rng.normal(size=8) + 5 for d in ALL}})
    weights = {
        "news": Objective.loss("news"),
        "broad": Objective.mean(dict.fromkeys(TRAINED, 1)),
        "reviews": Objective.loss("reviews"),
    }
    told = [
        pd.DataFrame({"objective": o, "split": "heldout", "run": names[::-1], "true": losses["news"].to_numpy()[::-1],
                      "predicted": -table[::-1, 0]})
        for o in weights
    ]  # fmt: skip
    settings = schema.parse(values()).regression
    found = ranking.over_no_proxy({"same": pd.concat(told)}, runs(frame, losses, TRAINED), weights, settings)
    assert list(found["objective"]) == ["news"]  # the others have no such baseline
    assert found[["difference", "low", "high"]].to_numpy().tolist() == [[0, 0, 0]]


# Cost.


def test_the_papers_share_is_what_its_shapes_say():
    meta = {"shape": vars(ModelShape(1, 1, 8, 16, 8, 64)), "parameters": {"body": 10, "all": 20}, "train_tokens": 100,
            "flops_a_token": {"body": 60.0, "attention": 80.0, "full": 100.0}}  # fmt: skip
    section = models.models(meta, meta, {"swarm": 1, "confirmation": 1, "targets": 1})
    small, large = ModelShape(2, 8, 256, 512, 2048, 50432).flops(), ModelShape(22, 16, 2048, 5632, 2048, 50432).flops()
    last = section.tables["flops"].values.iloc[-1]
    for key in models.COUNTS:
        assert last[f"flops_{key}"] == pytest.approx(512 * small[key] / (25 * large[key]))
    assert f"Counted in full, the paper's swarm costs {formats.percent(last['flops_full'])} of one" in section.prose
    assert "saves nothing" not in section.prose  # one proxy costs what the target does
    assert "saves nothing" in models.models(meta, meta, {"swarm": 2, "confirmation": 1, "targets": 1}).prose


# Targets and invariance.


def measured(difference: list[float]) -> pd.DataFrame:
    """A baseline at 5 on every seed and a method apart from it by ``difference``."""
    rows = [["natural", s, "loss", "news_loss", 5.0] for s in range(len(difference))]
    rows += [["m", s, "loss", "news_loss", 5.0 + d] for s, d in enumerate(difference)]
    return pd.DataFrame(rows, columns=["method", "seed", "group", "measure", "value"])


@pytest.mark.parametrize(
    ("difference", "word"),
    [
        ([-0.1, -0.11, -0.12], "better: `m`"), ([0.1, 0.11, 0.12], "worse: `m`"),
        ([-0.1, 0.1, 0.0], f"{verdicts.SAME}: `m`"), ([-0.1], f"{verdicts.UNKNOWN}: `m`"),
    ],
)  # fmt: skip
def test_targets_are_worded_by_their_paired_interval(difference, word):
    paired = summary.differences(measured(difference), "natural", 0.95)
    text = targets._prose(paired, {"news": Objective.loss("news")}, ["natural", "m"], len(difference), 0.95)
    assert f"- **news loss**: against `natural`, {word}" in text
    assert f"{len(difference)} target{'s' if len(difference) > 1 else ''}." in text
    assert ("no difference can be distinguished from chance" in text) == (len(difference) == 1)


def test_invariance_of_an_order_that_is_kept_and_one_that_is_reversed():
    names = ["a", "b", "c", "d", "e"]
    table = np.random.default_rng(0).dirichlet(np.ones(3), size=5)
    frame = pd.DataFrame({"run": names, "kind": names, "seed": 0, **dict(zip(TRAINED, table.T, strict=True))})
    small = np.arange(5.0)
    confirming = runs(frame, pd.DataFrame({"run": names, **dict.fromkeys(ALL, small)}), TRAINED)
    plans = {f"m_{kind}": Schedule.static(TRAINED, row) for kind, row in zip(names, confirming.mixtures, strict=True)}
    plans["switches"] = plans["m_a"].switched(0.5, table[1])
    same = rank_invariance.pairs(confirming, plans)
    assert same == {f"m_{kind}": kind for kind in names}
    large = pd.DataFrame({"method": list(same), "seed": 0, "news": small, "law": -small, "drama": [1, 0, 2, 4, 3.0]})
    measures = {d: Objective.loss(d) for d in TRAINED}
    table = rank_invariance.correlations(confirming, large, same, measures, 0.95)
    found = table.set_index("measure")
    assert found["value"].tolist() == pytest.approx([1, -1, 0.8])
    assert found.loc["news", "p"] == pytest.approx(2 / 120)  # of all orders, this one and its reverse
    assert found[["low", "high"]].isna().all(axis=None)  # one seed each
    text = invariance_section(table, confirming, large, same, measures, 0.95).prose
    assert (
        "preserved beyond chance for news; reversed beyond chance for law; not distinguishable from chance for drama"
        in text
    )
    pair = {"m_a": "a"}
    none = rank_invariance.correlations(confirming, large, pair, measures, 0.95)
    few = invariance_section(none, confirming, large, pair, measures, 0.95)
    assert few.prose.startswith("1 mixture was trained at both scales")


# The whole report.


class Links(HTMLParser):
    """Ids, targets of links, and all that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key == "id":
                self.ids.append(value or "")
            elif key == "href" and tag == "a":
                self.links.append(value or "")
            elif key in ("src", "href", "srcset", "poster", "data", "action"):
                self.fetched.append(value or "")


def test_the_page_stands_alone_and_its_tables_are_its_numbers(tmp_path, undrawn):
    Artifacts(tmp_path, schema.parse(values())).run()
    out = tmp_path / "reports"
    page, text = (out / "report.html").read_text(), (out / "report.md").read_text()
    links = Links()
    links.feed(page)
    assert links.links
    assert {link.removeprefix("#") for link in links.links} <= set(links.ids)
    assert all(link.startswith("#") for link in links.links)
    assert len(links.ids) == len(set(links.ids))
    assert all(source.startswith("data:image/svg+xml;base64,") for source in links.fetched)
    assert not re.search(
        r"<script[^>]*src|@import|url\(|https?://(?!arxiv|www\.w3\.org/2000/svg)", page.split("params.yaml</h3>")[0]
    )
    for content in (page, text):
        assert str(tmp_path) not in content
        assert str(ROOT) not in content
        assert not re.search(r"\bnan\b|NaN|None\b", content.split("### params.yaml")[0].split("params.yaml</h3>")[0])
    for figure in re.findall(r"\(figures/(\w+)\.svg\)", text):
        assert (out / "figures" / f"{figure}.png").is_file()

    # What is shown is what the CSV has, cell by cell, for one table of plain numbers and one of intervals.
    domains = pd.read_csv(out / "tables/target_domains.csv")
    lines = (out / "tables/target_domains.md").read_text().splitlines()[2:]
    for line, row in zip(lines, domains.itertuples(index=False), strict=True):
        assert [cell.strip() for cell in line.strip("|").split("|")] == [row[0], *map(formats.fixed, row[1:])]
    paired = pd.read_csv(out / "tables/targets_paired.csv")
    shown = pd.read_csv(
        io.StringIO((out / "tables/targets_paired.md").read_text().replace(" ", "")), sep="|", skiprows=[1]
    )
    row = paired[(paired["method"] == "regmix_news") & (paired["measure"] == "news_loss")].iloc[0]
    cell = formats.bold(
        formats.spanned(row[["mean", "low", "high"]].tolist(), 3, sign=True),
        verdicts.apart_from_zero(row["low"], row["high"]),
    )
    assert shown.set_index("Method").loc["regmix_news", "newsloss"] == cell.replace(" ", "")

    # Each loss has a column of what tokens are worth; the one objective with proposals is calibrated.
    assert set(pd.read_csv(out / "tables/worth.csv")["loss"]) == set(ALL)
    better = pd.read_csv(out / "tables/regression_better.csv")
    assert set(better["split"]) == {assess.BETTER}
    calibrated = pd.read_csv(out / "tables/calibration.csv").set_index("objective")
    assert calibrated["calibrated"].notna().to_dict() == {"news": True, "broad": False, "qa": False}

    # The answer comes first, as in the README.
    answer = (out / "tables/answer.md").read_text()
    assert text.index("Table 1") < text.index("On 6 held-out")
    assert "| chosen mixture | news 0.80, law 0.10, drama 0.10 |" in answer
    summarised, mixture = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("metrics", "mixture"))
    assert readme.objectives(summarised, mixture).splitlines()[2:] == answer.splitlines()[2:]

    # Headline numbers are those of the tables.
    found = json.loads((tmp_path / "judged/headlines.json").read_text())
    rounded = json.loads((tmp_path / "metrics.json").read_text())
    assert rounded["news"]["minus_natural"] == pytest.approx(found["news"]["target"]["difference"], abs=0.005)
    assert rounded["news"]["regret"] == 0.01
    assert "minus_natural" in rounded["broad"]
    assert rounded["news"]["verdict"] == verdicts.over_rivals(found["news"]["target"]["rivals"])

    # An objective of tasks is in its own unit; domains are domains alone.
    assert "unit" not in rounded["news"]
    assert (rounded["qa"]["unit"], found["qa"]["unit"]) == ("bits per byte", "bits per byte")
    assert "**qa.**" in text
    assert f"{formats.fixed(found['qa']['target']['difference'], sign=True)}" in text.split("**qa.**")[1].split("\n")[0]
    assert "bits per byte, realised by proxies" in text.split("**qa.**")[1].split("\n")[0]
    assert "(nats per token (qa: bits per byte), lower is better)" in text
    assert list(domains.columns) == ["method", *ALL]
    assert set(pd.read_csv(out / "tables/invariance.csv")["measure"]) >= {"qa", "law (domain)"}

    # What right answers cost, and scores beside those of a guess.
    shown = (out / "tables/target_tasks.md").read_text()
    assert "continuation news (25)" in shown.splitlines()[0]
    assert "last word news (0)" in shown.splitlines()[0]
    assert "| natural | 37.5 ± 12.5° | 0.0 ± 0.0° |" in shown
    bits = pd.read_csv(out / "tables/target_answers.csv")
    assert set(bits["measure"]) == {"average_bits", *(f"{task}_bits" for task in TASKS)}
    evaluated = pd.read_csv(tmp_path / "evaluated/losses.csv")
    row = bits[(bits["method"] == "natural") & (bits["measure"] == f"{TASKS[1]}_bits")].iloc[0]
    assert row["mean"] == pytest.approx(evaluated.loc[evaluated["method"] == "natural", TASKS[1]].mean())

    # Methods that change their mixture, by what they left: one aims at nothing, none aims at the other objective.
    assert "dynamic" not in found["broad"]
    part = found["news"]["dynamic"]
    assert list(part["methods"]) == ["planned", "steered", "wandering"]
    assert (part["best_static"], part["regmix"], part["alone"], part["n"]) == ("only", "regmix_news", "only", 3)
    measures = pd.read_csv(out / "tables/dynamic_news.csv")
    row = measures[(measures["method"] == "planned") & (measures["less"] == "natural")].iloc[0]
    assert row["measure"] == "news_loss"
    less = part["methods"]["planned"]["less"]["natural"]
    assert [less["value"], less["low"], less["high"]] == pytest.approx(row[["mean", "low", "high"]].tolist())
    assert part["methods"]["steered"]["queries"] == 6  # two a seed, of which one lies outside
    assert part["methods"]["steered"]["outside"] == 3
    assert "**Dynamic mixing.** Does changing the mixture" in text.split("## 1.")[0]
    assert len(pd.read_csv(out / "tables/queries.csv")) == 7  # one planned
    assert set(pd.read_csv(out / "tables/epochs.csv")["method"]) >= {"picked", "wandering"}


def one_objective(cut: dict) -> None:
    cut["objectives"] = {"reviews": {"reviews": 1}}
    cut["trajectory"]["objective"] = "reviews"
    cut["mixture"]["fronts"]["pairs"] = []
    cut["target"]["methods"] = {"natural": {"kind": "natural"}}


def one_regressor(cut: dict) -> None:
    cut["regressors"] = {"gp": cut["regressors"]["gp"]}
    cut["mixture"]["risk"] = 0
    cut["target"]["methods"].pop("only")
    cut["objectives"]["broad"] = {"mean": "trained", "within": 0.3}


def one_seed(cut: dict) -> None:
    cut["target"]["seeds"] = 1
    cut["objectives"]["worst"] = {"worst": "trained"}
    cut["mixture"] |= {"refit": True, "confirm": {"seeds": 1}}


@pytest.mark.parametrize("change", [one_objective, one_regressor, one_seed])
def test_other_parameters_make_a_report_too(tmp_path, undrawn, change):
    cut = values()
    change(cut)
    Artifacts(tmp_path, schema.parse(cut), heldout=0 if change is one_objective else 6, repeats=0).run()
    text = (tmp_path / "reports/report.md").read_text().split("### params.yaml")[0]
    assert not re.search(r"\bnan\b|\b1 (targets|seeds|objectives|domains)\b|\bnone is\b", text)
    assert ("held-out mixtures" in text.split("## 1.")[0]) == (change is not one_objective)
    assert ("As in the paper, one regressor, `gp`, predicts" in text) == (change is one_regressor)
    assert ("the mean mixture of the swarm is replaced" in text) == (change is not one_regressor)  # a linear model
    assert ("a second simulation chose" in text) == (change is one_seed)
    assert ("nothing is compared" in text) == (change is one_objective)
    assert ("No method changes the mixture" in text) == (change is one_objective)
    assert ("Between two objectives" in text) == (change is not one_objective)
    assert ("Undecided: `planned`" in text.split("## 1.")[0]) == (change is one_seed)
    assert ("Guardrails on targets" in text) == (change is one_regressor)
    if change is one_regressor:  # the domain that regmix_broad gives least
        row = pd.read_csv(tmp_path / "reports/tables/target_guardrails.csv").iloc[0]
        assert (row["objective"], row["method"], row["domain"], row["within"]) == (
            "broad",
            "regmix_broad",
            "drama",
            0.3,
        )
        assert row["mean"] == pytest.approx(2 * (math.sqrt(0.5) - math.sqrt(0.1)), abs=0.1)
        assert "| 0.300 | broken |" in (tmp_path / "reports/tables/target_guardrails.md").read_text()
    if change is one_seed:
        assert verdicts.UNKNOWN in text
        assert " better for" not in text.split("Against the natural mixture")[1].split("\n")[0]


def test_drawing_and_rendering_twice_gives_the_same_bytes(tmp_path):
    def section() -> Section:
        drawing, axes = style.panels(1, 2, 1.5)
        axes[0, 0].scatter([1, 2], [3, 4], label="points")
        style.heat(axes[0, 1], np.eye(2), ["a", "b"], ["c", "d"], cmap="Blues", span=(0, 1), texts=[["0", "1"]] * 2)
        style.legend_above(drawing)
        frame = pd.DataFrame({"Name": ["a|b"], "Value": [f"{MINUS}1.5"]})
        table = Table("numbers", "Some *numbers*.", frame, pd.DataFrame({"value": [-1.5]}))
        widget = Widget("<p id=raw>As it is</p>", "*In words.*")
        return Section("What & why", ("Text.", table, Figure("drawing", "Points.", 'Two "panels".', drawing), widget))

    for name in ("first", "second"):
        render.write(tmp_path / name, [section()], write_csv, title="A report")
    files = {path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file()}
    assert {str(file) for file in files} >= {"report.md", "figures/drawing.svg", "figures/drawing.png"}
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes(), file
    assert not re.search(rb"<dc:date|Matplotlib v", (tmp_path / "first/figures/drawing.svg").read_bytes())
    text = (tmp_path / "first/report.md").read_text()
    assert "| a\\|b | \N{MINUS SIGN}1.5 |" in text
    assert "| :--- | ---: |" in text
    assert "*In words.*" in text
    assert "<p id=raw>As it is</p>" in (tmp_path / "first/report.html").read_text()


# The command that prints three numbers.


ROW = {"spearman": 0.98, "gain_predicted": 0.3, "gain_realised": 0.31}
FEW = {
    "news": ROW | {"minus_natural": -0.2, "minus_natural_ci": 0.01, "minus_single": 0.01, "minus_single_ci": None,
                   "verdict": "not distinguishable from single"},
    "broad": ROW,
}  # fmt: skip
WEIGHTS = {name: {"weights": {"news": 0.6, "law": 0.395, "drama": 0.005}, "spread": {}} for name in FEW}


def headline_part(**target: Any) -> dict[str, Any]:
    """An objective's part of headlines.json, as far as the last lines of a run need it."""
    gain = dict.fromkeys(("predicted_gain", "realised_gain", "realised_gain_low", "realised_gain_high"), 0.3)
    return {"unit": "nats per token", "mixture": gain | {"realised_gain_low": 0.2, "realised_gain_high": 0.4}} | target


CHOSEN: dict[str, Any] = {
    "weights": {"tweets": 0.005, "law": 0.395, "news": 0.6},
    "spread": {"tweets": 0.001, "law": 0.08, "news": 0.125},
    "gain": {"value": 0.3, "low": 0.2, "high": 0.4},
    "support": {"distance": 0.1, "typical": 0.2},
}


def test_the_last_lines_are_each_mixture_with_its_decision_the_page_and_what_is_next():
    rivals = {"natural": {"value": -0.2, "value_low": -0.21, "value_high": -0.19}}
    found = {"news": headline_part(target={"rivals": rivals}), "broad": headline_part()}
    lines = headline.headline(found, dict.fromkeys(found, CHOSEN), Path("r.html")).splitlines()
    assert lines[:5] == [
        "news: news 0.60 ± 0.12, law 0.40 ± 0.08, others 0.01",
        "  use it: better than natural; loss 0.20 ± 0.01 nats per token below natural",
        "broad: news 0.60 ± 0.12, law 0.40 ± 0.08, others 0.01",
        "  use it: proxies gain 0.3 ± 0.1 nats per token over natural; no target was trained",
        "page: r.html",
    ]
    assert "dvc exp run -S mixture.risk=2 mixture_choose" in lines[-1]


def test_the_last_lines_name_a_few_domains_and_sum_the_others():
    many = {f"d{i}": 0.1 for i in range(10)}
    last = headline.headline({"a": headline_part()}, {"a": CHOSEN | {"weights": many, "spread": many}}, Path("r.html"))
    assert last.splitlines()[0].startswith("a: d0 0.10 ± 0.10, d1 0.10")
    assert last.splitlines()[0].endswith("d5 0.10 ± 0.10, others 0.40")


def test_before_a_run_the_last_lines_are_one_error(tmp_path):
    found, chosen, page = tmp_path / "headlines.json", tmp_path / "chosen", tmp_path / "report.html"
    with pytest.raises(InputError, match=r"headlines\.json: missing; run `dvc repro` first"):
        headline.main(found, chosen, page)
    chosen.mkdir()
    write_json(chosen / "news.json", CHOSEN)
    page.touch()
    for content in ({"news": {}}, {"news": headline_part(target={})}):
        write_json(found, content)
        with pytest.raises(InputError, match="numbers are missing") as error:
            headline.main(found, chosen, page)
        assert "\n" not in str(error.value)


def test_the_table_of_the_readme_has_a_column_per_objective():
    lines = readme.objectives(FEW, WEIGHTS).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| chosen mixture | news 0.60, law 0.40 |")
    assert lines[4].startswith(f"| minus natural | {MINUS}0.20 ± 0.01 | – |")
    assert lines[7].startswith("| minus best single domain | 0.010 | – |")
    assert lines[9].startswith("| minus best proxy | – | – |")
