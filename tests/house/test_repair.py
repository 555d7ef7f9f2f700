"""What a kill leaves of DVC's own files is repaired; what is whole or in use is left alone."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest

from stages.common.repair import main

LOCK = "schema: '2.0'\nstages:\n  a:\n    cmd: true\n"


@pytest.fixture
def root(tmp_path) -> Path:
    """A repository that has committed one lock and has another that is new, and a command's file."""
    for folder in ("", "target", "ablations"):
        (tmp_path / folder / ".dvc/tmp").mkdir(parents=True)
        (tmp_path / folder / "dvc.lock").write_text(LOCK)
        (tmp_path / folder / ".dvc/tmp/rwlock").write_text('{"write": {}}')
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    for words in (["init", "-q"], ["add", "dvc.lock", "target/dvc.lock"], ["commit", "-qm", "locks"]):
        subprocess.run([*git, *words], check=True)
    return tmp_path


def test_what_is_whole_stays(root):
    (root / "dvc.lock").write_text(LOCK.replace("true", "false"))  # newer than the commit
    assert main(root) == []
    assert "false" in (root / "dvc.lock").read_text()


@pytest.mark.parametrize("damage", ["", "schema: '2.0'\nst", "[]", "schema: '2.0'\n", "\x00\x00"])
def test_a_damaged_lock_comes_from_git_or_goes(root, damage):
    (root / "target/dvc.lock").write_text(damage)
    (root / "ablations/dvc.lock").write_text(damage)
    first, second = main(root)
    assert first.startswith("ablations/dvc.lock: was damaged by a kill; removed")
    assert second.startswith("target/dvc.lock: was damaged by a kill; restored from git")
    assert (root / "target/dvc.lock").read_text() == LOCK
    assert not (root / "ablations/dvc.lock").exists()
    assert main(root) == []


def test_a_lock_that_a_command_is_writing_is_left_alone(root):
    (root / "dvc.lock").write_text("")
    (root / ".dvc/tmp/lock").write_text("1234")
    with (root / ".dvc/tmp/lock").open("r+b") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        assert main(root) == []
    assert main(root) == ["dvc.lock: was damaged by a kill; restored from git, so stages that ran since run again"]


def test_a_damaged_file_of_commands_goes_unless_one_is_running(root):
    path = root / ".dvc/tmp/rwlock"
    path.write_text("")
    with (root / ".dvc/tmp/rwlock.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        assert main(root) == []
    assert main(root) == [".dvc/tmp/rwlock: was damaged by a kill; removed"]
    assert not path.exists()
