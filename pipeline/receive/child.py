"""One study is measured by a process of its own, so that a bad one can neither end nor fill the node."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

State = Literal["done", "refused", "failed", "not_written", "stopped"]
POLL_SECONDS = 0.2
END_SECONDS = 10.0
"""How long a process that is told to end may clear up."""
TAIL_BYTES = 4096
REFUSED = re.compile(r"^calcinosis: ([A-Z][A-Z0-9_]{2,40}): ", re.MULTILINE)
"""How the command names a refusal on stderr."""
BY_EXIT_CODE: dict[int, tuple[State, str | None]] = {
    0: ("done", None),
    2: ("failed", "USAGE"),
    3: ("refused", None),
    5: ("not_written", "OUTPUT"),
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    state: State
    code: str | None = None


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What a run may take."""

    seconds: float
    memory_bytes: int  #: address space of each process; held on Linux


def run_command(arguments: Sequence[str | Path], limits: ChildLimits, stop: threading.Event) -> Ending:
    """Run ``calcinosis`` with arguments in a process of its own.

    Parameters
    ----------
    stop : Event
        When it is set, the run is broken off; it leaves nothing under a final name.
    """
    command = [sys.executable, "-m", "pipeline", *(str(one) for one in arguments)]
    with tempfile.TemporaryFile() as told:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,  # Ctrl-C is for the node, which ends the child in order
        )
        _limit_memory(child.pid, limits.memory_bytes)
        try:
            broken_off = _wait(child, limits.seconds, stop)
        finally:
            _end(child)
        return broken_off or _ending(child.returncode, told)


def _limit_memory(pid: int, memory_bytes: int) -> None:
    if sys.platform == "linux":
        import resource

        with suppress(ProcessLookupError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _wait(child: subprocess.Popen[bytes], seconds: float, stop: threading.Event) -> Ending | None:
    """Wait for the end; what to say where it did not come by itself."""
    until = time.monotonic() + seconds
    while child.poll() is None:
        if stop.wait(POLL_SECONDS):
            return Ending("stopped")
        if time.monotonic() > until:
            return Ending("failed", "TIMEOUT")
    return None


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)  # it removes what it has staged
        with suppress(subprocess.TimeoutExpired):
            child.wait(END_SECONDS)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _ending(exit_code: int, told: BinaryIO) -> Ending:
    if exit_code < 0:
        return Ending("failed", "KILLED")
    state, code = BY_EXIT_CODE.get(exit_code, ("failed", "FAILED"))
    if state == "refused":
        told.seek(max(0, told.seek(0, os.SEEK_END) - TAIL_BYTES))
        named = REFUSED.findall(told.read().decode("utf-8", "replace"))
        code = named[-1] if named else "REFUSED"
    return Ending(state, code)
