"""Run the command again and again, each time failing at the next change of the file system.

``python -m tests.dicom.failing_disk full|kill OUT command …``: first at the first file that is opened
for writing, renamed or made, then at the second, until a run comes to its end. Prints for each run its
exit code (minus the signal's number where it was killed) and what lies under OUT.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

CHANGES = ("os.rename", "os.mkdir", "os.link", "os.truncate", "tempfile.mkdtemp")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def fail_at(number: int, *, kill: bool) -> None:
    """Fail at one change and at all later ones, as a disk that stays full."""
    count = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in CHANGES and not (event == "open" and _is_writing(arguments)):
            return
        count += 1
        if count < number:
            return
        if kill:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sys.addaudithook(watch)


def _is_writing(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    return bool((flags or 0) & WRITING) and str(path) != os.devnull


def run_failing(number: int, *, kill: bool) -> int:
    """The exit code of a run in a process of its own, split off before any thread was started."""
    pid = os.fork()
    if pid == 0:
        fail_at(number, kill=kill)
        try:
            importlib.import_module("pipeline.cli").main()
        except SystemExit as stop:
            sys.stderr.flush()
            os._exit(int(stop.code or 0))
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    """Load what the command loads, then let it fail."""
    mode, out = sys.argv[1], Path(sys.argv[2])
    sys.argv = ["calcinosis", *sys.argv[3:]]
    sys.dont_write_bytecode = True
    for name in ("SimpleITK", "skimage.measure", "pipeline.cli", "pipeline.workflow"):
        importlib.import_module(name)
    ended, code = [], -1
    while code != 0:
        code = run_failing(len(ended) + 1, kill=mode == "kill")
        ended.append((code, sorted(file.name for file in out.rglob("*"))))
        shutil.rmtree(out, ignore_errors=True)
        if len(ended) > 1000:
            raise SystemExit("no run came to its end")
    print(json.dumps(ended))


if __name__ == "__main__":
    main()
