"""The smoke pipeline through real DVC, in a copy of this repository: what runs, what does not, and what comes out.

One pipeline for the module; its tests change params.yaml one after the other, as a user would.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from profiles import switch, tryout
from tests.paths import ROOT

pytestmark = pytest.mark.slow


NO_NETWORK = ("unshare", "--map-root-user", "--net")  # not even the loopback address
OFFLINE = NO_NETWORK if shutil.which("unshare") and not subprocess.run([*NO_NETWORK, "true"]).returncode else ()


def dvc(folder: Path, *arguments: str, fails: bool = False, before: tuple[str, ...] = ()) -> str:
    completed = subprocess.run([*before, "dvc", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert bool(completed.returncode) == fails, completed.stdout + completed.stderr
    return completed.stdout + completed.stderr


def ran(output: str) -> set[str]:
    """The stages that ran, but for code_digest, which looks up in a second which regressors the settings name."""
    return {name.split(":")[-1] for name in re.findall(r"Running stage '(\S+?)'", output)} - {"code_digest"}


def edit(folder: Path, values: dict) -> None:
    path = folder / "params.yaml"
    path.write_text(switch.switch(path.read_text(), values, "test"))


def lock(folder: Path, stage: str) -> dict:
    file, _, name = stage.rpartition(":")
    return yaml.safe_load((folder / (file or "dvc.yaml")).with_suffix(".lock").read_text())["stages"][name]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smoke") / "copy"
    tryout.copy("smoke", folder)
    frozen = (ROOT / "tests/fixtures/params.yaml").read_text()
    (folder / "params.yaml").write_text(switch.apply(frozen, "smoke", replace=True)[0])
    edit(folder, {"machine.checkpoint_seconds": 0.05})
    dvc(folder, "repro", "corpus/dvc.yaml:corpus_fetch")
    dvc(folder, "repro", before=OFFLINE)
    return folder


@pytest.mark.skipif(not OFFLINE, reason="no network namespaces for this user")
def test_only_fetching_uses_the_network(pipeline):
    assert (pipeline / "reports/report.html").is_file()  # made without it


def test_the_pipeline_ends_in_a_report_and_metrics(pipeline):
    params = yaml.safe_load((pipeline / "params.yaml").read_text())
    mixture, summary = (json.loads((pipeline / f"metrics/{name}.json").read_text()) for name in ("mixture", "summary"))
    scores, losses = (
        pd.read_csv(pipeline / path)
        for path in ("data/regression_compare/scores.csv", "data/target_evaluate/losses.csv")
    )
    assert {*params["regressors"], "no_proxy", "seed_noise"} == set(scores["regressor"])
    targets = params["target"]
    assert losses["method"].value_counts().to_dict() == dict.fromkeys(targets["methods"], targets["seeds"])
    assert set(mixture) == set(summary) == set(params["objectives"])
    assert summary["reviews"]["proxies"] == 48 + 13 + 6  # random, anchors, proposals
    assert {"minus_single", "minus_one_shot_ci", "minus_best_proxy", "verdict"} <= set(summary["reviews"])
    assert "minus_natural" not in summary["broad"]
    for name in mixture:  # the metrics are rounded, what targets train on is not
        chosen = json.loads((pipeline / f"data/mixture_choose/{name}.json").read_text())
        assert abs(sum(chosen["weights"].values()) - 1) < 1e-9
    page = (pipeline / "reports" / "report.html").read_text()
    assert "<h1>" in page
    headline = subprocess.run(["python", "-m", "reports.headline"], cwd=pipeline, capture_output=True, text=True)
    assert headline.returncode == 0, headline.stderr
    assert "reports/report.html" in headline.stdout


def test_nothing_runs_again(pipeline):
    assert "Running stage" not in dvc(pipeline, "repro")


def test_an_edited_regressor_leaves_the_swarm_and_the_other_regressors_alone(pipeline):
    before = pd.read_csv(pipeline / "data/regression_compare/scores.csv")
    edit(pipeline, {"regressors.lightgbm.leaves": 4})
    assert ran(dvc(pipeline, "repro", "regression_compare")) == {"regression_fit@lightgbm", "regression_compare"}
    assert ran(dvc(pipeline, "repro", "mixture_simulate")) == set()  # it has no part in the choice
    edit(pipeline, {"regressors.gp_log.starts": 2})
    assert ran(dvc(pipeline, "repro", "mixture_simulate")) == {"swarm_round@second", "mixture_simulate"}
    after = pd.read_csv(pipeline / "data/regression_compare/scores.csv")
    same = {name: part.equals(before.loc[part.index]) for name, part in after.groupby("regressor")}
    assert not same["lightgbm"]
    assert same["ridge"]


def test_a_round_added_trains_its_own_proxies_and_one_shot_leaves_them_out(pipeline):
    rounds = yaml.safe_load((pipeline / "params.yaml").read_text())["swarm"]["rounds"]
    third = {
        "follows": "data/swarm_round/second",
        "proposals": 2,
        "acquisition": "expected_improvement",
        "objectives": ["skills"],
    }
    edit(pipeline, {"swarm.rounds": rounds | {"third": third}})
    assert ran(dvc(pipeline, "repro", "swarm_round")) == {"swarm_round@third"}
    second, both = (pd.read_csv(pipeline / f"data/swarm_round/{name}/mixtures.csv") for name in ("second", "third"))
    assert both[: len(second)].equals(second)
    assert both["run"][len(second) :].tolist() == ["third-00", "third-01"]
    edit(pipeline, {"swarm.rounds": rounds, "swarm.learn_from": "data/swarm_collect"})
    assert "mixture_simulate" in ran(dvc(pipeline, "repro", "mixture_simulate"))
    edit(pipeline, {"swarm.learn_from": "data/swarm_round/second"})
    assert ran(dvc(pipeline, "repro", "mixture_simulate")) == set()


def killed(folder: Path, stage: str) -> dict:
    """A stage's entry in the lock after a kill -9 of the process group at its first checkpoint, and another run."""
    store = folder / ".runs"
    had = set(store.rglob("*"))
    process = subprocess.Popen(
        ["dvc", "repro", stage], cwd=folder, start_new_session=True, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not any("checkpoint" in path.name for path in set(store.rglob("*")) - had):
        assert process.poll() is None, "the stage ended before a checkpoint was seen"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (folder / ".dvc" / "tmp" / "rwlock").unlink(missing_ok=True)
    assert ran(dvc(folder, "repro", stage)) == {stage.split(":")[-1]}
    return lock(folder, stage)


def uninterrupted(folder: Path, stage: str) -> dict:
    """The entry in the lock of a stage run from nothing."""
    shutil.rmtree(folder / ".runs")
    dvc(folder, "repro", "--force", "--single-item", "--no-run-cache", stage)
    return lock(folder, stage)


def test_a_kill_in_a_new_shard_loses_nothing_and_leaves_the_other_shards_alone(pipeline):
    edit(pipeline, {"swarm.shards": ["random-0", "random-1", "random-2", "anchors", "heldout", "repeats"]})
    resumed = killed(pipeline, "swarm_train@random-2")
    assert resumed == uninterrupted(pipeline, "swarm_train@random-2")
    assert ran(dvc(pipeline, "repro", "swarm_collect")) == {"swarm_collect"}


def test_a_removed_shard_is_pruned(pipeline):
    edit(pipeline, {"swarm.shards": ["random-0", "random-1", "anchors", "heldout", "repeats"]})
    dvc(pipeline, "repro", "swarm_collect")
    assert not (pipeline / "data" / "swarm_train" / "random-2").exists()
    assert ran(dvc(pipeline, "repro", "swarm_collect")) == set()


def test_a_kill_in_an_online_run_decides_the_same_again_and_leaves_the_other_methods_alone(pipeline):
    dvc(pipeline, "repro")
    edit(pipeline, {"target.methods.regmix_d_online.candidates": 90000})
    assert ran(dvc(pipeline, "repro", "target/dvc.yaml:target_schedule")) == {"target_schedule"}
    before = set((pipeline / ".runs").glob("*/weights.safetensors"))
    resumed = killed(pipeline, "target/dvc.yaml:target_train")
    seeds = yaml.safe_load((pipeline / "params.yaml").read_text())["target"]["seeds"]
    assert len(set((pipeline / ".runs").glob("*/weights.safetensors")) - before) == seeds
    policy = (pipeline / "data/target_train/regmix_d_online/policy.json").read_text()
    assert len(json.loads(policy)["seed-0"]["queries"]) == 5
    assert resumed == uninterrupted(pipeline, "target/dvc.yaml:target_train")


def test_a_clone_pulls_and_has_nothing_to_do(pipeline, tmp_path):
    edit(pipeline, {"regressors.lightgbm.leaves": 6})
    dvc(pipeline, "repro")
    dvc(pipeline, "remote", "add", "--local", "--default", "store", str(tmp_path / "remote"))
    dvc(pipeline, "push")
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "add", "-A"], cwd=pipeline, check=True)
    subprocess.run(["git", *name, "commit", "--quiet", "-m", "run"], cwd=pipeline, check=True)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(pipeline), str(clone)], check=True)
    dvc(clone, "remote", "add", "--local", "--default", "store", str(tmp_path / "remote"))
    dvc(clone, "pull")
    assert ran(dvc(clone, "repro")) == set()


@pytest.mark.parametrize(
    ("stage", "values", "message"),
    [
        ("swarm_sample", {"constraints.max_epochs": 1.0e-6}, "constraints.max_epochs"),
        ("mixture_simulate", {"mixture.ensemble": ["ridge"]}, "mixture.ensemble: ridge"),
        (
            "mixture_simulate",
            {"mixture.ensemble": ["lightgbm_paper"], "regressors.lightgbm_paper.min_rows": 500},
            "lightgbm_paper",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_one_line_and_harms_nothing(pipeline, stage, values, message):
    text = (pipeline / "params.yaml").read_text()
    try:
        edit(pipeline, values)
        output = dvc(pipeline, "repro", stage, fails=True)
    finally:
        (pipeline / "params.yaml").write_text(text)
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, output
    assert message in errors[0]
    assert "Traceback" not in output
    dvc(pipeline, "repro", stage)
    assert ran(dvc(pipeline, "repro")) == set()
