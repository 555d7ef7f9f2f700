"""How long this process has run."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil


def age() -> float:
    """Seconds since this process started. Where the system counts them since boot, by that clock: psutil's start is
    wrong by as much as the time of day was set since."""
    stat = Path("/proc/self/stat")
    if not stat.is_file():
        return time.time() - psutil.Process().create_time()
    ticks = int(stat.read_text().rpartition(")")[2].split()[19])  # field 22, starttime
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
