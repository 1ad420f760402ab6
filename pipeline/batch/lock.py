"""One run at a time for a folder: a lock of the system, that ends with the process that holds it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pipeline.errors import OutputError

NAME = ".lock"


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Hold the lock of a folder; no child inherits it.

    Raises
    ------
    OutputError
        If another process holds it, or the folder cannot be written.
    """
    try:
        file = (out / NAME).open("ab")
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}") from error
    with file:
        try:
            _lock(file)
        except OSError as error:
            held = error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
            why = "another run is at work in it" if held else f"it cannot be locked: {error.strerror}"
            raise OutputError(f"cannot write to {out}: {why}") from error
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
