"""The lock of a run, which keeps two processes from training it at the same time.

Where the file system has flock (local disks, NFS 4, Lustre with ``-o flock``), the operating system drops the lock when
its holder dies. Elsewhere a lock is a marker: a file that exists while the lock is held, and names its holder. A marker
whose holder ran on this machine and is dead is removed by the next process that wants the lock. Whether a holder on
another machine is dead cannot be known from here, so the one that waits says which file to delete.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import filelock

PATIENCE = 10.0  # seconds of waiting for a marker before a line says so
MISSING = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)  # what flock fails with where there is none


@contextlib.contextmanager
def locked(folder: Path, key: str, seconds: float = -1) -> Iterator[None]:
    """Hold the lock ``key`` of ``folder``, waiting for its holder.

    Raises filelock.Timeout if it is not free within ``seconds``; -1: waits for as long as it takes.
    """
    if _has_flock(folder):
        with filelock.FileLock(folder / f"{key}.lock", timeout=seconds):
            yield
        return
    marker = folder / f"{key}.held"  # another name: a .lock may be there from a time with flock
    lock = filelock.SoftFileLock(marker)
    try:
        lock.acquire(PATIENCE if seconds < 0 else min(seconds, PATIENCE))
    except filelock.Timeout:
        print(f"waiting for {_holder(marker)}; if it no longer runs, delete {marker}", flush=True)
        lock.acquire(seconds if seconds < 0 else max(0.0, seconds - PATIENCE))
    try:
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
    """The process that the marker names in its first two lines."""
    with contextlib.suppress(OSError, ValueError):
        process, host, *_ = marker.read_text().splitlines()
        return f"process {process} on {host}"
    return "an unknown process"
