"""The ablations: what params.yaml spells, a variant end to end at toy size, and what the page says of given numbers."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from profiles.switch import switch
from regmix import params as schema
from regmix.ablations import mixture_ranks, proxy_sizes, swarm_parts
from regmix.ablations.paired_targets import Results, collect
from regmix.ablations.settings import FILE, Ablations, Spelled, parse_ablations, size_training, spell, variant_params
from regmix.core.errors import InputError
from regmix.core.files import write_csv, write_json
from regmix.core.objective import Objective
from regmix.corpus.tokens.token_writer import write_tokens
from regmix.evaluation import summary
from regmix.evaluation.summary import Spread
from regmix.launchers import local as launcher
from regmix.objectives import Worst, counted
from regmix.statistics.verdicts import FAILS, HOLDS, UNDECIDED
from reports.ablation_study import claims, dynamic, ranks, variants
from reports.ablations import ablations
from reports.page import render
from reports.page.render import document, page
from reports.page.section import Section
from stages.ablations.ablation_errors import ablation_errors
from stages.ablations.ablation_evidence import ablation_evidence
from stages.ablations.ablation_ranks import ablation_ranks
from stages.ablations.ablation_swarm import ablation_swarm
from stages.ablations.ablation_targets import ablation_targets
from stages.ablations.ablations_check import ablations_check
from tests.paths import ROOT

ROOT_VALUES = yaml.safe_load((ROOT / "tests/fixtures/params.yaml").read_text())
VALUES = yaml.safe_load((ROOT / "tests/fixtures/ablations.yaml").read_text())
DOMAINS = ("news", "law", "drama", "reviews")


def root(**changes: Any) -> schema.Params:
    values = copy.deepcopy(ROOT_VALUES)
    values |= changes
    return schema.parse(values)


def settings(edit: Callable[[dict], Any] = lambda values: None) -> Ablations:
    values = copy.deepcopy(VALUES)
    edit(values)
    return parse_ablations(values)


def test_the_mixtures_that_are_ranked_need_no_anchors_whatever_the_objectives(tmp_path, monkeypatch):
    """The worst case refers to anchors, of which a swarm of held-out mixtures alone has none."""
    params = root()
    assert any(isinstance(entry, Worst) for entry in params.objectives.values())
    for name in params.corpus.domains:
        write_json(tmp_path / "corpus" / name / "meta.json", {"train": {"tokens": 10**6}})
    trained: list[str] = []

    def train_to(folder, text, training, machine, store, runs, *rest, **options):
        trained.extend(run.name for run in runs)
        raise InputError("drawn")

    monkeypatch.setattr("stages.ablations.ablation_ranks.open_corpus", lambda *_: None)
    monkeypatch.setattr("stages.ablations.ablation_ranks.train_to", train_to)
    places = {name: tmp_path / name for name in ("corpus", "tokenizer", "tasks", "store", "out")}
    with pytest.raises(InputError, match="drawn"):
        ablation_ranks(params, settings(), **places)
    assert len(trained) == VALUES["ranks"]["mixtures"] * VALUES["ranks"]["seeds"]
    assert all(name.startswith("heldout") for name in trained)


def spelled(comparison: str, edit: Callable[[dict], Any] = lambda values: None) -> Spelled:
    studies = settings(edit)
    return spell(variant_params(root(), studies, studies.comparisons[comparison].variant), studies, comparison)


def test_what_is_committed_and_its_smoke_profile_are_sound(capsys):
    ablations_check(schema.Params.load(ROOT / "tests/fixtures/params.yaml"), Ablations.load(ROOT / FILE))
    text = switch(
        (ROOT / FILE).read_text(),
        yaml.safe_load((ROOT / "ablations/smoke.yaml").read_text()),
        "smoke",
        parse_ablations,
    )
    smallest = parse_ablations(yaml.safe_load(text))
    assert list(smallest.comparisons) == list(settings().comparisons)
    ablations_check(root(), smallest)
    assert capsys.readouterr().out.startswith("ablations: 4 swarms, ")


def test_a_variant_changes_what_it_names_and_nothing_else():
    own, plain = variant_params(root(), settings(), "without_news"), root()
    assert own.corpus.validation_only == ["reviews", "news"]
    assert set(plain.corpus.trained) - set(own.corpus.trained) == {"news"}
    assert own.proxy.validation.logged == 10
    assert own.proxy.shape == plain.proxy.shape
    assert own.corpus.domains == plain.corpus.domains


def test_a_grid_is_spelled_out_with_its_options():
    grid = spelled("efficiency")
    assert [len(methods) for methods in grid.methods.values()] == [11, 9, 9]
    online = grid.methods["quarter"]["online_quarter_7"]
    assert online.kind == "regmix_d_online"
    assert online.model_extra["granularity"] == 7
    assert online.model_extra["objective"] == "reviews"
    rows = pd.DataFrame(grid.rows)
    assert len(rows) == 29
    assert set(rows.loc[rows["entry"] == "offline", "proxies"]) == {"all", "half", "quarter"}


def test_all_methods_take_the_new_objective_and_equal_ones_train_once():
    comparison = spelled("without_news")
    methods = comparison.methods["all"]
    assert comparison.dropped == ["objective_only"]
    assert len({repr(method) for method in methods.values()}) == len(methods)
    rows = pd.DataFrame(comparison.rows)
    assert set(rows.loc[rows["kind"] == "regmix", "method"]) == {"regmix"}
    assert {"regmix_news", "regmix_reviews"} <= set(rows["entry"])
    assert all(method.model_extra.get("objective", "news") == "news" for method in methods.values())


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda v: v["changes"].update({"target.sedes": 3}), r"changes: unknown key target\.sedes"),
        (lambda v: v["changes"].update({"corpus.domain_chars": 3}), r"corpus\.domain_chars cannot differ here"),
        (lambda v: v["variants"]["main"]["changes"].update({"swarm.per_shard": -1}), r"swarm\.per_shard = -1"),
        (lambda v: v["variants"]["main"].update(unseen=["switched-9"]), r"unseen: switched-9 is not a shard"),
        (lambda v: v["variants"]["main"].update(objective="x"), r"objective = x: no such objective"),
        (lambda v: v["comparisons"]["beta"].update(variant="x"), r"comparisons\.beta\.variant: unknown variant 'x'"),
        (
            lambda v: v["comparisons"]["beta"]["methods"]["online"].update(proxies=["x"]),
            r"unknown part of the swarm 'x'",
        ),
        (lambda v: v["comparisons"]["beta"]["methods"]["online"].update(method="x"), r"online: unknown method 'x'"),
        (
            lambda v: v["comparisons"]["beta"]["methods"]["online"]["options"].update(gamma=[1]),
            r"online\.gamma: unknown key",
        ),
        (
            lambda v: v["comparisons"]["beta"]["methods"]["online"]["options"].update(beta=[-1]),
            r"^ablations/params\.yaml: comparisons\.beta\.methods\.online\.beta.* = -1",
        ),
        (lambda v: v["ranks"].update(evaluated="x"), r"ranks\.evaluated: unknown size 'x'"),
        (lambda v: v["ranks"]["sizes"]["between"]["changes"].update({"recipe.x": 1}), r"unknown key recipe\.x"),
        (lambda v: v["audits"]["exposure"].update(methods=["x"]), r"audits\.exposure\.methods: unknown method 'x'"),
        (lambda v: v["audits"]["exposure"].update(objective="x"), r"exposure\.objective: unknown objective 'x'"),
        (lambda v: v["ranks"].update(budgets=[0.5, 2]), r"ranks\.budgets: without 1, at which targets are evaluated"),
        (lambda v: v["audits"]["phases"].update(budget=0.01), r"audits\.phases\.budget.*must not exceed recipe\.steps"),
        (lambda v: v.update(word=1), r"ablations/params\.yaml: word: unknown key"),
    ],
)
def test_bad_settings_are_one_line(edit, message):
    with pytest.raises(InputError, match=message) as error:
        ablations_check(root(), settings(edit))
    assert "\n" not in str(error.value)


def test_a_variant_aims_at_losses():
    own = root(objectives=ROOT_VALUES["objectives"] | {"qa": {"tasks": {"heldout_last_word_news": 1}}})
    with pytest.raises(InputError, match=r"variants\.main\.objective = qa: trajectories contain only losses; choose"):
        variant_params(own, settings(lambda v: v["variants"]["main"].update(objective="qa")), "main")


def test_a_size_and_a_budget_change_the_training():
    longer = size_training(root(), settings(), "between", 2)
    assert longer.recipe.steps == 2 * root().proxy.recipe.steps
    assert longer.shape.width == 48
    assert size_training(root(), settings(), "target", 1).recipe == root().target.recipe


def test_a_part_has_the_first_runs_and_all_anchors_and_none_that_is_unseen():
    names = [*(f"random-0-{i:02d}" for i in range(4)), "switched-0-00", "switched-1-00", "anchor-natural", "heldout-00"]
    kinds = ["random"] * 4 + ["switched"] * 2 + ["anchor", "heldout"]
    mixtures = swarm_parts.kept_apart(pd.DataFrame({"run": names, "kind": kinds}), ["switched-1"])
    assert mixtures["kind"].tolist() == [*kinds[:5], "unseen", *kinds[6:]]
    part = swarm_parts.part({"mixtures": mixtures, "losses": pd.DataFrame({"run": names})}, 2, 1, "x")
    expected = ["random-0-00", "random-0-01", "switched-0-00", "anchor-natural"]
    assert part["mixtures"]["run"].tolist() == part["losses"]["run"].tolist() == expected
    with pytest.raises(InputError, match="x: needs 2 switched runs, but there are 1; lower it or add shards"):
        swarm_parts.part({"mixtures": mixtures}, 2, 2, "x")


def toy() -> tuple[schema.Params, Ablations]:
    """A root of four domains and models of a few hundred parameters, a variant of 12 proxies, one comparison."""
    values = copy.deepcopy(ROOT_VALUES)
    shape = {"layers": 1, "heads": 1, "width": 8, "ffn": 16, "context": 16}
    values["corpus"]["domains"] = {name: ROOT_VALUES["corpus"]["domains"][name] for name in DOMAINS}
    values["regressors"] = {"gp": ROOT_VALUES["regressors"]["gp"] | {"starts": 1}}
    values["mixture"] |= {"ensemble": ["gp"], "candidates": 500, "top_k": 10}
    values["trajectory"]["regressors"] = ["gp"]
    for section in ("proxy", "target"):
        values[section]["shape"] = shape
        values[section]["recipe"] |= {"steps": 6, "sequences": 2}
    values["target"]["methods"] = {name: ROOT_VALUES["target"]["methods"][name] for name in
                                   ("natural", "regmix_reviews", "regmix_d_offline", "regmix_d_online")}  # fmt: skip
    values["evaluation"] |= {"last_word": [], "continuation": []}
    values["objectives"] = {"news": {"news": 1}, "reviews": {"reviews": 1}}
    values["mixture"]["fronts"]["pairs"] = []
    values["swarm"] |= {"rounds": {}, "learn_from": "data/swarm_collect"}
    values["machine"]["processes"] = 1
    values["swarm"] |= {"per_shard": 4, "heldout": 3, "repeats": {"mixtures": 0, "seeds": 0}}
    few = {"candidates": [200], "granularity": [2]}
    ablations = {
        "audits": {},
        "changes": {
            "target.seeds": 2,
            "proxy.validation": {"final_tokens": 64, "logged_tokens": 32, "logged": 3},
            "target.validation": {"final_tokens": 64, "logged_tokens": 32, "logged": 3},
            "mixture.refits": {"count": 2, "candidates": 100},
        },
        "variants": {"main": {
            "changes": {"swarm.shards": ["random-0", "switched-0", "switched-1", "anchors", "heldout"]},
            "unseen": ["switched-1"], "objective": "reviews",
            "proxies": {"all": {"random": 4, "switched": 0}, "added": {"random": 4, "switched": 4}},
            "fits": [{"proxies": ["added"], "regressor": ["gp"], "label": ["loss"], "granularity": [2]}],
        }},
        "comparisons": {"tried": {"variant": "main", "objective": "reviews", "root_methods": None, "methods": {
            "regmix": {"method": "regmix_reviews", "proxies": ["all"], "options": {}},
            "offline": {"method": "regmix_d_offline", "proxies": ["all", "added"], "options": few},
            "online": {"method": "regmix_d_online", "proxies": ["added"], "options": few | {"beta": [0.05]}},
        }}},
        "ranks": VALUES["ranks"],
    }  # fmt: skip
    return schema.parse(values), parse_ablations(ablations)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """A few thousand tokens a domain, each with a few tokens of its own."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    for number, name in enumerate(DOMAINS):
        sides = {}
        for side, tokens in (("train", 4000), ("valid", 200)):
            drawn = rng.integers(16 * number, 16 * number + 24, tokens)
            (folder / name).mkdir(exist_ok=True)
            count = write_tokens(folder / name / f"{side}.bin", [drawn], 96)
            sides[side] = {"tokens": count, "documents": 1, "chars": count}
        meta = {"domain": name, "dtype": "<u2", "fingerprint": "f" * 64, "vocab": 96, "eos": 0, **sides}
        (folder / name / "meta.json").write_text(json.dumps(meta))
    (folder / "domains.json").write_text(json.dumps({"all": list(DOMAINS)}))
    return folder


@pytest.fixture(scope="module")
def ran(corpus, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ran")
    work(corpus, folder / "first", folder / "runs")
    return folder


def work(corpus: Path, out: Path, store: Path) -> None:
    params, ablations = toy()
    sources = {"corpus": corpus, "answers": corpus / "answers.json", "store": store}
    write_json(sources["answers"], {})
    ablation_swarm(params, ablations, variant="main", **sources, out=out / "swarm")
    ablation_targets(params, ablations, comparison="tried", variant=out / "swarm", **sources, out=out / "targets")
    ablation_errors(params, ablations, name="main", variant=out / "swarm", out=out / "errors")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_variant_runs_through_the_stages_of_the_root(ran):
    out = ran / "first"
    losses = pd.read_csv(out / "targets/losses.csv")
    methods = ["natural", "regmix", "offline_all", "offline_added", "online"]
    assert sorted(set(losses["method"])) == sorted(methods)
    assert (losses.groupby("method")["seed"].nunique() == 2).all()
    assert np.isfinite(losses[list(DOMAINS)]).all(axis=None)
    assert set(pd.read_csv(out / "targets/design.csv")["method"]) == set(methods)
    queries = pd.read_csv(out / "targets/support.csv").set_index(["method", "run"])["queries"]
    assert queries["offline_all", "plan"] == queries["online", "seed-1"] == 2
    steps = pd.read_csv(out / "errors/steps.csv")
    assert set(steps["tested"]) == {"heldout", "unseen"}
    assert set(steps["runs"]) == {4 + 4 + 5}
    assert not list(out.rglob("*.safetensors"))
    assert not list(out.rglob("*.partial"))


def test_what_is_in_the_store_is_not_trained_again_and_gives_the_same_bytes(ran, corpus, monkeypatch):
    """As after a kill: the outputs are gone, the finished runs are not."""

    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a run was trained again")

    monkeypatch.setattr(launcher, "launch", never)
    work(corpus, ran / "second", ran / "runs")
    assert tree(ran / "second") == tree(ran / "first")


# What the page says.

SEEDS = 5


def frames(effects: dict[str, dict[str, float]]) -> Results:
    """Results of the committed comparisons, whose targets differ from natural by ``effects`` (comparison, entry)."""
    return drawn(json.dumps(effects))


@cache
def drawn(text: str) -> Results:
    return collect(*trained_comparisons(json.loads(text)), 0.95)


def trained_comparisons(effects: dict[str, dict[str, float]]) -> tuple[dict, dict, dict]:
    """Losses, designs and objectives by comparison, as ``collect`` takes them."""
    rng = np.random.default_rng(0)
    studies, params = settings(), root()
    losses, designs, objectives = {}, {}, {}
    for comparison, entry in studies.comparisons.items():
        own = variant_params(params, studies, entry.variant)
        design = pd.DataFrame(spell(own, studies, comparison).rows)
        entry_of = design.drop_duplicates("method").set_index("method")["entry"]
        shared = 0.1 * rng.normal(size=SEEDS)
        rows = []
        for method in entry_of.index:
            value = 5 + effects.get(comparison, {}).get(entry_of[method], 0.0) + shared + 0.01 * rng.normal(size=SEEDS)
            rows += [{"method": method, "seed": s, **dict.fromkeys(own.corpus.domains, v)} for s, v in enumerate(value)]
        losses[comparison], designs[comparison] = pd.DataFrame(rows), design
        objectives[comparison] = (
            Objective.mean(counted(own.objectives[entry.objective], own.corpus.trained)),
            own.corpus.trained,
        )
    return losses, designs, objectives


def verdict_of(results: Results, words: str) -> str:
    verdicts = {claim.says: claim.verdict for claim in claims.dynamic(results)}
    return next(verdict for says, verdict in verdicts.items() if says.startswith(words))


def test_a_difference_is_paired_by_seed():
    results = frames({"efficiency": {"regmix": -0.2}})
    spread = results.loss_difference("efficiency/regmix_all", "efficiency/natural")
    assert spread is not None
    assert spread.n == SEEDS
    assert spread.mean == pytest.approx(-0.2, abs=0.02)
    assert spread.sd < 0.03 < results.noise("efficiency").sd
    table = summary.differences(results.measures, "efficiency/natural", 0.95)
    row = table[(table["method"] == "efficiency/regmix_all") & (table["measure"] == "objective")].iloc[0]
    assert list(spread) == pytest.approx([row[key] for key in Spread._fields], rel=1e-12)
    assert results.loss_difference("efficiency/regmix_all", None) is None
    assert results.first_target("efficiency", "online", proxies="half", granularity=9) == "efficiency/online_half_9"


@pytest.mark.parametrize(("effect", "word"), [(-0.2, HOLDS), (0.2, FAILS), (0.0, UNDECIDED)])
def test_a_claim_is_what_its_intervals_say(effect, word):
    assert verdict_of(frames({"efficiency": {"offline": effect}}), "RegMix-D offline is better") == word


def shown(section: Section) -> str:
    return document([Section("Summary", ()), section], "x") + page(
        [section], dict.fromkeys(section.figures, "<svg></svg>"), "x"
    )


def test_the_tables_are_bold_where_an_interval_leaves_out_zero():
    section = dynamic.efficiency(
        frames({"efficiency": {"online": -0.3}}), {"all": 128, "half": 64, "quarter": 32}, steps()
    )
    table = section.tables["efficiency"].shown
    online = table[table["Method"] == "online"]["minus natural"]
    assert len(online) == 12
    assert online.str.startswith("**−0.").all()
    assert table.loc[table["Method"] == "uniform", "minus natural"].str.startswith("**").sum() <= 1
    assert "`quarter` has 32" in shown(section)
    lines = [text.get_text() for text in section.figures["efficiency"].drawing.axes[0].get_yticklabels()]
    assert lines == ["regmix", *(f"{kind}, N = {n}" for kind in ("offline", "online") for n in (3, 5, 7, 9))]


def test_beta_says_what_was_fitted_and_what_was_asked_beyond_the_proxies():
    fitted = pd.DataFrame({"method": ["online_0_05", "online_fitted"], "value": [0.05, 0.08], "low": [np.nan, 0.07],
                           "high": [np.nan, 0.09], "runs": [np.nan, 4]})  # fmt: skip
    support = pd.DataFrame(
        {
            "method": ["online_0_05", "online_0_05", "online_fitted"],
            "run": ["seed-0", "seed-1", "seed-0"],
            "queries": 5,
            "outside": [3, 2, 0],
        }
    )
    section = dynamic.beta(frames({}), fitted, support)
    assert "Fitted to 4 targets, beta is 0.080 [0.070, 0.090]" in section.prose
    assert section.tables["beta_support"].values["outside"].tolist() == [5, 0]
    assert "No beta was fitted" in dynamic.beta(frames({}), fitted.assign(low=np.nan), support).prose


def steps() -> pd.DataFrame:
    rows = [
        {"predictor": predictor, "kind": kind, "step": step, "n": 24, "mae": 0.1, "mae_low": 0.05, "mae_high": 0.2,
         "tested": tested, "runs": 141, "proxies": part, "regressor": "gp", "label": "loss", "granularity": 5}
        for part in ("all", "traded") for tested in ("heldout", "unseen") for kind in ("one_step", "rolled_out")
        for predictor in ("model", "mean_drop") for step in (120, 240)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_switched_proxies_are_judged_by_targets_and_by_errors():
    section = dynamic.switched(frames({"switched": {"offline": -0.1}}), steps(),
                               {"all": (128, 0), "added": (128, 32), "traded": (96, 32)})  # fmt: skip
    assert section.tables["switched"].shown["minus without switched"].tolist()[0] == "–"
    assert len(section.tables["switched_errors"].shown) == 8
    assert "`traded` 96 + 32" in section.prose
    assert "lightgbm_paper" in shown(dynamic.learners(frames({}), steps()))


def final() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    true = rng.normal(size=24)
    frame = pd.DataFrame({"run": [f"heldout-{i:02d}" for i in range(24)], "true": true})
    return pd.concat([frame.assign(regressor=name, proxies=part, predicted=true + spread * rng.normal(size=24))
                      for name, spread in (("gp", 0.1), ("ridge", 3.0)) for part in ("all", "half")])  # fmt: skip


def swarms(distance: float, spread: float = 0.02) -> pd.DataFrame:
    def chosen(moved: float) -> dict[str, Any]:
        return {"weights": {"news": 0.6 - moved, "law": 0.4 + moved}, "spread": dict.fromkeys(("news", "law"), spread)}

    tables = {
        name: proxy_sizes.Swarm(10_000, final(), chosen(0 if name == "main" else distance))
        for name in proxy_sizes.SIZES
    }
    large = final()[lambda f: (f["regressor"] == "gp") & (f["proxies"] == "half")].set_index("run")["true"]
    return proxy_sizes.table(tables, large, 0.95)


@pytest.mark.parametrize(("distance", "word"), [(0.0, HOLDS), (0.3, FAILS)])
def test_sizes_compare_mixtures_with_what_chance_gives(distance, word):
    results, sized = frames({}), swarms(distance)
    blurred = {claim.place: claim for claim in claims.sizes(results, swarms(distance, 0.4))}["Figure 14"]
    assert blurred.verdict == UNDECIDED
    assert "refits alone" in blurred.why
    assert {claim.place: claim.verdict for claim in claims.sizes(results, sized)}["Figure 14"] == word
    section = variants.sizes(results, sized, {variant: {"news": 0.6, "law": 0.4} for variant in proxy_sizes.SIZES})
    assert section.tables["sizes"].values["distance"].tolist() == pytest.approx([2 * distance, 0, 2 * distance])
    assert (section.tables["sizes"].values["target_n"] == 24).all()
    assert len(section.tables["sizes_targets"].shown) == 9


def test_what_is_dropped_without_the_objective_is_reported():
    ranked = mixture_ranks.heldout(final()[lambda f: f["proxies"] == "all"], 0.95)
    section = variants.distribution(frames({}), ranked, ["objective_only"])
    names = section.tables["without_news"].shown["Method"].tolist()
    assert "regmix, regmix_reviews, regmix_skills, regmix_worst, regmix_news" in names
    assert "`objective_only` is dropped" in section.prose
    by_place = {claim.place: claim for claim in claims.distribution(frames({}), ranked, "gp", 0.95)}
    assert by_place["Table 6"].verdict == HOLDS
    assert "ridge" in by_place["Table 6"].found


NEWS = {"news": Objective.loss("news")}


def ranked(noise: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """losses.csv and lm_eval.csv of 8 mixtures at two sizes and budgets, 2 seeds."""
    rng = np.random.default_rng(2)
    quality = np.arange(8.0)
    rows, scored = [], []
    for i, seed in ((i, seed) for i in range(8) for seed in range(2)):
        run = f"heldout-{i:02d}"
        for size in ("proxy", "target"):
            for budget in (1, 2):
                news, law = quality[i] + noise * rng.normal(), noise * rng.normal()
                rows.append({"run": run, "seed": seed, "size": size, "budget": budget, "news": news, "law": law})
        for task in ("one", "two"):
            value = 0.9 - 0.1 * quality[i] + 0.1 * noise * rng.normal()
            scored.append(
                {"task": task, "shots": 0, "metric": "acc", "value": value, "items": 32, "run": run, "seed": seed}
            )
    return pd.DataFrame(rows), pd.DataFrame(scored)


@pytest.mark.parametrize(("noise", "words"), [(0.01, {HOLDS}), (30.0, {UNDECIDED, FAILS})])
def test_ranks_and_scores_are_compared_with_chance(noise, words):
    losses, lm_eval = ranked(noise)
    tasks, correlations = (
        mixture_ranks.task_scores(lm_eval),
        mixture_ranks.correlations(losses, NEWS, 0.95),
    )
    assert len(correlations) == 6
    judged = losses[(losses["size"] == "target") & (losses["budget"] == 1)]
    spreads, related = (
        mixture_ranks.spread(tasks),
        mixture_ranks.losses_and_scores(judged, tasks, ["news", "law"], 0.95),
    )
    answers = claims.ranks(correlations, spreads, related, "news", 8, 2)
    assert {claim.place for claim in answers} == {"Figure 15", "Table 3", "Figure 5"}
    assert {claim.verdict for claim in answers} <= words
    section = ranks.invariance(losses, correlations, {"proxy": 10, "target": 100})
    assert section.tables["ranks"].values["n"].tolist() == [8] * 6
    assert "Spearman" in shown(section)
    assert "analysis of variance" in shown(ranks.downstream(spreads, related, 8, 32, 2))


def test_the_first_section_counts_the_verdicts():
    rows = [*claims.dynamic(frames({"efficiency": {"regmix": -0.2}})), *claims.sizes(frames({}), swarms(0.0))]
    section = claims.page(rows, SEEDS, 0.95)
    assert len(section.tables["claims"].values) == len(rows)
    assert "corrected for the number of comparisons" in section.prose
    assert "5 seeds per method" in section.prose


def test_the_page_is_written_from_what_the_stages_leave(tmp_path, monkeypatch):
    monkeypatch.setattr(render, "drawn", lambda figure: {"svg": b"<svg/>", "png": b"png"})
    params, studies = root(), settings()
    domains = list(params.corpus.domains)
    losses, designs, _ = trained_comparisons({"efficiency": {"regmix": -0.2}})
    for comparison, frame in losses.items():
        write_csv(tmp_path / "targets" / comparison / "losses.csv", frame)
        write_csv(tmp_path / "targets" / comparison / "design.csv", designs[comparison])
    table = {"method": ["online"], "value": [0.08], "low": [0.07], "high": [0.09], "runs": [4]}
    write_csv(tmp_path / "targets/beta/beta.csv", pd.DataFrame(table))
    asked = {"method": ["online"], "run": ["seed-0"], "queries": [5], "outside": [3]}
    write_csv(tmp_path / "targets/beta/support.csv", pd.DataFrame(asked))
    weights = {domain: 1 / len(domains) for domain in domains}
    for variant, entry in studies.variants.items():
        folder = tmp_path / "swarms" / variant / "swarm"
        write_json(folder / "meta.json", {"parameters": {"body": 1000}})
        alone = dict.fromkeys(domains, 0.0) | {"law": 1.0}  # a domain of every variant
        write_csv(folder / "mixtures.csv", pd.DataFrame({"run": ["anchor-natural"], "kind": ["anchor"], **alone}))
        write_csv(folder / "losses.csv", pd.DataFrame({"run": ["anchor-natural"], **dict.fromkeys(domains, 5.0)}))
        chosen = {"weights": weights, "spread": dict.fromkeys(domains, 0.01)}
        write_json(tmp_path / f"swarms/{variant}/parts/half/chosen/{entry.objective}.json", chosen)
        write_csv(tmp_path / "errors" / variant / "final.csv", final())
        write_csv(tmp_path / "errors" / variant / "steps.csv", steps())
    noisy, lm_eval = ranked(0.1)
    sized = pd.concat([noisy.assign(size=size) for size in studies.ranks.sizes], ignore_index=True).drop_duplicates()
    sized = sized.assign(**{domain: sized["news"] for domain in domains if domain not in sized})
    write_csv(tmp_path / "ranked/losses.csv", sized.drop_duplicates(["run", "seed", "size", "budget"]))
    write_csv(tmp_path / "ranked/lm_eval.csv", lm_eval)
    metas = {f"{size}-{studies.ranks.budgets[0]:g}": {"parameters": {"body": 1000}} for size in studies.ranks.sizes}
    write_json(tmp_path / "ranked/meta.json", metas)
    folders = {name: tmp_path / name for name in ("swarms", "errors", "targets", "ranked")}
    ablation_evidence(params, studies, **folders, out=tmp_path / "evidence")
    out, headline = tmp_path / "reports", tmp_path / "metrics.json"
    ablations(params, studies, evidence=tmp_path / "evidence", **folders, headline=headline, out=out)
    text, headlines = (out / "ablations.md").read_text(), json.loads(headline.read_text())
    assert "NaN" not in text
    assert {row["verdict"] for row in headlines} <= {HOLDS, FAILS, UNDECIDED}
    tables = {path.stem: pd.read_csv(path) for path in (out / "ablations/tables").glob("*.csv")}
    assert (tables["sizes"]["heldout_value"] > 0.9).tolist() == [True] * 3
    assert tables["without_news_ranks"]["n"].iloc[0] == 24
