"""How many patients at a time a machine can take, and how much memory each may use."""

from __future__ import annotations

import os
import sys

import psutil

MB_PER_GB = 1024
USUAL_MB = 4096
"""What a patient with large scans takes at most: as much is left for each worker unless a number is given."""
SHARE = 0.9
"""Of the memory of the machine; the rest is for the system and this process."""


def usual_workers() -> int:
    """One for each processor that this process may use, as far as memory reaches."""
    return max(1, min(processor_count(), int(SHARE * total_mb() // USUAL_MB)))


def memory_per_worker_mb(workers: int) -> float:
    """An equal part for each worker, so that all together leave the machine alive."""
    return SHARE * total_mb() / workers


def processor_count() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def total_mb() -> float:
    """Memory of the machine."""
    return float(psutil.virtual_memory().total) / 2**20
