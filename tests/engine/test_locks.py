"""Locks of runs where the file system has no flock: markers that name their holder."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import platform
import signal
import threading
from pathlib import Path

import filelock
import pytest

from regmix.engine.store import locks
from regmix.engine.store.locks import locked


@pytest.fixture(params=locks.MISSING)
def _no_flock(request, monkeypatch):
    def refuse(*_):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_with_flock_the_operating_system_keeps_the_lock(tmp_path):
    with locked(tmp_path, "key"), pytest.raises(filelock.Timeout), locked(tmp_path, "key", 0):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["key.lock"]


def test_who_waits_for_a_lock_says_for_whom(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    with locked(tmp_path, "key"), pytest.raises(filelock.Timeout), locked(tmp_path, "key", 0.2):
        pass
    assert capfd.readouterr().out == f"waiting for process {os.getpid()} on {platform.node()}\n"


@pytest.mark.usefixtures("_no_flock")
def test_without_flock_a_marker_holds_and_goes_with_its_holder(tmp_path):
    with locked(tmp_path, "key"):
        assert str(os.getpid()) in (tmp_path / "key.held").read_text().split()
        with pytest.raises(filelock.Timeout), locked(tmp_path, "key", 0.1):
            pass
        with locked(tmp_path, "other", 0):
            pass
    assert not list(tmp_path.iterdir())
    with locked(tmp_path, "key", 0):
        pass


def _hold(folder: Path) -> None:
    with locked(folder, "key"):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.usefixtures("_no_flock")
def test_the_marker_of_a_process_of_this_machine_that_was_killed_is_taken_over(tmp_path, capfd):
    killed = multiprocessing.get_context("fork").Process(target=_hold, args=(tmp_path,))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert (tmp_path / "key.held").exists()
    with locked(tmp_path, "key", 10):
        assert str(os.getpid()) in (tmp_path / "key.held").read_text().split()
    assert capfd.readouterr().out == ""


@pytest.mark.usefixtures("_no_flock")
@pytest.mark.parametrize(("text", "holder"), [("7\nnode-3\n", "process 7 on node-3"), ("", "an unknown process")])
def test_for_the_marker_of_another_machine_one_line_says_which_file_to_delete(
    tmp_path, monkeypatch, capfd, text, holder
):
    monkeypatch.setattr(locks, "PATIENCE", 0.1)
    marker = tmp_path / "key.held"
    marker.write_text(text)
    with pytest.raises(filelock.Timeout), locked(tmp_path, "key", 0.2):
        pass
    line = f"waiting for {holder}; if it no longer runs, delete {marker}\n"
    assert capfd.readouterr().out == line
    deleting = threading.Timer(0.3, marker.unlink)
    deleting.start()
    with locked(tmp_path, "key"):
        pass
    assert capfd.readouterr().out == line


def test_another_error_of_flock_is_not_taken_for_its_absence(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), locked(tmp_path, "key"):
        pass
