"""Faults put into params.yaml, many together: each must be one line that starts with its key, and no line more."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from regmix import params as schema
from regmix.checks import plug_ins
from regmix.core.errors import Faults
from regmix.core.files import parse_yaml
from regmix.core.objective import Objective
from regmix.core.runs import LossParts
from regmix.mixture import optima
from regmix.mixture.from_settings import search
from regmix.mixture.refits import resamples
from regmix.regression.interface import TooFewRuns, bind
from regmix.sampling.rules import Rules
from stages import params_check
from stages.common import run
from tests.paths import ROOT

TEXT = (ROOT / "tests/fixtures/params.yaml").read_text(encoding="utf-8")
ABSENT = object()
ROUND = {"follows": "data/swarm_collect", "proposals": 2, "acquisition": "bootstrap", "objectives": ["reviews"]}

CHECKS = (*plug_ins.CHECKS, params_check.texts, params_check.tokenizers)

# The edits, by key, and the faults: the start of the line, which is the key, and a part of it.
SCHEMA = (
    {
        "words": 1,
        "corpus.workers": "2",
        "corpus.domains.news.path": "a\nb",
        "tokenizer.source": " ",
        "objectives.huge": {"news": 1e308},
        "objectives.some": {"news": True},
        "objectives.mild": {"mean": {"code": 1}},
        "objectives.dire": {"worst": [1]},
        "objectives.vague": "all",
        "proxy.shape.width": 33,
        "proxy.recipe.betas": [0.9, True],
        "swarm.per_shard": 10**30,
        "swarm.heldout": 10**9,
        "mixture.candidates": 10**9,
        "swarm.shards": ["random-0", "random-00", "random-٣"],
        "regression.bootstrap": 1,
        "regression.interval": 1.0,
        "regressors": {},
        "mixture.ensemble": [],
        "mixture.fronts.points": 10**12,
        "trajectory.regressors": [],
        "trajectory.granularities": [],
        "target.validation.logged_tokens": 5000,
        "evaluation.shots": [],
        "machine.launcher": ABSENT,
    },
    [
        ("words: ", "unknown key; remove it"),
        ("corpus.workers = '2': ", "valid integer"),
        ("objectives.some.news = True: ", "valid number"),
        ("objectives.mild.within: ", "missing; add it"),
        ("objectives.dire.worst.0 = 1: ", "valid string"),
        ("objectives.vague = 'all': ", "'trained'"),
        ("proxy.shape.width = 33: ", "multiple of 2 x heads (4)"),
        ("proxy.recipe.betas.1 = True: ", "valid number"),
        ("swarm.per_shard = 1000000000000000000000000000000: ", "less than or equal to 100000"),
        ("swarm.heldout = 1000000000: ", "less than or equal to 100000"),
        ("corpus.domains.news.path = 'a\\nb': ", "has a line break or another control character; remove it"),
        ("tokenizer.source = ' ': ", "is empty; give some text"),
        ("objectives.huge.news = 1e+308: ", "less than or equal to 1000000000000000"),
        ("swarm.shards.1 = 'random-00': ", "match pattern"),
        ("swarm.shards.2 = 'random-٣': ", "match pattern"),
        ("regression.bootstrap = 1: ", "greater than or equal to 2"),
        ("regression.interval = 1.0: ", "less than 1"),
        ("mixture.candidates = 1000000000: ", "less than or equal to 100000000"),
        ("regressors: ", "at least 1 item"),
        ("mixture.ensemble = []: ", "at least 1 item"),
        ("mixture.fronts.points = 1000000000000: ", "less than or equal to 1000"),
        ("trajectory.regressors = []: ", "at least 1 item"),
        ("trajectory.granularities = []: ", "at least 1 item"),
        ("target.validation.logged_tokens = 5000: ", "must not exceed final_tokens (4096)"),
        ("evaluation.shots = []: ", "at least 1 item"),
        ("machine.launcher: ", "missing; add it"),
    ],
)
WITHIN = (
    {
        "swarm.shards": ["random-0", "anchors", "random-0"],
        "swarm.repeats.mixtures": 49,
        "swarm.rounds": {
            "lost": ROUND | {"follows": "data/swarm_round/nowhere"},
            "own": ROUND | {"follows": "data/swarm_round/own"},
            "egg": ROUND | {"follows": "data/swarm_round/hen"},
            "hen": ROUND | {"follows": "data/swarm_round/egg"},
            "led": ROUND | {"follows": "data/swarm_round/own"},
        },
        "swarm.learn_from": "data/swarm_round/second",
        "mixture.ensemble": ["gp", "gp"],
        "mixture.top_k": 20_001,
        "regressors.ridge.alphas.points": 10**12,
        "proxy.validation.logged": 241,
    },
    [
        ("swarm.shards: ", "repeats 'random-0'; name it once"),
        ("swarm.repeats.mixtures = 49: ", "must not exceed heldout (48)"),
        ("swarm.rounds.lost.follows: ", "unknown round 'data/swarm_round/nowhere'; use one of data/swarm_collect, "),
        ("swarm.rounds.own.follows = data/swarm_round/own: ", "it follows itself; use data/swarm_collect"),
        ("swarm.rounds.egg.follows = data/swarm_round/hen: ", "it follows itself"),
        ("swarm.rounds.hen.follows = data/swarm_round/egg: ", "it follows itself"),
        ("swarm.learn_from: ", "unknown round 'data/swarm_round/second'; use one of data/swarm_collect, "),
        ("mixture.ensemble: ", "repeats 'gp'"),
        ("mixture.top_k = 20001: ", "must not exceed candidates (20000)"),
        ("mixture.top_k = 20001: ", "must not exceed refits.candidates (5000)"),
        ("regressors.ridge.alphas.points = 1000000000000: ", "less than or equal to 1000"),
        ("proxy.validation.logged = 241: ", "must not exceed recipe.steps (240)"),
    ],
)
# One section is malformed here, and the others' faults are found all the same.
BETWEEN = (
    {
        "tokenizer.vocab_size": 2,
        "corpus.validation_only": ["reviews", "reviews", "gone"],
        "corpus.domains.law.shingle": True,
        "corpus.domains.parliament.delimiter": ";;",
        "corpus.domains.drama.path": "no/such/folder",
        "objectives.none": {},
        "objectives.odd": {"nowhere": 1},
        "objectives.dire": {"worst": ["law", "law", "reviews"]},
        "objectives.exam": {"tasks": {"heldout_last_word_news": 1, "heldout_essay_news": 1}},
        "mixture.fronts.pairs": [["reviews", "nobody"], ["news", "news"]],
        "evaluation.last_word": ["news", "news", "nowhere"],
        "evaluation.shots": [0, 0],
        "swarm.rounds.third": ROUND
        | {"follows": "data/swarm_round/second", "proposals": 60, "objectives": ["nothing"]},
        "swarm.learn_from": "data/swarm_round/second",
        "swarm.shards": ["random-0", "switched-0", "anchors"],
        "swarm.switches": 6,
        "mixture.refits.candidates": 50,
        "mixture.ensemble": ["oracle", "ridge", "hungry"],
        "regression.folds": 49,
        "machine.processes": 10**6,
        "regressors.gp.starts": 0,
        "regressors.strange": {"kind": "strange"},
        "regressors.hungry": {"kind": "lightgbm", "trees": 9, "lr": 0.1, "leaves": 4, "min_rows": 200, "bags": 0},
        "trajectory.objective": "nothing",
        "trajectory.granularities": [5, 6, 5],
        "trajectory.regressors": ["gp_log", "hungry", "gp_log", "oracle"],
        "target.methods.natural": ABSENT,
        "target.methods.uniform": {"kind": "even"},
        "target.methods.odm.warmup": True,
        "target.methods.ppl.score_tokens": 129,
        "target.methods.regmix_news.objective": "nothing",
        "target.methods.objective_only.objective": "reviews",
        "target.methods.one_shot_skills.proxies": 39,
        "target.methods.one_shot_worst.top_k": 1_000_001,
        "target.methods.regmix_d_offline.granularity": 6,
        "target.methods.regmix_d_offline.kinds": [],
        "target.methods.regmix_d_offline.regressor": "gp",
        "target.methods.one_shot_reviews.regressor": "oracle",
        "target.methods.regmix_d_online.regressor": "hungry",
        "target.methods.regmix_d_online.kinds": ["random"],
        "machine.sharded": 9,
        "machine.launcher": {"kind": "cloud"},
    },
    [
        ("machine.processes = 1000000: ", "more than 1024 processes; lower it"),
        ("tokenizer.vocab_size = 2: ", "greater than or equal to 257"),
        ("corpus.validation_only: ", "repeats 'reviews'"),
        ("corpus.validation_only: ", "unknown domain 'gone'; use one of news, "),
        ("corpus.domains.law.shingle = True: ", "valid integer"),
        ("corpus.domains.parliament.delimiter = ';;': ", "at most 1 character"),
        ("corpus.domains.drama.path = no/such/folder: ", "no such file or folder"),
        ("objectives.exam.tasks: ", "unknown task of evaluation 'heldout_essay_news'; use one of heldout_last_word_"),
        ("mixture.fronts.pairs: ", "repeats 'news'"),
        ("mixture.fronts.pairs: ", "unknown objective 'nobody'; use one of reviews, "),
        ("objectives.none = {}: ", "counts no domain or task; name one"),
        ("objectives.odd: ", "unknown domain 'nowhere'; use one of news, "),
        ("objectives.dire.worst: ", "repeats 'law'"),
        ("objectives.dire: ", "unknown domain 'reviews'; use one of news, "),
        ("evaluation.last_word: ", "repeats 'news'"),
        ("evaluation.last_word: ", "unknown domain 'nowhere'"),
        ("evaluation.shots: ", "repeats 0"),
        ("swarm.rounds.third.objectives: ", "unknown objective 'nothing'; use one of reviews, "),
        ("swarm.rounds.third.proposals = 60: ", "more than mixture.refits.candidates (50)"),
        ("swarm.switches = 6: ", "5 logged steps before their last"),
        ("mixture.ensemble: ", "unknown regressor 'oracle'; use one of ridge, "),
        ("mixture.ensemble: ", "ridge is monotone"),
        ("swarm.rounds.second.acquisition: ", "needs a posterior, and ridge in mixture.ensemble has none; use"),
        ("mixture.ensemble: ", "hungry needs 400 runs, and of the 29 at data/swarm_collect (swarm.rounds.second"),
        ("mixture.ensemble: ", "hungry needs 400 runs, and of the 48 at data/swarm_round/second (swarm.rounds.third"),
        ("mixture.ensemble: ", "hungry needs 400 runs, and of the 48 at data/swarm_round/second (swarm.learn_from"),
        ("regression.folds = 49: ", "more than the 48 runs of data/swarm_round/second; lower it"),
        ("regressors.gp.starts = 0: ", "greater than or equal to 1"),
        ("regressors.strange: ", "'strange' is not one of "),
        ("trajectory.objective: ", "unknown objective 'nothing'"),
        ("trajectory.granularities: ", "repeats 5"),
        ("trajectory.granularities = 6: ", "raise proxy.validation.logged to 7"),
        ("trajectory.regressors: ", "repeats 'gp_log'"),
        ("trajectory.regressors: ", "unknown regressor 'oracle'"),
        ("trajectory: ", "no held-out run to test regressors on; add heldout"),
        ("trajectory.regressors: ", "hungry needs 400 rows and at granularity 5 has 225"),
        ("trajectory.regressors: ", "hungry needs 400 rows and at granularity 6 has 270"),
        ("target.methods: ", "no 'natural', with which all methods are compared; add it"),
        ("target.methods.uniform: ", "'even' is not one of "),
        ("target.methods.odm.warmup = True: ", "valid number"),
        ("target.methods.ppl.score_tokens = 129: ", "must not exceed proxy.shape.context (128)"),
        ("target.methods.regmix_news.objective: ", "unknown objective 'nothing'"),
        ("target.methods.objective_only.objective = reviews: ", "none of its domains is trained on"),
        ("target.methods.one_shot_skills.proxies = 39: ", "lightgbm_paper needs at least 40"),
        ("target.methods.one_shot_worst.top_k = 1000001: ", "must not exceed candidates (1000000)"),
        ("target.methods.regmix_d_offline.granularity = 6: ", "must be below proxy.validation.logged (6)"),
        ("target.methods.regmix_d_offline.kinds = []: ", "add a shard"),
        ("target.methods.one_shot_reviews.regressor: ", "unknown regressor 'oracle'; use one of ridge, "),
        ("target.methods.regmix_d_online.regressor = hungry: ", "needs 400 rows, and has 5 for each of 16 runs"),
        ("machine.sharded = 9: ", "must not exceed target.recipe.sequences (8)"),
        ("machine.launcher: ", "'cloud' is not one of "),
    ],
)
WITHOUT_ANCHORS = (
    {
        "swarm.shards": ["heldout"],
        "swarm.rounds": {},
        "swarm.learn_from": "data/swarm_collect",
        "objectives.mild": {"mean": "trained", "within": 0.1},
        "trajectory.regressors": ["ridge"],
    },
    [
        ("swarm.learn_from = data/swarm_collect: ", "no run to learn from; add random-0 or anchors"),
        ("objectives.worst: ", "needs the proxies of the anchors; add them to swarm.shards"),
        ("objectives.mild: ", "needs the proxies of the anchors"),
        ("regression.folds = 5: ", "more than the 0 runs of data/swarm_collect"),
        ("mixture.ensemble: ", "effective_tokens needs 10 runs, and of the 0 at"),
        ("mixture.ensemble: ", "gp_log needs 3 runs, and of the 0 at"),
        ("trajectory.regressors: ", "ridge needs 5 rows and at granularity 5 has 0"),
        ("target.methods.best_single_reviews.kind = best_single: ", "add anchors"),
        ("target.methods.best_single_skills.kind = best_single: ", "add anchors"),
        ("target.methods.best_single_worst.kind = best_single: ", "add anchors"),
        ("target.methods.regmix_d_offline.kinds = ['random', 'anchor']: ", "has no such proxies"),
        ("target.methods.regmix_d_online.kinds = ['random', 'anchor']: ", "has no such proxies"),
    ],
)


def edited(edits: dict[str, Any]) -> dict[str, Any]:
    """The settings with ``edits``."""
    values = parse_yaml(TEXT)
    for key, value in edits.items():
        *parents, last = key.split(".")
        node = values
        for part in parents:
            node = node[part]
        if value is ABSENT:
            del node[last]
        else:
            node[last] = value
    return values


@pytest.fixture
def root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("table", [SCHEMA, WITHIN, BETWEEN, WITHOUT_ANCHORS])
def test_every_fault_is_one_line_that_starts_with_its_key(table, root):
    edits, expected = table
    lines = schema.all_faults(edited(edits), CHECKS)
    for key, part in expected:
        assert len([line for line in lines if line.startswith(key) and part in line]) == 1, (key, part, lines)
    assert len(lines) == len(expected), lines
    assert not any("\n" in line for line in lines)


def test_the_settings_as_they_are_have_no_fault_nor_has_a_round_that_none_learns_from(root):
    assert schema.all_faults(edited({"swarm.rounds.spare": ROUND}), CHECKS) == []


ARCHIVE = {"file": "toy-1.tar.gz", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("key", "name", "entry"),
    [
        ("corpus.archives", "toy\n--index-url=http://elsewhere", ARCHIVE),
        ("corpus.archives", "--index-url", ARCHIVE),
        ("corpus.archives", "toy --pre", ARCHIVE),
        ("corpus.domains", False, parse_yaml(TEXT)["corpus"]["domains"]["news"]),
        ("corpus.domains", "x;touch pwned;", parse_yaml(TEXT)["corpus"]["domains"]["news"]),
    ],
)
def test_a_name_that_could_be_taken_for_something_else_is_one_fault(key, name, entry):
    values = edited({})
    section, _, part = key.partition(".")
    values[section][part][name] = entry
    with pytest.raises(Faults) as error:
        schema.parse(values)
    (line,) = error.value.lines
    assert line.startswith(f"params.yaml: {key}")
    assert line.isprintable()
    assert str(name).split("\n")[0] in line


def test_a_shape_that_fits_no_memory_is_named_before_any_work():
    params = schema.parse(edited({"target.shape.layers": 10**6}))
    (line,) = params_check.memory(params, 8 * 10**9)
    assert line.startswith("target.shape: target_train takes about ")
    assert line.endswith("use a smaller shape or step, fewer machine.processes, or a cluster")
    assert not list(params_check.memory(schema.parse(edited({})), 8 * 10**9))


@pytest.mark.parametrize("values", [None, [], "text"])
def test_a_file_without_sections_is_one_fault(values):
    (line,) = schema.all_faults(values)
    assert "it needs corpus, tokenizer, " in line


def test_the_command_prints_a_line_per_fault_and_the_library_raises_the_first(tmp_path, monkeypatch):
    (tmp_path / "constraints.txt").symlink_to(ROOT / "constraints.txt")
    (tmp_path / "params.yaml").write_text(TEXT.replace("folds: 5   ", "folds: 1   ").replace("items: 32", "items: no"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["params_check"])
    with pytest.raises(SystemExit) as refused:
        run.run(params_check.params_check)
    first, second = str(refused.value.code).splitlines()
    assert first.startswith("error: params.yaml: regression.folds = 1: ")
    assert second.startswith("error: params.yaml: evaluation.items = 'no': ")
    with pytest.raises(Faults, match=r"^params\.yaml: regression\.folds = 1: .* \(and 1 more\)$"):
        schema.Params.load()


@pytest.mark.parametrize("ensemble", [["effective_tokens"], ["effective_tokens", "ridge"]])
def test_an_ensemble_has_too_few_runs_by_its_settings_where_its_fits_raise(ensemble, monkeypatch):
    monkeypatch.setattr(optima, "optimum", lambda *_: np.full(3, 1 / 3))  # the search needs no run
    domains = ["news", "law", "code"]
    shot = {"swarm.rounds": {}, "swarm.learn_from": "data/swarm_collect", "mixture.refits.count": 4}
    refused = []
    for count in range(2, 10):
        params = schema.parse(edited(shot | {"swarm.per_shard": count, "mixture.ensemble": ensemble}))
        regressors = {name: params.regressors[name] for name in ensemble}
        corpus = params.corpus.model_copy(update={"domains": {name: params.corpus.domains[name] for name in domains}})
        faults = [*plug_ins.ensemble_has_runs(corpus, params.mixture, regressors, params.swarm)]
        runs = params.swarm.learnt(params.swarm.learn_from, len(domains))
        assert runs == count + 5
        mixtures = np.random.default_rng(0).dirichlet(np.ones(3), runs)
        losses = {"aim": LossParts(mixtures[:, :1] ** 0.5, Objective.loss("news"))}
        refits = [optima.Refit("aim", rows, 1) for rows in resamples(runs, 4, params.mixture.seed)]
        bound = [bind(name, entry) for name, entry in regressors.items()]
        rules = Rules.around(dict.fromkeys(domains, 1 / 3))
        try:
            optima.optima(optima.Evidence(mixtures, losses, bound, rules, search(params.mixture)), refits)
        except TooFewRuns:
            refused.append(count)
        assert bool(faults) == (count in refused)
    assert 0 < len(refused) < 8


CONSTRAINED = {
    "no such domain": ({"floors": {"reviews": 0.1}}, "constraints.floors: unknown domain 'reviews'; use one of news"),
    "in conflict": (
        {"floors": {"news": 0.7}, "fixed": {"code": 0.4}},
        "constraints: no mixture satisfies floors.news = 0.7 and fixed.code = 0.4; each must give way by 0.05, or "
        "floors.news alone by 0.1",
    ),
    "crossed": ({"floors": {"news": 0.7}, "ceilings": {"news": 0.4}}, "constraints.floors.news = 0.7: above ceilings"),
}


@pytest.mark.parametrize(("changes", "message"), CONSTRAINED.values(), ids=CONSTRAINED)
def test_constraints_are_checked_before_any_work(changes, message):
    faults = schema.all_faults(edited({f"constraints.{key}": value for key, value in changes.items()}))
    assert len(faults) == 1
    assert faults[0].startswith(message)
