"""Constraints of a file bind what is recommended, proposed and exported; mixtures are compared by what was trained."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import regmix as library
from tests.api.test_cli import BEST, run, tables  # noqa: F401  (fixtures)


@pytest.fixture
def ask(run, tables):  # noqa: F811
    """A command on the tables, with the objective said."""

    def asked(name: str, *words: object) -> tuple[int, str, str]:
        common = ("--candidates", 2000, "--objective", "bowl", "--higher", "task_acc")
        return run(name, tables / "ratios.csv", tables / "metrics.csv", *common, *words)

    return asked


PRIOR = "web=6,books=3,code=1"
GROUP = "groups: {rest: {domains: [web, code], at_least: 0.7}}\nfloors: {code: 0.35}\n"


def test_a_recommendation_and_its_proposals_keep_the_file_s_constraints(ask, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(GROUP)
    code, out, err = ask("recommend", "--json", "--constraints", file)
    assert code == 0, err
    value = json.loads(out)
    assert value["weights"]["books"] == pytest.approx(0.3, abs=0.01)  # 0.5 without them
    assert value["weights"]["code"] >= 0.35 - 1e-9
    assert value["constraints"]["floors"] == {"code": 0.35}
    code, _, err = ask("propose", "--count", 4, "--constraints", file, "--out", tmp_path)
    assert code == 0, err
    proposed = pd.read_csv(tmp_path / "proposals.csv")
    assert proposed["books"].max() <= 0.3 + 1e-9
    assert proposed["code"].min() >= 0.35 - 1e-9


def test_a_mixture_that_breaks_its_constraints_is_not_exported(ask, run, tmp_path):  # noqa: F811
    file = tmp_path / "c.yaml"
    file.write_text(GROUP)
    mixture = tmp_path / "mixture.json"
    mixture.write_text(ask("recommend", "--json", "--constraints", file)[1])
    assert run("export", mixture, "--to", "csv", "--out", tmp_path / "good")[0] == 0
    value = json.loads(mixture.read_text())
    mixture.write_text(json.dumps(value | {"weights": {"web": 0.2, "books": 0.5, "code": 0.3}}))
    code, _, err = run("export", mixture, "--to", "csv", "--out", tmp_path / "bad")
    assert code == 1
    assert "the mixture breaks a constraint: groups.rest: 0.5 is below 0.7" in err
    assert not (tmp_path / "bad").exists()
    plain = tmp_path / "plain.json"
    plain.write_text('{"web": 0.5, "books": 0.5}')
    file.write_text("ceilings: {web: 0.4}")
    code, _, err = run("export", plain, "--to", "csv", "--constraints", file, "--out", tmp_path / "bad")
    assert "web has weight 0.5, above its largest of 0.4" in err


def test_a_schedule_of_the_pipeline_is_exported_by_its_tokens(run, tmp_path):  # noqa: F811
    plan = tmp_path / "plan.json"
    mixtures = [{"web": 0.8, "code": 0.2}, {"web": 0.4, "code": 0.6}]
    plan.write_text(json.dumps({"schedule": {"knots": [0.0, 0.75], "mixtures": mixtures}, "facts": {}, "spent": []}))
    code, _, err = run("export", plan, "--to", "json", "--out", tmp_path)
    assert code == 1
    assert "is a schedule, by share of training; give the training's tokens: --tokens 100e9" in err
    code, _, err = run("export", plan, "--to", "json", "--tokens", "1e9", "--out", tmp_path)
    assert code == 0, err
    phases = json.loads((tmp_path / "mixture.json").read_text())["phases"]
    assert [(phase["first_token"], phase["weights"]["code"]) for phase in phases] == [(0, 0.2), (750_000_000, 0.6)]
    limits = tmp_path / "c.yaml"
    limits.write_text("available_tokens: {web: 1000000000, code: 70000000}\n")  # 280 million in four passes, 300 asked
    code, _, err = run("export", plan, "--to", "json", "--tokens", "1e9", "--constraints", limits, "--out", tmp_path)
    assert code == 1
    assert "code has weight 0.3, above its largest of 0.28" in err


BAD = {
    "tokens": ("available_tokens: {web: null, books: 1, code: 1}", "available_tokens.web = None"),
    "no tokens": ("available_tokens: 5", "available_tokens = 5"),
    "huge ratio": ("ratios: [{of: web, to: code, at_least: 1.0e+300}]", "less than or equal to 1000000"),
    "conflict": (
        "floors: {code: 0.5}\ngroups: {g: {domains: [code, web], at_most: 0.4}}",
        "no mixture satisfies floors.code",
    ),
    "typo": ("floor: {code: 0.5}", "floor: unknown key"),
    "empty": ("", "holds no constraints by name"),
    "domain": ("floors: {law: 0.5}", "c.yaml: floors: unknown domain 'law'; use one of web, books, code"),
    "percent": ("floors: {code: 50}", "floors.code = 50"),
    "list": ("- code", "holds no constraints by name"),
    "twice": ("max_epochs: 2", "max_epochs is given by an option too"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_bad_constraints_are_one_line(text, message, ask, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(text)
    code, out, err = ask("recommend", "--max-epochs", 3, "--constraints", file)
    assert code == 1
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1


def test_mixtures_are_compared_with_the_prior_and_with_what_was_trained(ask, tables, tmp_path):  # noqa: F811
    (tmp_path / "good.json").write_text(json.dumps(dict(zip(["web", "books", "code"], BEST, strict=True))))
    seen = pd.read_csv(tables / "ratios.csv").iloc[5]
    (tmp_path / "seen.json").write_text(json.dumps({name: float(seen[name]) for name in ("web", "books", "code")}))
    words = (
        "--mixture",
        tmp_path / "good.json",
        "--mixture",
        tmp_path / "seen.json",
        "--prior",
        "web=6,books=3,code=1",
    )
    code, out, err = ask("compare", *words)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[1].split()[0] == "good"  # the best first
    assert "no; nearest run" in lines[1]
    assert next(line for line in lines if line.startswith("prior")).split()[4] == "–"
    value = json.loads(ask("compare", *words, "--json")[1])
    losses = pd.read_csv(tables / "metrics.csv").set_index("run")["bowl"]
    assert value["seen"]["trained"] == 1
    assert value["seen"]["realised"] == pytest.approx(losses[seen["run"]])
    assert value["good"]["low"] < value["good"]["gain"] < value["good"]["high"]
    assert value["good"]["gain"] == pytest.approx(0.36 * 0.5, abs=0.2)
    (tmp_path / "other.json").write_text('{"law": 1.0}')
    code, _, err = ask("compare", "--mixture", tmp_path / "other.json")
    assert code == 1
    assert "has a weight for 'law', which is in no run" in err


def test_the_interval_of_a_gain_covers_what_a_run_gains():
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(12):
        mixtures = rng.dirichlet([1, 1, 1], 40)
        truth = 3 + ((mixtures - BEST) ** 2).sum(axis=1)
        losses = truth[:38] + rng.normal(scale=0.02, size=38)
        asked = pd.DataFrame(mixtures[38:], columns=["a", "b", "c"])
        table = library.compare_mixtures(pd.DataFrame(mixtures[:38], columns=["a", "b", "c"]), losses, asked)
        gain = truth[38] - truth[39] + rng.normal(scale=0.02 * 2**0.5)
        hits.append(table["low"].iloc[1] <= gain <= table["high"].iloc[1])
    assert sum(hits) >= 10


def test_constraints_are_kept_by_what_is_compared_and_named_by_their_file(ask, tmp_path):
    (tmp_path / "m.json").write_text('{"web": 0.8, "books": 0.1, "code": 0.1}')
    file = tmp_path / "c.yaml"
    file.write_text("ceilings: {web: 0.7}")
    words = ("compare", "--mixture", tmp_path / "m.json", "--constraints", file)
    code, out, err = ask(*words)
    assert code == 0, err
    assert out.splitlines()[0] == "note: m: breaks a constraint: web has weight 0.8, above its largest of 0.7"
    value = json.loads(ask(*words, "--json")[1])
    assert value["prior"]["breaks"] is None
    assert "above its largest" in value["m"]["breaks"]
    file.write_text("ceilings: {web: 0.3, books: 0.3, code: 0.3}")
    code, _, err = ask("recommend", "--constraints", file)
    assert code == 1
    assert err.startswith(f"error: {file}: no mixture satisfies ")


def test_bounds_are_kept_at_export_and_the_only_mixture_can_be_exported(run, tmp_path):  # noqa: F811
    mixture, file = tmp_path / "m.json", tmp_path / "c.yaml"
    words = ("export", mixture, "--to", "csv", "--out", tmp_path)
    mixture.write_text(json.dumps({"weights": {"web": 0.5, "code": 0.5}, "bounds": {"web": 0.4}}))
    code, _, err = run(*words)
    assert code == 1
    assert "web has weight 0.5, above its largest of 0.4" in err
    mixture.write_text(json.dumps({"weights": {"web": 0.5, "code": 0.5}, "bounds": [1]}))
    code, _, err = run(*words)
    assert code == 1
    assert err.startswith(f"error: {mixture}: bounds: holds no numbers by domain")
    mixture.write_text(json.dumps({"weights": {"web": 0.5, "code": 0.5}}))
    file.write_text("fixed: {web: 0.5, code: 0.5}")
    assert run(*words, "--constraints", file)[0] == 0


def test_a_bound_without_a_number_is_not_taken_for_a_file(ask):
    code, _, err = ask("recommend", "--bound", "web")
    assert code == 1
    assert err.startswith("error: --bound: 'web' is neither a file nor NAME=NUMBER")


def test_a_domain_can_be_left_out_and_all_weights_capped(ask, tmp_path):
    file = tmp_path / "c.yaml"
    for text, keeps in (
        ("fixed: {code: 0}", lambda w: w["code"] == 0),
        ("ceilings: {code: 0}", lambda w: w["code"] == 0),
        ("ceilings: {web: 0.35, books: 0.35, code: 0.35}", lambda w: max(w.values()) <= 0.35 + 1e-9),
    ):
        file.write_text(text)
        code, out, err = ask("recommend", "--json", "--constraints", file)
        assert code == 0, err
        assert keeps(json.loads(out)["weights"])


def test_tokens_given_at_export_count_for_the_constraints(ask, run, tmp_path):  # noqa: F811
    mixture = tmp_path / "mixture.json"
    mixture.write_text(ask("recommend", "--json", "--tokens", "1e9", "--available", "web=1e9,books=1e9,code=1e9")[1])
    assert run("export", mixture, "--to", "csv", "--out", tmp_path)[0] == 0
    code, _, err = run("export", mixture, "--to", "csv", "--tokens", "20e9", "--out", tmp_path)
    assert code == 1
    assert "max_epochs" in err


def test_a_prior_of_too_few_domains_is_one_line(ask, tmp_path):
    (tmp_path / "m.json").write_text('{"web": 1.0}')
    for prior, message in (("web=1", "no share of 'books'"), ("web=1,books=1,code=1,law=1", "unknown domain 'law'")):
        code, _, err = ask("compare", "--mixture", tmp_path / "m.json", "--prior", prior)
        assert code == 1
        assert message in err
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize("share", ["nan", "inf", "-1"])
def test_a_prior_that_is_no_share_is_blamed_itself(share, ask):
    code, _, err = ask("recommend", "--prior", f"web={share},books=1,code=1")
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "prior" in err
    assert "web" in err
    assert "min_weight" not in err


DAMAGED = ['{"schedule": {}}', '{"schedule": {"knots": [0, 0.5], "mixtures": [{"web": 1}]}}',
           '{"schedule": {"knots": 0, "mixtures": [{"web": 1}]}}', '{"schedule": {"knots": [0], "mixtures": [[1]]}}',
           '{"weights": {"web": "much"}}', '{"weights": {"web": 1.0}, "available_tokens": [1]}',
           '{"schedule": {"knots": [0, 0.5], "mixtures": [{"web": 1}, {"code": 1}]}}']  # fmt: skip


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_mixture_is_one_line(text, run, tmp_path):  # noqa: F811
    (tmp_path / "m.json").write_text(text)
    code, _, err = run("export", tmp_path / "m.json", "--to", "csv", "--tokens", "1e9", "--out", tmp_path / "out")
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_missing_and_a_damaged_prior_are_one_line(ask, run, tmp_path):  # noqa: F811
    code, _, err = ask("recommend", "--constraints", tmp_path / "none.yaml")
    assert code == 1
    assert err.endswith("none.yaml: no such file; correct the path")
    mixture, file = tmp_path / "m.json", tmp_path / "c.yaml"
    mixture.write_text(json.dumps({"weights": {"web": 0.5, "code": 0.5}, "prior": {"web": 1.0}}))
    file.write_text("max_kl: 0.5")
    code, _, err = run("export", mixture, "--to", "csv", "--constraints", file, "--out", tmp_path)
    assert code == 1
    assert "prior: no share of 'code'" in err
