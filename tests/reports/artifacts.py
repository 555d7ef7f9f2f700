"""What the pipeline would leave for small settings, and headline numbers, for tests of the report."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from regmix import params as schema
from regmix.constraints.region import Region
from regmix.core.files import write_csv, write_json
from regmix.core.model_shape import ModelShape
from regmix.core.runs import read as runs_of
from regmix.core.runs import runs
from regmix.core.schedule import Schedule
from regmix.mixture.confirmation import confirm
from regmix.mixture.confirmation.calibrate import calibration
from regmix.objectives import resolve
from regmix.regression import assess, ranking
from regmix.sampling.rules import Rules
from regmix.statistics import intervals
from regmix.target.targets import Targets
from reports.report import report
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
    entry = {"step": 0, "fraction": fraction, "predicted": 4.5, "weights": weights, "loss": loss} | near | more
    outside = entry["distance"] > entry["limit"] or not entry["low"] <= entry["loss"] <= entry["high"]
    return entry | {"outside": outside}


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

    def meta(self, model: Any) -> dict[str, Any]:
        shape = ModelShape(**model.shape.model_dump(), vocab=64)
        parameters = {"body": shape.body, "all": shape.parameters}
        return {"fingerprint": "f" * 64, "steps": model.recipe.steps, "train_tokens": model.train_tokens,
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
            predictions, curve, coefficients = [], [], []
            for name, weights in self.weights.items():
                for split, part in parts.items():
                    true = part.objective(weights)
                    guess = true + (0.3 if regressor == "ridge" else 0.05) * self.rng.normal(size=len(true))
                    predictions.append(pd.DataFrame({"objective": name, "split": split, "run": part.names, "true": true,
                                              "predicted": guess, "sd": 0.1}))  # fmt: skip
                    scores = {split: assess.score(true, guess, self.params.regression)}
                    scores |= assess.better_scores(predictions[-1], self.params.regression)
                    rows += [[regressor, name, split_name, m, *figure, len(true)]
                             for split_name, scored in scores.items() for m, figure in scored.items()]  # fmt: skip
                curve += [[name, size, 0, 0.5] for size in (4, 8)] if heldout else []
                coefficients += (
                    [[name, d, -0.1, -0.2, 0.1] for d in TRAINED]
                    if regressor == "ridge" and weights.references is None
                    else []
                )
            path = self.folder / "fits" / regressor
            write_csv(path / "predictions.csv", pd.concat(predictions))
            write_csv(path / "curve.csv", pd.DataFrame(curve, columns=["objective", "proxies", "subset", "spearman"]))
            columns = ["objective", "domain", "contrast", "low", "high"]
            write_csv(path / "coefficients.csv", pd.DataFrame(coefficients, columns=columns))
            laws = [[loss, d, 1 / 3, 0.2, 0.4, k - 1.0, 3.0, 0.8, 0.5] for loss in ALL for k, d in enumerate(TRAINED)]
            columns = ["loss", "domain", "worth", "low", "high", "slope", "floor", "wear", "decay"]
            write_csv(path / "law.csv", pd.DataFrame(laws if regressor == "gp" else [], columns=columns))
        again = swarm.of("heldout", "repeat")
        for name, weights in self.weights.items():
            for split, scores in assess.no_proxy_scores(parts, weights, self.params.regression).items():
                n = len(parts[split].names)
                rows += [["no_proxy", name, split, metric, *figure, n] for metric, figure in scores.items()]
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
        self.confirmed_mixtures = {"natural": self.PRIOR, "uniform": np.full(3, 1 / 3), "only_news": np.eye(3)[0]}
        self.confirmed_mixtures |= {f"regmix_{name}": np.array([0.8, 0.1, 0.1]) for name in self.names}
        seeds = self.params.mixture.confirm.seeds
        table = np.repeat(np.array(list(self.confirmed_mixtures.values())), seeds, axis=0)
        kinds = [kind for kind in self.confirmed_mixtures for _ in range(seeds)]
        named = [f"{kind}-{i}" for kind in self.confirmed_mixtures for i in range(seeds)]
        frame = pd.DataFrame({"run": named, "kind": kinds, "seed": 0, **dict(zip(TRAINED, table.T, strict=True))})
        losses = pd.concat([pd.DataFrame({"run": named}), self.scored(self.losses(table), TASKS[0])], axis=1)
        write_csv(self.folder / "confirmed/mixtures.csv", frame)
        write_csv(self.folder / "confirmed/losses.csv", losses)
        confirming, realised, metrics = runs(frame, losses, TRAINED), [], {}
        candidates = pd.DataFrame(self.rng.dirichlet(np.ones(3), size=20), columns=list(TRAINED))
        for name, weights in self.weights.items():
            value = {
                "objective": name, "domains": list(TRAINED), "spread": dict.fromkeys(TRAINED, 0.1),
                "weights": dict(zip(TRAINED, self.confirmed_mixtures[f"regmix_{name}"].tolist(), strict=True)),
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
        predicted = {name: {"predicted": {"mean": 4.5}, "predicted_prior": {"mean": 5.0}} for name in self.names}
        swarm = runs_of(self.folder / "swarm", TRAINED)
        calibrated = calibration(proposals, swarm, confirming, self.weights, predicted, 0.95)
        write_csv(self.folder / "chosen/calibration.csv", calibrated)
        seeds = np.tile(np.arange(self.params.mixture.confirm.seeds), len(self.confirmed_mixtures))
        write_csv(self.folder / "chosen/noise.csv", confirm.noise(confirming, seeds, self.weights))
        write_csv(self.folder / "simulated/candidates.csv", candidates)
        write_csv(self.folder / "simulated/fronts.csv", self.fronts())
        rows = [
            [ranking.ENSEMBLE, name, split, metric, 0.5, 0.4, 0.6, 6]
            for name in self.names for split in ("heldout", assess.BETTER) for metric in ("spearman", "mae", "rmse")
        ]  # fmt: skip
        columns = ["regressor", "objective", "split", "metric", "value", "low", "high", "n"]
        write_csv(self.folder / "simulated/scores.csv", pd.DataFrame(rows, columns=columns))
        before = {"after": "first design", "proxies": 4, "next": 2, "expected_gain": 0.5}
        write_csv(self.folder / "simulated/outlooks.csv", pd.DataFrame([{"objective": self.names[0], **before}]))
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
            weights = self.confirmed_mixtures.get(mixture.get(method, method), self.PRIOR)
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
        written = Targets(self.params.target.methods, list(range(self.params.target.seeds)), {}, [])
        written.write(self.folder / "trained")
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


def objective_headline(
    spearman=(0.9, 0.8, 1.0), margin=(0.3, 0.1, 0.5), gain=(0.2, 0.1, 0.3), target=(-0.2, -0.3, -0.1)
) -> dict:
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
