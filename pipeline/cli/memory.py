"""Memory as a process wants it that loads many modules and then makes one large array after another."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
"""Parameters of mallopt(3)."""
NEVER_BYTES = 2**31 - 1


def keep_freed_memory() -> None:
    """Let the next array have the memory of the last one.

    The GNU C library gives the memory of every large array back to the system when it is freed, and
    gets new pages for the next one, which the system must clear: a fifth to a third of the time of a
    run. Elsewhere nothing is done. To be called before the first thread is started.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER_BYTES), (M_ARENA_MAX, 1)):
            mallopt(parameter, value)


@contextmanager
def loading_modules() -> Iterator[None]:
    """Import without looking for garbage among what stays loaded to the end."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
