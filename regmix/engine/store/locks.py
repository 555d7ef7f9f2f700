"""The lock of a run prevents two processes from training it at the same time.

Where the file system has flock (local disks, NFS 4, Lustre with ``-o flock``), the operating system drops the lock when
its holder dies. Elsewhere a lock is a marker: a file that exists while the lock is held and names its holder. If the
holder ran on this machine and is dead, the next process that wants the lock removes the marker. A process cannot know
whether a holder on another machine is dead, so while it waits it prints which file to delete.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import platform
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import filelock

PATIENCE = 10.0  # seconds to wait for a marker before printing a message
MISSING = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)  # errors of flock where it is not supported


@contextlib.contextmanager
def locked(folder: Path, key: str, seconds: float = -1) -> Iterator[None]:
    """Hold the lock ``key`` of ``folder``; waits while another process holds it.

    Raises filelock.Timeout if it is not free within ``seconds``; -1: no limit.
    """
    flocked = _has_flock(folder)
    # A marker has a different name: there can be a .lock file from a time with flock.
    path = folder / f"{key}.{'lock' if flocked else 'held'}"
    lock = filelock.FileLock(path) if flocked else filelock.SoftFileLock(path)
    try:
        lock.acquire(PATIENCE if seconds < 0 else min(seconds, PATIENCE))
    except filelock.Timeout:
        way_out = "" if flocked else f"; if it no longer runs, delete {path}"
        print(f"waiting for {_holder(path)}{way_out}", flush=True)
        lock.acquire(seconds if seconds < 0 else max(0.0, seconds - PATIENCE))
    try:
        if flocked:
            path.write_text(f"{os.getpid()}\n{platform.node()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


@cache
def _has_flock(folder: Path) -> bool:
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in MISSING:
                return False
            raise
    return True


def _holder(marker: Path) -> str:
    """The process named in the first two lines of the lock or marker."""
    with contextlib.suppress(OSError, ValueError):
        process, host, *_ = marker.read_text().splitlines()
        return f"process {process} on {host}"
    return "an unknown process"
