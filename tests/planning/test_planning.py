"""The plan: FLOPs by hand, the papers' totals, the runs that the pipeline trains, rates, what is done already."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch.func import functional_call

from profiles import plan, progress, switch
from profiles.table import rows
from regmix import params as schema
from regmix.core.errors import InputError
from regmix.core.model_shape import ModelShape
from regmix.corpus.tokens.token_files import dtype_for
from regmix.corpus.tokens.token_writer import write_tokens
from regmix.engine.compute.pytorch.module import DTYPES, Transformer
from regmix.engine.machine import Machine
from regmix.engine.run import Result, Run, Setup
from regmix.engine.store import rates
from regmix.engine.store.keys import run_key
from regmix.engine.store.runs import RunStore
from regmix.params import Params
from regmix.planning import device_rates, memory, planner
from regmix.planning.disk import disk
from regmix.planning.feasibility import Text, infeasible, planned_runs
from regmix.planning.stage_work import StageWork
from tests.paths import ROOT

TEXT = (ROOT / "tests/fixtures/params.yaml").read_text()
TINY = ModelShape(layers=1, heads=1, width=2, ffn=3, context=4, vocab=5)
PAPER_1M = ModelShape(2, 8, 256, 512, 2048, 50432)
PAPER_1B = ModelShape(22, 16, 2048, 5632, 2048, 50432)


@functools.cache
def profile(name: str) -> Params:
    return schema.parse(yaml.safe_load(switch.apply(TEXT, name, replace=True)[0]))


def edited(name: str, **values: Any) -> Params:
    """A profile with values at dotted keys, whose dots are written __."""
    dotted = {key.replace("__", "."): value for key, value in values.items()}
    return schema.parse(yaml.safe_load(switch.switch(switch.apply(TEXT, name, replace=True)[0], dotted, "test")))


def abundant(params: Params, tokens: int = 10**12) -> Text:
    names = params.corpus.domains
    return Text(dict.fromkeys(names, tokens), dict.fromkeys(names, tokens), 4.0 * tokens, "a test", True)


def work(runs: int = 1, shape: ModelShape = TINY, **more: Any) -> StageWork:
    sizes = {"trained": 10.0, "evaluated": 6.0, "scored": 3.0, "weights": False, "precision": "fp32", "step": 8} | more
    return StageWork(stage="s", part="p", runs=runs, new=runs, shape=shape, **sizes)


def test_flops_by_hand():
    # Body: q, k, v and o of 2 x 2, gate, up and down of 2 x 3, two norms of 2, and the last norm of 2.
    assert TINY.body == 4 * 4 + 3 * 6 + 2 * 2 + 2 == 40
    tokens = 10 + (6 + 3) / 3
    assert work().flops() == {
        "body": tokens * 6 * 40,
        "attention": tokens * (6 * 40 + 12 * 2 * 4),
        "full": tokens * (6 * 40 + 12 * 2 * 4 + 6 * 5 * 2),
    }


def machine(**change) -> Machine:
    values = {"processes": 2, "stack": 2, "checkpoint_seconds": 20, "sharded": 0, "device": "cpu"} | change
    return Machine.model_validate(values | {"launcher": {"kind": "local"}})


def test_memory_by_hand():
    full, two, on_gpu = work(runs=5), machine(), machine(device="cuda")
    training, half = full.training(two), work(runs=5, precision="bf16").training(two)
    assert training.state == 16 * 60
    assert half.state == 18 * 60
    assert training.activations == 4 * 8 * (19 * 2 + 4 * 3 + 4) + 4 * 8 * 5
    assert half.activations == 8 * (2 * 32 + 4 * 3 * 2 + 12 * 2) + 12 * 8 * 5
    # Stacks of at most 2 over 2 processes: 5 runs make 4 stacks, two of which train at one time.
    assert full.stack(processes=2, stack=2) == 2
    # The runs of a stack take turns; in a GPU's graph their activations stand side by side.
    # A step of 16 tokens a stack is read 32 at a time, of one run's 8 as well.
    read = 2 * 16 * 32 * 16
    assert full.memory(two) == 4 * training.state + 2 * training.activations + read
    assert work(runs=5, precision="bf16").memory(two) == 4 * half.state + 2 * half.activations + read
    gpu = full.training(on_gpu)
    assert gpu.state == 20 * 60
    assert full.memory(on_gpu) == 4 * (gpu.state + gpu.activations) + read
    # Shared by 4, a target is in parts, but for its largest: the layer, above embedding, head and last norm.
    target, shared = dataclasses.replace(full, target=True), machine(sharded=4)
    assert target.training(shared).state == 16 * 60 // 4 + 8 * (4 * 4 + 3 * 6 + 2 * 2)
    part = target.training(shared)
    assert target.memory(shared) == 4 * (part.state + part.activations + 16 * 32 * 8)
    assert full.memory(shared) == full.memory(two)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_activations_of_a_pass_are_about_what_torch_keeps(precision):
    shape, rows = ModelShape(3, 4, 64, 160, 128, 256), 16
    model = Transformer(shape, torch.device("cpu"), DTYPES[precision])
    weights = {name: torch.randn(size).mul_(0.02).requires_grad_() for name, (size, _) in shape.tensors().items()}
    saved = {}

    def keep(value):
        saved[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        out = functional_call(model, weights, (torch.randint(0, 256, (rows, 129)), torch.ones(rows)))
    own = sum(saved.pop(value.untyped_storage().data_ptr(), 0) for value in weights.values())
    assert out is not None
    assert own > 0
    training = memory.Training(shape, rows * shape.context, precision, "cuda")
    logits = training.activations - dataclasses.replace(training, shape=dataclasses.replace(shape, vocab=0)).activations
    assert training.activations - logits == pytest.approx(sum(saved.values()), rel=0.15)


@pytest.mark.parametrize(("runs", "factor"), [(1, 2.0), (2, 1.0), (5, 1.2), (6, 1.0)])
def test_a_process_without_a_run_waits(runs, factor):
    assert work(runs=runs).idle(2) == pytest.approx(factor)


def test_the_paper_profile_is_the_papers_setting():
    params = profile("paper")
    assert planner.model(params.proxy, 50432) == PAPER_1M
    assert planner.model(params.target, 50432) == PAPER_1B
    assert len(params.corpus.trained) == 17
    # Published as 1000 and 25,000 steps of 512 x 2048 tokens and called 1B and 25B: 4.9 % more than these.
    assert params.proxy.train_tokens == 1000 * 512 * 2048 == pytest.approx(1e9, rel=0.05)
    assert params.target.train_tokens == 25_000 * 512 * 2048 == pytest.approx(25e9, rel=0.05)
    todo = planner.works(params, 50432, abundant(params))
    random = [w for w in todo if w.stage == "swarm_train" and w.part.startswith("random")]
    assert sum(w.runs for w in random) == 512
    assert sum(w.trained for w in random) == pytest.approx(512e9, rel=0.05)
    assert [w.runs for w in todo if w.part == "heldout"] == [256]
    targets = [w for w in todo if w.stage == "target_train"]
    assert {w.trained for w in targets} == {25_000 * 512 * 2048}
    # The paper's estimate for its swarm is 3.5e18 FLOPs. Table 9's shape has 1.31M parameters where the paper says
    # "1M", and 1000 steps are 1.05B tokens: 6 x 1.31e6 x 512 x 1.05e9, a fifth above it.
    body = sum(PAPER_1M.flops()["body"] * w.trained for w in random)
    assert body == pytest.approx(6 * 1.312e6 * 512 * 1.0486e9, rel=1e-3)
    assert 1.15 < body / 3.5e18 < 1.25


def test_trajectories_are_counted_as_the_engine_evaluates_them():
    params = profile("laptop")
    names = list(params.corpus.domains)
    v, context = params.proxy.validation, params.proxy.shape.context
    full = len(names) * (v.final_tokens + (v.logged - 1) * v.logged_tokens)
    assert planner.evaluated(params.proxy, names, None) == full
    scarce = Text(dict.fromkeys(names, 1000), dict.fromkeys(names, 2 * context + 1), 0, "a test", True)
    rng = np.random.default_rng(0)
    tokens = {name: rng.integers(0, 300, 2 * context + 1).astype(np.uint16) for name in names}
    setup = Setup(params.proxy, 300, tokens, tokens)
    windows = sum(len(w) + (v.logged - 1) * len(setup.logged[name]) for name, w in setup.windows.items())
    assert planner.evaluated(params.proxy, names, scarce) == windows * context


def test_what_methods_train_is_counted_once():
    params = profile("laptop")
    todo = planner.works(params, 1024, abundant(params))
    works = {(w.stage, w.part): w for w in todo}
    doremi, ppl = works["target_schedule", "doremi"], works["target_schedule", "ppl"]
    assert (doremi.runs, doremi.trained) == (6, 6 * params.proxy.train_tokens)  # three plans
    assert doremi.scored == 3 * params.proxy.train_tokens
    assert (ppl.runs, ppl.scored) == (1, 1_000_000)
    # Two seeds of two mixtures for the exponent, which are the first runs of these methods' targets as well.
    assert works["target_schedule", "regmix_d_online"].runs == 4
    assert works["target_train", "natural"].new == works["target_train", "uniform"].new == params.target.seeds - 2
    assert works["target_train", "odm"].new == works["target_train", "odm"].runs == params.target.seeds
    assert ("target_schedule", "regmix_d_online") not in {
        (w.stage, w.part) for w in planner.works(profile("paper"), 50432, None)
    }


def test_proxies_scored_on_tasks_keep_their_weights():
    values = profile("laptop").model_dump()
    plain = planner.works(schema.parse(values), 1024, None)
    values["objectives"]["qa"] = {"tasks": {"heldout_last_word_news": 1, "heldout_continuation_news": 1}}
    scored = planner.works(schema.parse(values), 1024, None)
    for stage in ("swarm_train", "swarm_round", "mixture_confirm"):
        before, after = ([w for w in works if w.stage == stage] for works in (plain, scored))
        assert not any(w.weights or w.scored for w in before)
        assert all(w.weights and w.scored == w.runs * 2 * 32 * 42 for w in after)  # tasks, items, tokens


def test_the_plan_counts_the_runs_that_the_pipeline_has_trained():
    params = profile("laptop")
    corpus = progress.text_of(params, ROOT)
    locked = yaml.safe_load((ROOT / "target/dvc.lock").read_text())["stages"]
    values = schema.Params.load(ROOT / "params.yaml")
    tables = (ROOT / f"data/{stage}/mixtures.csv" for stage in ("swarm_sample", "mixture_confirm"))
    if corpus is None or values != params or not all(table.is_file() for table in tables):
        pytest.skip("no run of the laptop profile here")
    todo = planner.works(params, corpus[1], corpus[0])
    targets = locked.get("target_schedule", {}).get("params", {}).get("params.yaml", {}).get("target", {})

    def listed(path: str) -> int:
        return len((ROOT / "data" / path / "mixtures.csv").read_text().splitlines()) - 1

    assert sum(w.runs for w in todo if w.stage == "swarm_train") == listed("swarm_sample")
    assert sum(w.runs for w in todo if w.stage == "mixture_confirm") == listed("mixture_confirm")
    for work in todo:
        if work.stage == "target_train" and targets.get("seeds") == params.target.seeds:
            assert work.runs == listed(f"target_train/{work.part}")


def test_an_infeasible_bound_is_reported_with_the_plan(capsys):
    params = edited("paper", constraints__max_epochs=0.001)
    text = plan.pile(params, ROOT / plan.PILE)
    assert text is not None
    assert not text.exact
    assert "constraints.max_epochs = 0.001: the bounds of all domains sum to" in str(infeasible(params, text))
    assert infeasible(profile("paper"), text) is None
    assert plan.pile(profile("laptop"), ROOT / plan.PILE) is None
    # Half of the Pile is Pile-CC, PubMed Central and arXiv; a byte of it has about 0.29 tokens.
    assert sum(text.train.values()) == pytest.approx(0.999 * 0.29 * 942 * 2**30, rel=0.02)


@pytest.fixture
def root(tmp_path) -> Path:
    """A repository with the frozen settings and a measurement, of which nothing has run."""
    (tmp_path / "params.yaml").write_text(switch.apply(TEXT, "laptop", replace=True)[0])
    for part in ("corpus", "dvc.yaml", "profiles", "published", "target"):
        (tmp_path / part).symlink_to(ROOT / part)
    rate = {"shape": vars(TINY), "tokens_a_step": 8, "engine_tokens_a_second": 1e6}
    machine = {"cpu": "a processor", "cores": 2}
    results = {
        "machines": {"swarm_against_transformers": machine, "stages": machine},
        "swarm_against_transformers": [rate],
        "stages": {"profile": None, "seconds": 90},
    }
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/results.json").write_text(json.dumps(results))
    return tmp_path


@pytest.mark.parametrize("name", [None, "laptop", "smoke", "scarce", "campus", "paper"])
def test_every_profile_can_be_planned(name, root, capsys, monkeypatch):
    monkeypatch.setattr(progress, "stale_stages", lambda root: None)
    assert plan.main(name, [], root / "plan.json", root) == 0
    shown, value = capsys.readouterr().out, json.loads((root / "plan.json").read_text())
    stages = list(progress.stages(ROOT))
    assert [row["stage"] for row in value["rows"]] == [*stages, "total"]
    assert all(line.split()[0] in shown for line in stages)
    assert "here (measured)" in shown
    assert "h800 (published)" in shown
    assert "h100 (measured)" in shown
    assert ("the whole pipeline took 1.5 min on a processor, 2 cores" in shown) == (name in (None, "laptop"))


def test_every_audit_is_planned_by_its_own_numbers(root, capsys):
    (root / "ablations").mkdir()
    settings = yaml.safe_load((ROOT / "tests/fixtures/ablations.yaml").read_text())
    (root / "ablations/params.yaml").write_text(yaml.safe_dump(settings))
    assert plan.audits([], root) == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()[1:]}
    assert set(lines) >= set(settings["audits"])
    exposure = settings["audits"]["exposure"]
    assert int(lines["exposure"][1]) == 3 * exposure["seeds"] * len(exposure["methods"])
    counts = [int(lines[name][1]) for name in settings["audits"] if len(lines[name]) > 1]  # one trains nothing
    assert int(lines["total"][1]) == sum(counts)


@pytest.mark.parametrize("results", [None, "{", "{}", '{"stages": {"profile": "paper", "seconds": 1}}'])
def test_without_a_measurement_of_the_pipeline_the_plan_compares_with_none(results, tmp_path):
    point = device_rates.Point(TINY, 8, 100.0, "fp32", "measured", "a test")
    device = device_rates.Device("d", "", 2, [point])
    table = rows(machine(), ["s"], [work(runs=2)], {}, [device], {}, None)
    if results is not None:
        (tmp_path / "results.json").write_text(results)
    assert plan.against_measured(table[0], [device], tmp_path / "results.json") == []


def test_hours_are_tokens_over_the_rate():
    point = device_rates.Point(TINY, 8, 100.0, "fp32", "measured", "a test")
    device = device_rates.Device("d", "", 2, [point])
    (row,) = rows(machine(), ["s"], [work(runs=2)], {}, [device], {("s", "p"): 1}, {"s"})
    assert row.hours["d"] == pytest.approx(13 / 100 / 3600)
    assert (row.stored, row.done, row.far["d"]) == (1, False, False)


def test_rates_are_met_where_given_and_interpolated_in_between(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    shutil.copy(ROOT / "tests/fixtures/results.json", tmp_path / "benchmarks")
    devices = device_rates.load(ROOT / "profiles/devices.yaml", tmp_path)  # the checkout's own runs have rates too
    h800 = devices["h800"]
    assert h800.speed(PAPER_1M, 2**20) == pytest.approx(583e3, rel=0.001)
    assert 8 * h800.speed(PAPER_1B, 2**20) * 21.77 * 3600 == pytest.approx(25_000 * 2**20)
    between = ModelShape(10, 8, 768, 1536, 2048, 50432)
    achieved = [h800.speed(shape, 2**20) * shape.flops()["full"] for shape in (PAPER_1M, between, PAPER_1B)]
    assert achieved == sorted(achieved)
    assert h800.near(PAPER_1M, "bf16")
    assert not h800.near(PAPER_1M, "fp32")
    assert not devices["here"].near(PAPER_1B, "fp32")
    measured = json.loads((ROOT / "tests/fixtures/results.json").read_text())["swarm_against_transformers"]
    for row in measured:
        speed = devices["here"].speed(ModelShape(**row["shape"]), row["tokens_a_step"])
        assert speed == pytest.approx(row["engine_tokens_a_second"])
    assert {name: device.origin for name, device in devices.items()} == {
        "here": "measured", "h800": "published", "h100": "measured",
    }  # fmt: skip


def test_a_device_without_a_rate_and_an_unknown_one_are_named(tmp_path):
    path = tmp_path / "devices.yaml"
    path.write_text("bare: {about: nothing, processes: 1, engine: null, rates: []}\n")
    with pytest.raises(InputError, match=r"devices\.bare\.rates: none; add one, with its origin and source"):
        device_rates.load(path, tmp_path)["bare"].speed(TINY, 8)
    path.write_text("bare: {about: nothing, processes: 0, engine: null, rates: []}\n")
    with pytest.raises(InputError, match=r"devices\.yaml: devices\.bare\.processes = 0"):
        device_rates.load(path, tmp_path)
    path.write_text("here: {about: x, processes: 1, engine: absent.json, rates: []}\n")
    with pytest.raises(InputError, match=r"absent\.json: contains no engine rates .*; run `make bench`"):
        device_rates.load(path, tmp_path)
    with pytest.raises(InputError, match=r"--device abacus: not in profiles/devices\.yaml; use one of here, h8"):
        plan.main(None, ["abacus"], None, ROOT)
    with pytest.raises(InputError, match=r"PROFILE=pepar: unknown profile; use one of"):
        plan.main("pepar", [], None, ROOT)


def test_runs_in_the_store_are_counted(tmp_path):
    params = schema.parse(yaml.safe_load(TEXT))
    vocab, rng = 300, np.random.default_rng(0)
    sizes = {"train": 60_000, "valid": 5_000}
    for name in params.corpus.domains:
        folder = tmp_path / "data/corpus_tokenize" / name
        folder.mkdir(parents=True)
        sides = {}
        for side, size in sizes.items():
            write_tokens(folder / f"{side}.bin", [rng.integers(0, vocab, size)], vocab)
            sides[side] = {"tokens": size, "documents": 1, "chars": 3 * size}
        meta = {"domain": name, "dtype": dtype_for(vocab).name, "fingerprint": "f", "vocab": vocab, "eos": 0, **sides}
        (folder / "meta.json").write_text(json.dumps(meta))
    (tmp_path / "data/corpus_tokenize/domains.json").write_text(json.dumps({"all": list(params.corpus.domains)}))
    sizes_there = progress.text_of(params, tmp_path)
    assert sizes_there is not None
    text, entries = sizes_there
    assert (entries, text.train["news"], text.chars) == (vocab, 60_000, 12 * 3 * 65_000)
    assert set(progress.stored(params, tmp_path, set()).values()) == {0}

    from regmix.corpus.tokens.tokenized import open_corpus

    corpus = open_corpus(tmp_path / "data/corpus_tokenize", params.corpus.trained)
    setup = Setup(params.proxy, vocab, corpus.train, corpus.valid)
    store = RunStore(tmp_path / ".runs")
    for run in planned_runs(params, text)["random-0"][:3]:
        key = run_key(setup, Run(run.name, run.schedule, run.seed), corpus.digest)
        store.finish(key, Result({}, [], run.schedule, {}, {}), weights=False)
    stored = progress.stored(params, tmp_path, set())
    assert stored["swarm_train", "random-0"] == 3
    assert sum(stored.values()) == 3
    assert progress.text_of(params, tmp_path / "elsewhere") is None
    assert progress.stored(params, tmp_path / "elsewhere", set()) == {}


def test_what_follows_on_a_stale_stage_will_run():
    pipeline = {
        "fetch": {"cmd": "a", "outs": ["data/fetch"]},
        "extract": {"matrix": {"item": "${domains}"}, "deps": ["regmix/x.py", "${item.path}"]},
        "train": {"foreach": "${parts}", "do": {"deps": ["data/extract/${key}"]}},
        "evaluate": {"deps": ["data/train"]},
        "other": {"deps": ["data/fetched"]},
    }
    assert progress.unfinished(pipeline, set()) == set()
    assert progress.unfinished(pipeline, {"train@odm"}) == {"train", "evaluate"}
    assert progress.unfinished(pipeline, {"corpus_fetch"}) == {"corpus_fetch", "extract", "train", "evaluate"}
    assert set(progress.stages(ROOT)) >= {"swarm_train", "target_train", "report"}


def test_a_method_says_what_it_trains_beforehand():
    params = edited("laptop", target__seeds=1, target__methods={
        "again": {"kind": "natural"},
        "doremi": {"kind": "doremi", "reference": "prior", "step_size": 1.0, "smoothing": 1e-3, "rounds": 3, "plans": 2,
                   "seed": 0},
        "ppl": {"kind": "ppl", "low": 0.2, "high": 0.7, "tokens": None, "score_tokens": 64, "seed": 0},
    })  # fmt: skip
    (doremi,) = planner.preparations(params, None)["doremi"]
    assert (doremi.runs, doremi.scored, doremi.written) == (12, 6 * params.proxy.train_tokens, 0)
    (ppl,) = planner.preparations(params, None)["ppl"]
    assert np.isnan([ppl.scored, ppl.written]).all()
    text = abundant(params, 1000)
    (ppl,) = planner.preparations(params, text)["ppl"]
    tokens = 1000 * len(params.corpus.domains)
    assert (ppl.runs, ppl.scored, ppl.written) == (1, tokens, pytest.approx(0.5 * tokens))
    assert "again" not in planner.preparations(params, text)
    assert disk(params, 300, text, [])["target_schedule"] == pytest.approx(2 * 0.5 * tokens)


def test_the_rates_of_stored_runs_stand_for_this_machine_and_those_of_another_do_not(tmp_path):
    training = schema.parse(yaml.safe_load(TEXT)).proxy
    text = {"a": np.zeros(5000, np.uint16), "b": np.zeros(700, np.uint16)}
    setup = Setup(training, 64, text, text)
    rates.record(tmp_path / ".runs", setup, 10, 1e6, 2, rates.SHORT / 2)  # too short to count
    assert rates.read(tmp_path / ".runs") == []
    (tmp_path / ".runs").mkdir()
    for seconds in (100, 300):
        rates.record(tmp_path / ".runs", setup, 10, 1e6, 2, seconds)
    (row,) = rates.read(tmp_path / ".runs")
    windows = 4096 // 128 + 5 * (1024 // 128) + 5 + 5 * 5
    assert row["tokens"] == pytest.approx(2 * 10 * (1e6 + windows * 128 / 3))
    path = tmp_path / "devices.yaml"
    path.write_text("here: {about: another, processes: 2, engine: results.json, rates: []}\n")
    fixture = (ROOT / "tests/fixtures/results.json").read_text()
    (tmp_path / "results.json").write_text(fixture)
    here = device_rates.load(path, tmp_path)["here"]
    assert here.speed(setup.shape, row["step"]) == pytest.approx(row["tokens"] / 400)
    assert here.about.startswith("this machine")
    (tmp_path / ".runs/rates.json").write_text(json.dumps([row | {"cpu": "another"}]))
    assert device_rates.load(path, tmp_path)["here"].about == "another"
    (tmp_path / ".runs/rates.json").write_text("{")
    assert device_rates.load(path, tmp_path)["here"].about == "another"
