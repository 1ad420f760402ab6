"""Start the process of one patient, watch its time and memory, and say how it ended."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from pipeline.batch.attempt import Outcome
from pipeline.batch.child import ANSWER, MEMORY_VARIABLE, PROCESSOR_VARIABLE
from pipeline.batch.order import ORDER, read_answer
from pipeline.errors import OutputError

LOOK_S = 0.1
"""Between two looks at the memory; a process fills 0.3 GB in it at most."""
LOOKS_AT_FAMILY = 10
"""Every so many looks the job and the processes that it started are looked for, which takes longer."""
ONE_THREAD = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)
OUT_OF_MEMORY, TIMED_OUT, CRASHED, KILLED = "OUT_OF_MEMORY", "TIMED_OUT", "CRASHED", "KILLED"
STOPPED = "STOPPED"
NOT_SHARED = "NOT_SHARED"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the process of one patient may use."""

    memory_mb: float  #: resident, of it and the processes that it starts
    seconds: float

    def __post_init__(self) -> None:
        if not (self.memory_mb > 0 and self.seconds > 0):
            raise ValueError("limits are larger than 0")


def run_child(
    stage: Path, limits: Limits, *, stop: threading.Event | None = None, processor: int | None = None
) -> Outcome:
    """Do the job in a folder in another process, and wait for its end.

    Parameters
    ----------
    stage : Path
        Holds the job; a folder of its own is made in it, so that two processes of one job never meet.
    stop : Event, optional
        Set it to end the process.
    processor : int, optional
        Number of the only one that it may run on.

    Returns
    -------
    Outcome
        NOT_SHARED where the job cannot be seen from here; STOPPED if it was ended from outside.
    """
    folder = stage / secrets.token_hex(4)
    started = time.monotonic()
    try:
        if not (stage / ORDER).exists():
            return Outcome("failed", NOT_SHARED)
        folder.mkdir()
        process = _start(stage, folder, limits, processor)
    except OSError as error:
        return Outcome(
            "failed", "NOT_STARTED", os.strerror(error.errno or 0), type(error).__name__, exit_code=5
        )
    watch = _Watch(process, stage, limits, stop or threading.Event())
    try:
        ended_by = watch.until_end()
    finally:
        end(process)
    outcome = _judge(ended_by, read_answer(folder / ANSWER), process.returncode)
    peak_mb = max(watch.peak_mb, outcome.peak_mb or 0.0)
    return replace(outcome, seconds=round(time.monotonic() - started, 3), peak_mb=round(peak_mb, 1))


def _start(stage: Path, folder: Path, limits: Limits, processor: int | None) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    own = {"PYTHONPATH": path, MEMORY_VARIABLE: str(int(limits.memory_mb))} | dict.fromkeys(ONE_THREAD, "1")
    if processor is not None:
        own[PROCESSOR_VARIABLE] = str(processor)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "pipeline.batch.child", stage / ORDER, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **own},
        start_new_session=True,
    )


class _Watch:
    """Looks at a process until it ends or goes beyond a limit."""

    def __init__(
        self, process: subprocess.Popen[bytes], stage: Path, limits: Limits, stop: threading.Event
    ) -> None:
        self._process, self._stage, self._limits, self._stop = process, stage, limits, stop
        self._family: list[psutil.Process] = []
        self.peak_mb = 0.0

    def until_end(self) -> str | None:
        """Why the process has to be ended; None if it came to an end by itself."""
        latest = time.monotonic() + self._limits.seconds
        looks = 0
        while True:
            try:
                self._process.wait(timeout=LOOK_S)
            except subprocess.TimeoutExpired:
                looks += 1
            else:
                return None
            reason = self._reason(latest, thoroughly=looks % LOOKS_AT_FAMILY == 0)
            if reason is not None:
                return reason

    def _reason(self, latest: float, *, thoroughly: bool) -> str | None:
        if self._stop.is_set() or (thoroughly and not (self._stage / ORDER).exists()):
            return STOPPED
        if time.monotonic() > latest:
            return TIMED_OUT
        self.peak_mb = max(self.peak_mb, self._resident_mb(thoroughly=thoroughly))
        return OUT_OF_MEMORY if self.peak_mb > self._limits.memory_mb else None

    def _resident_mb(self, *, thoroughly: bool) -> float:
        total = 0.0
        try:
            if thoroughly or not self._family:
                own = psutil.Process(self._process.pid)
                self._family = [own, *(own.children(recursive=True) if thoroughly else ())]
        except psutil.Error:
            return total
        for one in self._family:
            try:
                total += one.memory_info().rss / 2**20
            except psutil.Error:
                continue
        return total


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, whatever they do."""
    if process.poll() is None:
        if sys.platform == "win32":
            for one in psutil.Process(process.pid).children(recursive=True):
                one.kill()
            process.kill()
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it has just ended by itself
                os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _judge(ended_by: str | None, answer: Outcome | None, exit_code: int) -> Outcome:
    """An answer counts unless the process was ended; without one it died."""
    if ended_by is not None:
        return Outcome("failed", ended_by, exit_code=exit_code)
    if answer is not None:
        return answer
    if exit_code == OutputError.exit_code:
        return Outcome("failed", "NO_OUTPUT", "its answer could not be written", exit_code=exit_code)
    if exit_code < 0:
        code = KILLED if exit_code == -9 else CRASHED
        return Outcome("failed", code, error=_signal_name(-exit_code), exit_code=exit_code)
    return Outcome("failed", CRASHED, exit_code=exit_code)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
