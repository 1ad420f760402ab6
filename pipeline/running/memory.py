"""Memory and threads for a process that loads many modules and makes one large array after another."""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
"""Parameters of mallopt(3)."""
NEVER_BYTES = 2**31 - 1
MADV_HUGEPAGE = 14
"""Of madvise(2)."""
PAGE_BYTES = 2**21
HEAP_BYTES = 1536 * 2**20
"""As much as a large scan takes."""
BETWEEN_COLLECTIONS = 70_000
"""New objects; the default is 700."""


def keep_freed_memory() -> None:
    """Let the next array have the memory of the last one.

    The GNU C library gives the memory of every large array back to the system when it is freed, and
    gets new pages for the next one, which the system must clear: a fifth to a third of the time of a
    run. Elsewhere nothing is done. To be called before the first thread is started.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    mallopt = getattr(libc, "mallopt", None)
    if mallopt is not None:
        for parameter, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER_BYTES), (M_ARENA_MAX, 1)):
            mallopt(parameter, value)
        _ask_for_large_pages(libc)


def _ask_for_large_pages(libc: ctypes.CDLL) -> None:
    """Reserve the heap in one piece, of which nothing is used before it is asked for, in pages of 2 MB."""
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    start = libc.malloc(HEAP_BYTES)
    if start is None:
        return
    libc.free(start)
    first = -(-start // PAGE_BYTES) * PAGE_BYTES
    libc.madvise(first, HEAP_BYTES - PAGE_BYTES, MADV_HUGEPAGE)


def multiply_in_one_thread() -> None:
    """Keep matrix products to the thread that asks: small ones wait longer for a second one than they take.

    To be called before numpy is loaded. What the user has set stays.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def collect_rarely() -> None:
    """Look for garbage in cycles a hundred times more rarely: a run makes little of it and ends soon.

    Every object for the archive is thousands of small things that stay to the end, and Python looked
    through all of them again after each 700: half of the time that writing them took.
    """
    gc.set_threshold(BETWEEN_COLLECTIONS, 20, 20)


@contextmanager
def loading_modules() -> Iterator[None]:
    """Import without looking for garbage among what stays loaded to the end."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def load_beside(modules: Sequence[str]) -> None:
    """Import in a thread of its own what will be wanted, while others compute.

    Most work on arrays does without the interpreter. A module that cannot be imported is left to those
    who need it, who meet the same error.
    """
    threading.Thread(target=_load, args=(tuple(modules),), name="loading", daemon=True).start()


def _load(modules: Sequence[str]) -> None:
    for name in modules:
        with suppress(ImportError):
            importlib.import_module(name)
