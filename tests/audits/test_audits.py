"""The audits at toy size, on a pipeline of four domains, and the verdicts that numbers give."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from regmix.ablations.audit import Answer, Measured
from regmix.ablations.settings import parse_ablations
from regmix.audits.domain_count import claim
from regmix.audits.effect_size import cohens_d
from regmix.audits.exposure import reordered
from regmix.audits.finer import _parts as parts_of
from regmix.audits.left_out import pooled
from regmix.audits.order import NEAR, RANDOM, WHOLE, masks, proposed, share_of_training
from regmix.audits.phases import PHASES, of_phases, scheduled
from regmix.audits.vocabulary import rescaled
from regmix.core import plugins
from regmix.core.errors import InputError
from regmix.core.files import write_csv, write_json
from regmix.core.runs import Runs
from regmix.core.schedule import Schedule
from regmix.corpus.documents import as_line
from regmix.corpus.tokens.tokenizer import load_json
from regmix.evaluation import answers
from regmix.evaluation.heldout_tasks import LAST_WORD, config, task_name
from regmix.evaluation.summary import Spread
from regmix.sampling.draws import RANDOM as RANDOM_DRAWS
from regmix.sampling.draws import draw
from regmix.sampling.rules import Rules
from regmix.statistics.verdicts import FAILS, HOLDS, UNDECIDED
from reports import audits as report
from reports import evidence
from reports.ablation_study.audits import Audited, measured, section
from reports.verdicts import main as printed
from stages.ablations.ablation_swarm import ablation_swarm
from stages.ablations.audit import audit
from stages.ablations.contexts import at_budget
from stages.common.run import call
from stages.corpus.tokenizer_train import tokenizer_train
from stages.target.target_schedule import target_schedule
from stages.target.target_train import target_train
from tests.ablations.test_ablations import DOMAINS, corpus, toy  # noqa: F401

AUDITS: dict[str, dict[str, Any]] = {
    "exposure": {"methods": ["regmix_d_offline", "regmix_d_online"], "objective": "reviews", "seeds": 2, "seed": 0},
    "warm_start": {"methods": ["regmix_d_offline", "regmix_d_online"], "switched": 4, "proposals": 2,
                   "objectives": ["reviews"], "seeds": 2},
    "order": {"random": 4, "near": 4, "seeds": 2, "objectives": ["reviews"], "learnt": [8], "least": 0.8, "seed": 0,
              "sizes": {"twice-steps": {"recipe.steps": 12}}},
    "downstream": {"random": 4, "near": 4, "seeds": 2, "objectives": ["reviews"], "least": 0.8, "seed": 0},
    "learning_rate": {"factors": [1.0], "random": 4, "near": 4, "seeds": 2, "objectives": ["reviews"],
                      "choice_seeds": 2, "least": 0.8, "margin": 0.01, "seed": 0},
    "repetition": {"tokens": 200, "steps": 3, "max_epochs": 40, "objectives": ["reviews"], "seeds": 2},
    "worst_mixture": {"objectives": ["reviews"], "seeds": 2},
    "phases": {"phases": 2, "budget": 1, "random": 4, "rounds": 1, "proposals": 2, "objectives": ["reviews"],
               "seeds": 2, "tokens": {"law": 300}},
    "phases_long": {"kind": "phases", "phases": 3, "budget": 2, "random": 4, "rounds": 1, "proposals": 2,
                    "objectives": ["reviews"], "seeds": 2, "tokens": {}},
    "phases_again": {"kind": "other_seeds", "phases": 2, "budget": 1, "random": 4, "rounds": 1, "proposals": 2,
                     "objectives": ["reviews"], "seeds": 3, "first_seed": 2, "tokens": {"law": 300}},
    "left_out": {"budget": 0.5, "random": 6, "proposals": 2, "seeds": 2, "seed": 0,
                 "one_shot": {"regressor": "gp", "candidates": 200, "top_k": 10}},
    "domain_count": {"merged": {"two": [["news", "law"], ["drama"]]}, "split": [2], "proxies": [8], "seeds": 2,
                     "objective": "reviews", "margin": 0.01},
    "vocabulary": {"sizes": [300], "objectives": ["reviews"], "seeds": 2, "margin": 0.01},
    "finer": {"parts": {"old": {"of": "law", "path": "FOLDER/old"}, "new": {"of": "law", "path": "FOLDER/new"}},
              "random": 8, "heldout": 4, "proposals": 2, "regressors": ["gp"], "least": 0.8, "objective": "reviews",
              "seeds": 2, "seed": 0},
    "effect_size": {"methods": ["regmix_reviews"], "baseline": "natural"},
    "reseeded": {"mixtures": 2, "seeds": 3, "swarms": 1, "objectives": ["reviews"], "choice_seeds": 2, "margin": 0.01},
}  # fmt: skip


@pytest.fixture(scope="module")
def pipeline(corpus, tmp_path_factory) -> dict[str, Path]:  # noqa: F811
    """The default pipeline's outputs as an audit takes them, the last random proxies renamed to proposals."""
    folder = tmp_path_factory.mktemp("pipeline")
    params, settings = toys()
    for part in ("old", "new"):
        (corpus / part).mkdir()
        lines = (as_line(f"{part} law {i}, of all things" * 9) for i in range(100))
        (corpus / part / "a.jsonl").write_text("".join(lines))
    for name in DOMAINS:  # the vocabulary of the tokenizer that parts of domains are read with
        meta = json.loads((corpus / name / "meta.json").read_text())
        (corpus / name / "meta.json").write_text(json.dumps(meta | {"vocab": 300}))
    inputs = {"corpus": corpus, "answers": corpus / "answers.json", "store": folder / "runs"}
    inputs["answers"].write_text("{}")
    ablation_swarm(params, settings, variant="main", **inputs, out=folder / "variant")
    swarm = folder / "variant/swarm"
    mixtures = pd.read_csv(swarm / "mixtures.csv")
    mixtures["kind"] = mixtures["kind"].mask(mixtures["run"].str.startswith("random-1"), "proposal")
    write_csv(swarm / "mixtures.csv", mixtures)
    proposals = mixtures.loc[mixtures["kind"] == "proposal", ["run"]]
    write_csv(swarm / "proposals.csv", proposals.assign(objective="reviews", predicted=0.0, sd=0.0))
    sources = {"sample": folder / "variant/sample", "swarm": swarm, "chosen": folder / "variant/parts/all/chosen"}
    call(target_schedule, params, **sources, **inputs, out=folder / "plans")
    call(target_train, params, plans=folder / "plans", **inputs, out=folder / "trained")
    _evaluated(folder / "evaluated", list(params.target.methods))
    _extracted(folder / "extracted")
    tokenizer = params.tokenizer.model_copy(update={"vocab_size": 300})
    own = params.model_copy(update={"tokenizer": tokenizer})
    call(tokenizer_train, own, extracted=folder / "extracted", out=folder / "tokenizer")
    _tasks(folder / "tasks", folder / "tokenizer")
    made = {name: folder / name for name in ("trained", "evaluated", "extracted", "tokenizer", "tasks")}
    return {**sources, "corpus": corpus, "store": inputs["store"], **made}


def _evaluated(folder: Path, methods: list[str]) -> None:
    """Two tasks, on which a method is the better the later it comes."""
    rows = [(method, seed, i + 0.1 * seed) for i, method in enumerate(methods) for seed in range(2)]
    losses = pd.DataFrame(rows, columns=["method", "seed", "news"])
    write_csv(folder / "losses.csv", losses.assign(qa=2 - losses["news"], rc=3 - losses["news"]))
    scores = losses.rename(columns={"news": "value"}).assign(shots=0, metric="acc")
    write_csv(folder / "lm_eval.csv", pd.concat([scores.assign(task="qa"), scores.assign(task="rc", shots=1)]))


def _tasks(folder: Path, tokenizer: Path) -> None:
    """One task of few items, short enough for the models."""
    name = task_name(LAST_WORD, "law")
    items = [{"context": f"and order {i}", "target": " law"} for i in range(4)]
    for split in ("test", "fewshot"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / f"{split}.jsonl").write_text("".join(f"{json.dumps(item)}\n" for item in items))
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config(LAST_WORD, "law", str(folder / name))))
    encoder = load_json(tokenizer / "tokenizer.json")
    answers.write(folder / "target.json", {name: answers.Answers.of(items, lambda text: encoder.encode(text).ids)})
    answers.write(folder / "proxy.json", {})


def _extracted(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name in DOMAINS:
        sides = {}
        for side, count in (("train", 60), ("valid", 8)):
            texts = [" ".join(rng.choice(["law", "and", "order", name, f"{i}"], 30)) for i in range(count)]
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / f"{side}.jsonl").write_text("".join(map(as_line, texts)))
            sides[side] = {"documents": count, "chars": sum(map(len, texts))}
        (folder / name / "stats.json").write_text(json.dumps({"domain": name, "capped": False, **sides}))


def toys(folder: Path = Path()) -> tuple[Any, Any]:
    """Settings; ``folder`` is where domains have parts of their text."""
    params, settings = toy()
    values, own = params.model_dump(), copy.deepcopy(settings.model_dump())
    values["swarm"] |= {"heldout": 4, "shards": ["random-0", "random-1", "anchors", "heldout"]}
    values["target"]["seeds"] = 2
    for name in ("regmix_d_offline", "regmix_d_online"):
        values["target"]["methods"][name] |= {"candidates": 200, "granularity": 2}
    values["target"]["methods"]["regmix_d_online"]["beta"] = 0.05
    values["proxy"]["validation"] = values["target"]["validation"] = {
        "final_tokens": 64, "logged_tokens": 32, "logged": 3}  # fmt: skip
    values["corpus"]["domains"]["law"] = {"reader": "folder", "path": str(folder)}
    audits = json.loads(json.dumps(AUDITS).replace("FOLDER", str(folder)))
    own |= {"comparisons": {}, "audits": {name: {"kind": name} | options for name, options in audits.items()}}
    own["variants"]["main"] |= {"fits": [], "unseen": [], "proxies": {"all": {"random": 8, "switched": 0}}}
    own["variants"]["main"]["changes"] = {}
    return type(params).model_validate(values), parse_ablations(own)


@pytest.fixture(scope="module")
def audited(pipeline, tmp_path_factory) -> dict[str, Audited]:
    params, settings = toys(pipeline["corpus"])
    out = tmp_path_factory.mktemp("audits")
    for name in AUDITS:
        audit(params, settings, name=name, **pipeline, out=out / name)
    return {name: Audited(json.loads((out / name / "answers.json").read_text()),
                        {path.stem: pd.read_csv(path) for path in (out / name).glob("*.csv")}, f"What of {name}?")
            for name in AUDITS}  # fmt: skip


def test_controls_have_the_same_tokens_as_the_schedule_and_differ_in_order(audited):
    ledger = audited["exposure"].tables["ledger"]
    assert len(ledger) == 2 * 3 * 2  # methods, controls, seeds
    sequence = 16
    assert ledger["tokens_apart"].max() <= 4 * sequence
    equal = audited["exposure"].answers[-1]
    assert equal["verdict"] == HOLDS
    assert 0 <= equal["measured"][0]["value"] < 10  # percent of training
    assert "–" not in measured(equal)
    rows = audited["exposure"].tables["differences"]
    assert set(rows["control"]) == {"minus average", "minus reversed", "minus shuffled", "minus regmix"}
    assert (rows["n"] == 2).all()


def test_regmix_d_starts_from_the_rounds_mixture_with_and_without_switched_proxies(audited):
    rows = audited["warm_start"].tables["differences"]
    assert len(rows) == 2 * 2 * 3  # methods, starts, rivals
    assert (rows["n"] == 2).all()
    assert rows["mean"].abs().max() > 0
    assert len(audited["warm_start"].answers) == 2 * 2 * 2
    says = [answer["says"] for answer in audited["warm_start"].answers]
    assert sum("better than a static mixture chosen by as many proxies" in text for text in says) == 2


def test_proxies_at_the_same_rate_decide_and_choose_as_the_swarm_does(audited):
    order, rate = audited["order"].tables["accuracy"], audited["learning_rate"].tables
    whole = order[order["by"] == WHOLE]
    assert set(whole["group"]) == {"random mixtures", "mixtures near the optimum"}
    assert (whole["mixtures"] == 4).all()
    assert order["accuracy"].between(0, 1).all()
    assert {"a fit to 8 other proxies", "twice-steps proxies", "another seed of the targets"} <= set(order["by"])
    assert not order.duplicated(["objective", "group", "by"]).any()
    assert rate["regret"]["distance"].iloc[0] < 0.7  # another set of anchors and proposals chooses, at the same rate
    assert rate["order"]["mixtures"].iloc[0] == 8


def test_every_size_budget_and_share_of_compute_has_a_verdict(audited):
    says = [answer["says"] for answer in audited["order"].answers]
    for group in (RANDOM, NEAR):
        assert f"reviews: proxies rank 80% of pairs of {group} as targets do" in says
        assert f"twice-steps proxies rank 80% of pairs of {group} as targets do" in says
        assert any("share of the swarm's compute from 1/" in text and group in text for text in says)
    tables = audited["order"].tables
    assert tables["compute"]["share_of_swarm"].is_monotonic_increasing
    assert tables["compute"]["share_of_swarm"].between(0, 1).all()
    assert len(tables["ranks"]) == 2 * 3  # groups; pairs of proxies, twice-steps and targets


def test_an_objective_is_judged_on_its_own_proposals_from_all_rounds():
    names = [f"{part}-{i}" for part in ("second", "third") for i in range(10)]
    aims = ["reviews", "skills"] * 10
    bench = SimpleNamespace(proposals=pd.DataFrame({"run": names, "objective": aims}), objective=lambda name: name)
    assert proposed(bench, "reviews", 16) == names[::2]
    few = proposed(bench, "skills", 4)
    assert few[0] == names[1]
    assert few[-1] == names[-1]
    assert len(few) == 4
    tested = SimpleNamespace(names=np.array(["heldout-0", *names]), kinds=np.array(["heldout", *["proposal"] * 20]))
    those = masks(bench, tested, "skills", 16)
    assert those[RANDOM].tolist() == [True] + [False] * 20
    assert tested.names[those[NEAR]].tolist() == names[1::2]
    assert share_of_training("proxies, 17% of training") == pytest.approx(0.17)


def test_the_worst_mixture_is_predicted_above_the_best(audited):
    losses = audited["worst_mixture"].tables["losses"].set_index("mixture")
    assert losses["predicted_proxy"]["worst"] > losses["predicted_proxy"]["natural"]
    weights = audited["worst_mixture"].tables["weights"].drop(columns="objective")
    assert weights.to_numpy().sum() == pytest.approx(1)


def test_matched_proxies_have_less_text_and_both_choices_are_trained_on_all_of_it(audited):
    table = audited["repetition"].tables["minus_natural"]
    assert table["repetition"].tolist() == ["free", "matched", "bounded"]
    assert (table["most_passes"] > 0).all()
    compared = [answer["measured"][0]["what"] for answer in audited["repetition"].answers]
    assert compared == ["reviews, matched minus free", "reviews, matched minus bounded"]


def test_two_phases_and_one_choose_by_equally_many_proxies(audited):
    table = audited["phases"].tables["differences"]
    assert table["minus"].tolist() == ["static", "time average"]
    assert (table["proxies"] == table["static_proxies"]).all()
    for name, phases in (("phases", 2), ("phases_long", 3)):
        weights = audited[name].tables["weights"]
        assert weights["phase"].tolist() == [*PHASES[:phases], "static"]
        np.testing.assert_allclose(weights[["news", "law", "drama"]].sum(axis=1), 1)
    assert audited["phases_long"].answers[0]["says"].startswith("reviews: three phases are better")


def test_the_same_phases_are_tested_on_other_seeds(audited):
    first, again = (audited[name].tables for name in ("phases", "phases_again"))
    pd.testing.assert_frame_equal(first["weights"], again["weights"])
    assert (again["differences"]["n"] == 3).all()
    assert set(first["differences"]["mean"]).isdisjoint(again["differences"]["mean"])
    assert audited["phases_again"].answers[0]["says"].endswith("little text of law, on 3 other seeds of the targets")


def test_a_schedule_of_phases_leaves_out_what_is_too_short():
    bench = SimpleNamespace(context=SimpleNamespace(domains=("news", "law")))
    schedule = scheduled(bench)(np.array([0.1, 0.3, 0.0, 0.0, 0.6, 0.0]))
    np.testing.assert_allclose(schedule.knots, [0, 0.4])
    np.testing.assert_allclose(schedule.mixtures, [[0.25, 0.75], [1, 0]])


def test_a_bound_holds_for_all_phases_together():
    rules = of_phases(Rules.around({"news": 0.6, "law": 0.4}, {"law": 0.5}), 3)
    assert len(rules.domains) == 6
    drawn = np.stack([draw(rules, RANDOM_DRAWS, i) for i in range(8)]).reshape(8, 3, 2)
    assert drawn[:, :, 1].sum(axis=1).max() <= 0.5 + 1e-9


def test_targets_are_scored_downstream_by_tasks_and_bits(audited):
    tables = audited["downstream"].tables
    links = tables["correlations"]
    assert set(links["measure"]) == {"heldout_last_word_law", "average", "heldout_last_word_law_bits", "average_bits"}
    assert (links["mixtures"] == 4).all()
    bits = links[links["measure"] == "average_bits"]
    assert bits["spearman"].between(-1, 1).all()
    assert set(tables["range"]["group"]) == {RANDOM, f"{NEAR}, reviews"}
    rows = tables["range"].set_index("task")
    assert (rows.loc["average_bits", "worst"] >= rows.loc["average_bits", "best"]).all()
    assert (rows.loc["average", "worst"] <= rows.loc["average", "best"]).all()
    assert len(audited["downstream"].answers) == 6


def test_every_domain_is_left_out_once_and_is_not_in_its_own_mixture(audited):
    table = audited["left_out"].tables["by_domain"]
    assert table["domain"].tolist() == ["news", "law", "drama"]
    assert (table["largest"] != table["domain"]).all()
    assert (table["best_single"] != table["domain"]).all()
    assert all("sign test" in answer["measured"][0]["what"] for answer in audited["left_out"].answers[:4])
    assert len(audited["left_out"].tables["differences"]) == 3 * 4  # domains, rivals
    each, natural, single = audited["left_out"].answers[4:]
    assert [part["what"] for part in each["measured"]] == ["news", "law", "drama"]
    enough = table.loc[table["single_suffices"], "domain"]
    assert all(domain in each["why"] for domain in enough)
    assert natural["says"].endswith("gains most over natural")
    assert single["says"].endswith("gains most over the best single domain")


def test_domains_with_two_seeds_each_share_their_deviation():
    first, second = pooled([Spread(-0.1, 0.01, 2, -1, 1), Spread(0.2, 0.03, 2, -1, 1)], 0.95)
    assert first.sd == second.sd == pytest.approx((0.5 * (0.01**2 + 0.03**2)) ** 0.5)
    assert first.high - first.mean == pytest.approx(4.3027 * first.sd / 2**0.5, rel=1e-4)  # t with 2 degrees of freedom
    assert second.mean == 0.2
    assert np.isnan(pooled([Spread(1, float("nan"), 1, float("nan"), float("nan"))], 0.95)[0].low)


def test_merged_own_and_split_domains_choose(audited):
    assert audited["domain_count"].tables["regret"]["domains"].tolist() == [2, 3, 6]


def test_numbers_of_domains_with_too_few_proxies_for_a_fit_are_in_the_claim():
    table = pd.DataFrame({"domains": [11, 22, 11], "proxies": [16, 16, 32], "mean": [0.1, np.nan, 0.2]})
    assert claim(table, 16, 0.02).endswith("at any number of domains but 22, for which they are too few to fit")
    assert claim(table, 32, 0.02).endswith("at any number of domains")


def test_losses_under_two_vocabularies_are_equal_where_bits_per_byte_are():
    one, other = (SimpleNamespace(valid={"news": np.zeros(count), "law": np.zeros(100)}) for count in (100, 150))
    losses = pd.DataFrame({"news": [2.0], "law": [3.0], "qa": [4.0]})
    runs = Runs(("news",), np.array(["a"]), np.array(["random"]), np.ones((1, 1)), losses)
    assert rescaled(runs, other, one).losses.iloc[0].tolist() == [3.0, 3.0, 4.0]


def test_another_seed_has_a_noise_and_a_choice(audited):
    assert (audited["reseeded"].tables["noise"]["sd"] > 0).all()
    assert "p of Levene's test" in measured(audited["reseeded"].answers[0])
    assert audited["reseeded"].tables["choices"]["distance"].between(0, 2).all()


def test_another_vocabulary_chooses_and_its_tokens_do_not_stay(audited, pipeline):
    assert audited["vocabulary"].tables["choices"]["distance"].between(0, 2).all()
    assert set(audited["vocabulary"].tables) == {"choices"}


def test_parts_of_a_domain_stand_in_its_place(audited):
    table = audited["finer"].tables["domains"]
    assert table["domain"].tolist() == ["news", "drama", "old", "new"]
    assert table["chosen_weight"].sum() == pytest.approx(1)
    assert (table["tokens"] > 100).all()
    helps = audited["finer"].tables["helps"]
    assert set(helps["loss_on"]) == {"the objective", "news", "drama", "old", "new"}
    assert len(helps) == 4 * 5
    assert audited["finer"].tables["regressors"]["losses_of"].tolist() == ["proxies", "targets"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"old": {"of": "law"}, "reviews": {"of": "law"}},
            r"parts\.reviews: of = law: must be a trained domain, and the",
        ),
        ({"old": {"of": "law"}, "new": {"of": "news"}}, "law has one part alone"),
    ],
)
def test_parts_of_no_sense_are_refused_before_anything_is_read(parts, message):
    text = SimpleNamespace(valid={"news": None, "law": None, "reviews": None})
    bench = SimpleNamespace(context=SimpleNamespace(domains=("news", "law"), corpus=text))
    with pytest.raises(InputError, match=message):
        parts_of(bench, SimpleNamespace(parts=parts))


def test_at_another_budget_bounds_hold_for_its_steps(pipeline):
    params, _ = toys(pipeline["corpus"])
    swarms = {name: pipeline[name] for name in ("sample", "swarm", "chosen", "store")}
    swarms["answers"] = pipeline["tasks"] / "proxy.json"
    params = params.model_copy(update={"constraints": params.constraints.model_copy(update={"max_epochs": 0.2})})
    once, twice = (at_budget(params, swarms, pipeline["corpus"], budget) for budget in (1, 2))
    assert twice.target.recipe.steps == 2 * once.target.recipe.steps
    tokens = len(once.corpus.train["news"])
    assert twice.rules.bounds[0] == pytest.approx(min(1, 0.2 * tokens / twice.target.train_tokens))
    assert twice.rules.bounds[0] <= once.rules.bounds[0]


def test_an_effect_is_positive_where_scores_are_higher_and_bits_lower(audited):
    effects = audited["effect_size"].tables["effects"].set_index("measure")
    assert (effects.loc[["average", "qa", "average_bits", "rc_bits"], "d"] > 0).all()
    assert "rc" not in effects.index  # not zero-shot
    value, low, high = cohens_d(np.array([1.0, 2, 3]), np.array([0.0, 1, 2]), 0.95)
    assert value == pytest.approx(1)
    assert (high - low) / 2 == pytest.approx(1.96 * (1 / 3 + 1 / 3 + 1 / 12) ** 0.5, rel=1e-3)


def test_every_audit_says_what_it_trains_and_its_page_has_every_answer(audited, pipeline, tmp_path):
    _, settings = toys()
    for name, entry in settings.audits.items():
        module = plugins.load("audits", entry.kind, "")
        size = module.size(plugins.checked(module.Options, entry.model_extra), 14, 3)
        assert size.targets + size.proxies > 0 or name == "effect_size", name
    page = section(audited, 0.95)
    assert page.tables["audits"].shown["About"].tolist() == [f"What of {name}?" for name in audited]
    total = sum(len(entry.answers) for entry in audited.values())
    assert len(page.tables["audits"].values) == total
    assert sum(len(page.tables[f"{name}_statements"].shown) for name in audited) == total
    assert list(page.figures) == ["order_accuracy", "order_ranks", "finer_helps"]
    (tmp_path / "answers.json").write_text(json.dumps(list(audited["exposure"].answers)))
    lines = printed(tmp_path).splitlines()
    assert len(lines) == 2 * len(audited["exposure"].answers)
    assert lines[0].split(": ")[0] in (HOLDS, FAILS, UNDECIDED)


def test_the_page_and_its_headline_have_every_verdict(audited, tmp_path):
    for name, entry in audited.items():
        write_json(tmp_path / "data" / name / "answers.json", entry.answers)
        for table, frame in entry.tables.items():
            write_csv(tmp_path / "data" / name / f"{table}.csv", frame)
    params, settings = toys()
    report.audits(params, settings, answers=tmp_path / "data", headline=tmp_path / "audits.json", out=tmp_path)
    rows = json.loads((tmp_path / "audits.json").read_text())
    assert [row["says"] for row in rows] == [answer["says"] for entry in audited.values() for answer in entry.answers]
    text = (tmp_path / "audits.md").read_text()
    assert "NaN" not in text
    assert evidence.audits(rows).splitlines()[2] in evidence.audits(rows[:1])
    assert (tmp_path / "audits.html").stat().st_size < 2_000_000


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("exposure", "objective", "law", "audits: unknown method 'regmix_law'"),
        ("order", "random", 40, "audits: random = 40: the swarm has 4; lower it"),
        ("order", "objectives", ["news"], "audits: objectives: the rounds proposed 0 mixtures for news, and 4 are"),
        ("worst_mixture", "objectives", ["fiction"], "audits: unknown objective 'fiction'"),
        ("domain_count", "merged", {"x": [["news"], ["law"]]}, "audits: merged.x: must have every trained domain once"),
        ("finer", "parts", {"a": {"of": "news"}, "b": {"of": "x"}}, "audits: parts.b: of = x: must be a trained"),
        ("phases", "tokens", {"fiction": 10}, "audits: tokens: unknown domain 'fiction'"),
        ("order", "sizes", {"odd": {"recipe.speed": 1}}, "audits: sizes.odd"),
        ("order", "least", 2.0, "ablations/params.yaml: audits.order.least = 2.0"),
        ("order", "kind", "nothing", "audits.order.kind: 'nothing' is not one of"),
    ],
)
def test_a_bad_option_is_one_line(pipeline, tmp_path, name, key, value, message):
    params, settings = toys()
    values = settings.model_dump()
    values["audits"][name][key] = value
    with pytest.raises(InputError) as error:
        audit(params, parse_ablations(values), name=name, **pipeline, out=tmp_path / "out")
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()


def test_segments_keep_their_lengths_in_another_order():
    schedule = Schedule(("a", "b"), np.array([0.0, 0.2, 0.7]), np.array([[1.0, 0], [0, 1], [0.5, 0.5]]))
    backwards = reordered(schedule, np.array([2, 1, 0]))
    np.testing.assert_allclose(backwards.knots, [0, 0.3, 0.8])
    np.testing.assert_allclose(backwards.mixtures, schedule.mixtures[::-1])
    np.testing.assert_allclose(backwards.used(), schedule.used())


def test_verdicts_are_what_the_intervals_say():
    def spread(low: float, high: float) -> Spread:
        return Spread((low + high) / 2, 0.1, 4, low, high)

    assert Answer.below("x", {"a": spread(-2, -1)}).verdict == HOLDS
    assert Answer.below("x", {"a": spread(-2, -1), "b": spread(-1, 1)}).verdict == UNDECIDED
    assert Answer.below("x", {"a": spread(-2, -1), "b": spread(1, 2)}).verdict == FAILS
    assert Answer.below("x", {"a": spread(-1, 0.005)}, margin=0.01).verdict == HOLDS
    undefined = Answer.below("x", {"a": spread(float("nan"), float("nan"))})
    assert (undefined.verdict, undefined.why) == (UNDECIDED, "an interval is not defined")
    assert Answer.above("x", [], 0, "share", "mixtures").why == "nothing could be measured"
    share = [Measured("a", 0.9, 0.85, 0.95, 16)]
    assert Answer.above("x", share, 0.8, "share", "mixtures").verdict == HOLDS
    assert Answer.above("x", share, 0.96, "share", "mixtures").verdict == FAILS
    assert Answer.above("x", share, 0.9, "share", "mixtures").why == "an interval has 0.9 in it"
