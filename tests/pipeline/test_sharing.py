"""A swarm that several trained: jobs ahead of the stage, or machines with a store each, give the tables of one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from profiles import tryout
from profiles.switch import switch
from regmix import params as schema
from regmix.core.files import write_json
from regmix.params import Params
from stages.swarm.swarm_ahead import swarm_ahead
from stages.swarm.swarm_collect import swarm_collect
from stages.swarm.swarm_sample import swarm_sample
from stages.swarm.swarm_train import swarm_train
from tests.paths import ROOT

SMALL = {
    "proxy.shape": {"layers": 1, "heads": 1, "width": 8, "ffn": 8, "context": 16},
    "proxy.recipe.sequences": 2,
    "proxy.recipe.steps": 4,
    "proxy.validation": {"final_tokens": 64, "logged_tokens": 32, "logged": 2},
    "target.shape": {"layers": 1, "heads": 1, "width": 8, "ffn": 8, "context": 16},
    "target.recipe.steps": 6,
    "swarm.shards": ["random-0", "random-1", "anchors", "heldout"],
    "swarm.per_shard": 5,
    "swarm.heldout": 3,
    "swarm.repeats": {"mixtures": 1, "seeds": 1},
    "trajectory.granularities": [1],
}


def small(**more) -> tuple[Params, str]:
    """params.yaml at its smallest, and as text."""
    text = switch((ROOT / "tests/fixtures/params.yaml").read_text(), SMALL | more, "test")
    return schema.parse(yaml.safe_load(text)), text


def corpus(folder: Path, params: Params) -> Path:
    """Token files of every domain, of chance."""
    rng, vocab = np.random.default_rng(0), 64
    for name in params.corpus.domains:
        meta: dict = {"domain": name, "dtype": "<u2", "fingerprint": "f" * 64, "vocab": vocab, "eos": 0}
        for side, tokens in (("train", 3000), ("valid", 300)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            rng.integers(0, vocab, tokens).astype("<u2").tofile(folder / name / f"{side}.bin")
            meta[side] = {"tokens": tokens, "documents": 1, "chars": tokens}
        write_json(folder / name / "meta.json", meta)
    write_json(folder / "domains.json", {"all": list(params.corpus.domains), "trained": params.corpus.trained})
    return folder


def gathered(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def only_gathers(folder: Path, launcher: dict, capfd: pytest.CaptureFixture[str]) -> None:
    """Train all shards by ``launcher`` ahead of the stage, which then trains nothing, and its tables are those it makes
    here alone."""
    (here, _), (params, _) = small(), small(**{"machine.launcher": launcher})
    tokens = corpus(folder / "corpus", params)
    swarm_sample(params, tokenizer=tokens, corpus=tokens, out=folder / "sample")
    shards, answers = folder / "sample/shards", folder / "answers.json"
    write_json(answers, {})
    swarm_ahead(params, shards=shards, corpus=tokens, store=folder / "ahead/store")
    assert "swarm: 25 runs" in capfd.readouterr().out
    for name, settings in (("ahead", params), ("alone", here)):
        for shard in params.swarm.shards:
            path, out = shards / f"{shard}.json", folder / name / "trained" / shard
            swarm_train(settings, shard=path, corpus=tokens, answers=answers, store=folder / name / "store", out=out)
        assert ("runs," in capfd.readouterr().out) == (name == "alone")
        swarm_collect(settings, trained=folder / name / "trained", out=folder / name / "collected")
    assert gathered(folder / "ahead/collected") == gathered(folder / "alone/collected")


@pytest.mark.parametrize("launcher", [{"kind": "local"}, {"kind": "local_jobs", "tasks": 2, "timeout_min": 10}])
def test_shards_trained_ahead_are_only_gathered(tmp_path, launcher, capfd):
    if launcher["kind"] != "local":
        pytest.importorskip("submitit", reason="it is not installed: pip install -c constraints.txt -e '.[slurm]'")
    only_gathers(tmp_path, launcher, capfd)


def tokenized(folder: Path) -> None:
    """A copy of the repository as the corpus's stages leave it, with a tiny corpus."""
    params, text = small()
    tryout.copy("smoke", folder)
    (folder / "params.yaml").write_text(text)
    tokens = corpus(folder / "data/corpus_tokenize", params)
    (folder / "data/tokenizer_train").mkdir()
    shutil.copy(tokens / "domains.json", folder / "data/tokenizer_train")
    write_json(folder / "data/tasks_build/proxy.json", {})


def dvc(folder: Path, *arguments: str) -> str:
    completed = subprocess.run(["dvc", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


@pytest.mark.slow
def test_machines_that_share_a_remote_train_a_part_each(tmp_path):
    """As docs/remotes.md says it; -s, since the token files stand for all that comes before."""
    first = tmp_path / "first"
    tokenized(first)
    dvc(first, "repro", "-s", "code_digest", "swarm_sample")
    dvc(first, "remote", "add", "--local", "-d", "shared", str(tmp_path / "remote"))
    for name in ("second", "gathering", "alone"):
        shutil.copytree(first, tmp_path / name)
    dvc(first, "repro", "-s", "--pull", "swarm_train@random-0", "swarm_train@anchors")
    dvc(tmp_path / "second", "repro", "-s", "--pull", "swarm_train@random-1", "swarm_train@heldout")
    for name in ("first", "second"):
        dvc(tmp_path / name, "push", "--run-cache")
    dvc(tmp_path / "gathering", "fetch", "--run-cache")
    output = dvc(tmp_path / "gathering", "repro", "-s", "--pull", "swarm_train", "swarm_collect")
    assert re.findall(r"Running stage '(\S+?)'", output) == ["swarm_collect"]
    dvc(tmp_path / "alone", "repro", "-s", "swarm_train", "swarm_collect")
    assert gathered(tmp_path / "gathering/data/swarm_collect") == gathered(tmp_path / "alone/data/swarm_collect")
    gathering, alone = (yaml.safe_load((tmp_path / name / "dvc.lock").read_text()) for name in ("gathering", "alone"))
    assert gathering == alone
