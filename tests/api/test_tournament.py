"""The tournament of regressors on any swarm: a function, and a command."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import regmix as library
from regmix.core.errors import InputError
from tests.api.test_cli import run, tables  # noqa: F401

DOMAINS = ["web", "books", "code"]


@pytest.fixture(scope="module")
def swarm() -> tuple[pd.DataFrame, pd.DataFrame]:
    """60 runs: web's loss is a power of its weight, which the law knows and no line fits."""
    rng = np.random.default_rng(1)
    mixtures = pd.DataFrame(rng.dirichlet([0.7] * 3, 60), columns=DOMAINS)
    web = 2 + (0.02 + mixtures["web"]) ** -0.3 + rng.normal(scale=0.005, size=60)
    return mixtures, pd.DataFrame({"web": web, "books": 4 - mixtures["books"]})


def test_the_law_beats_a_line_with_few_runs_and_more_runs_help(swarm):
    table = library.tournament(*swarm, [8, 32], ["effective_tokens", "ridge"]).set_index(["regressor", "proxies"])
    assert table.loc[("effective_tokens", 32), "spearman"] > 0.98
    assert table.loc[("effective_tokens", 32), "spearman"] >= table.loc[("effective_tokens", 8), "spearman"] - 0.01
    assert table.loc[("effective_tokens", 32), "tested"] == 28
    assert table.loc[("no_proxy", 8), "spearman"] > 0.99  # each loss falls with the weight of its own domain
    assert (table["regret"] >= 0).all()


def test_what_is_ranked_can_be_other_runs_and_a_regressor_can_lack_runs(swarm):
    mixtures, losses = swarm
    other = (mixtures[:20].reset_index(drop=True), losses[:20].reset_index(drop=True) - 1)
    table = library.tournament(mixtures[20:], losses[20:], [8, 40], ["lightgbm"], tested=other)
    assert (table["tested"] == 20).all()
    assert table.loc[(table["regressor"] == "lightgbm") & (table["proxies"] == 8), "spearman"].isna().all()
    assert table.loc[(table["regressor"] == "lightgbm") & (table["proxies"] == 40), "spearman"].notna().all()


def test_the_same_seed_gives_the_same_table_with_any_number_of_workers(swarm):
    ways = [library.tournament(*swarm, [12], ["ridge", "gp"], workers=workers) for workers in (1, 3)]
    pd.testing.assert_frame_equal(*ways)


def test_too_few_runs_are_one_line(swarm):
    with pytest.raises(InputError, match=r"proxies = 55: must lie between 5 and 52, by the runs there are"):
        library.tournament(*swarm, [55])


def test_the_command_prints_a_table_for_each_swarm(run, tables):  # noqa: F811
    pair = f"{tables}/ratios.csv,{tables}/metrics.csv"
    words = ("--proxies", 10, "--proxies", 16, "--regressor", "gp", "--regressor", "ridge", "--metric", "bowl")
    code, out, err = run("tournament", f"first={pair}", f"second={pair},{pair}", *words)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("first: 32 runs, 1 metric; rank correlation on runs not seen")
    assert [line.split()[0] for line in lines[2:4]] == ["gp", "ridge"]  # the best first
    assert sum(line.startswith("second: ") for line in lines) == 1
    value = json.loads(run("tournament", f"first={pair}", *words, "--json")[1])
    assert {row["tested"] for row in value} == {22, 16}


def test_one_wide_table_with_phases_of_training_is_a_swarm(run, tmp_path, swarm):  # noqa: F811
    """As marin's: the weights of each phase sum to 1."""
    mixtures, losses = swarm
    phases = [mixtures.add_prefix(f"phase_{i}_").sample(frac=1, random_state=i, ignore_index=True) for i in range(2)]
    scores = losses.add_prefix("eval/").add_suffix("/bpb")
    wide = pd.concat([pd.Series(range(60), name="run_id"), *phases, scores], axis=1)
    wide.assign(status="completed").to_csv(tmp_path / "runs.csv", index=False)
    patterns = ("--domain-columns", "phase_*", "--metric-columns", "eval/*/bpb")
    words = ("--proxies", 16, "--regressor", "ridge")
    code, out, err = run("tournament", f"ours={tmp_path}/runs.csv", *patterns, "--renormalise", *words)
    assert code == 0, err
    assert out.startswith("ours: 60 runs, 2 metrics; ")
    code, _, err = run("tournament", f"{tmp_path}/runs.csv", *patterns, *words)
    assert code == 1
    assert "weights sum to 2, not 1" in err


def test_a_domain_that_only_some_tables_use(run, tmp_path, swarm):  # noqa: F811
    mixtures, losses = (table.rename_axis("run") for table in swarm)
    losses.to_csv(tmp_path / "metrics.csv")
    mixtures.to_csv(tmp_path / "all.csv")
    mixtures.assign(web=0.0, books=mixtures["web"] + mixtures["books"]).to_csv(tmp_path / "without.csv")
    every, without = (f"{tmp_path}/{name}.csv,{tmp_path}/metrics.csv" for name in ("all", "without"))
    words = ("--proxies", 16, "--regressor", "ridge")
    code, _, err = run("tournament", f"{every},{without}", *words)
    assert code == 0, err
    assert "left out 'web': 0 in all runs" in err
    code, _, err = run("tournament", f"{without},{every}", *words)
    assert code == 1
    assert "web: the runs to rank train on it, and no run to learn from does; leave them out" in err
    words = (tmp_path / "without.csv", tmp_path / "metrics.csv", "--prior", "web=1,books=1,code=1")
    code, _, err = run("recommend", *words)
    assert code == 1
    assert "--prior: no run trains on web, so nothing is known about it; leave it out" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ratios.csv"], "ratios.csv: expected RATIOS,METRICS"),
        (["a={0}/ratios.csv,{0}/metrics.csv", "a={0}/ratios.csv,{0}/metrics.csv"], "a: two swarms have this name"),
        (["{0}/ratios.csv,{0}/metrics.csv", "--metric", "x"], "--metric x: swarm"),
        (["{0}/ratios.csv,{0}/metrics.csv", "--regressor", "x"], "regressors: 'x' is not one of"),
        (["{0}/ratios.csv,{0}/none.csv"], "none.csv: cannot be read"),
    ],
)
def test_a_bad_argument_is_one_line(run, tables, words, message):  # noqa: F811
    code, _, err = run("tournament", *(word.format(tables) for word in words))
    assert code == 1
    assert message in err
    assert len(err.splitlines()) == 1
