"""One patient in a process of its own: ``python -m pipeline.batch.child JOB.json FOLDER``.

Results go into ``FOLDER/results``, how it ended into ``FOLDER/answer.json``, last; the exit code is that of
the command. The process ends when its parent does: it is given a pipe as its input that nobody writes to.
Nothing is printed, and neither answer nor exit code holds a text from the images.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from pipeline.errors import InputRefused, OutputError, PipelineError, UsageError
from pipeline.running.memory import HEAP_BYTES, collect_rarely, keep_freed_memory, multiply_in_one_thread
from pipeline.running.versions import DECIDING, versions

if TYPE_CHECKING:
    from pipeline.batch.attempt import Outcome
    from pipeline.batch.order import Order

ANSWER, RESULTS = "answer.json", "results"
MEMORY_VARIABLE, PROCESSOR_VARIABLE = "CALCINOSIS_CHILD_MEMORY_MB", "CALCINOSIS_CHILD_PROCESSOR"
"""Environment: the limit of memory in MB, and the number of the one processor to run on."""
LIBRARIES = (*DECIDING, "highdicom")
"""The last writes what goes to the archive."""
SLACK_BYTES = 2**30
"""Stacks of threads and data of libraries count as asked for, and are hardly used."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS) if sys.platform != "win32" else (errno.ENOSPC, errno.EROFS)


def main() -> None:
    """Keep within the limits, do what the job says, tell how it ended."""
    keep_freed_memory()
    collect_rarely()
    multiply_in_one_thread()
    keep_to_limits()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the parent that is interrupted
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    job, folder = Path(sys.argv[1]), Path(sys.argv[2])
    sys.excepthook = _Teller(folder)
    started = time.monotonic()
    outcome = _attempt(job, folder)
    _tell(replace(outcome, seconds=round(time.monotonic() - started, 3)), folder)
    os._exit(outcome.exit_code or 0)  # all is on the disk, and taking the process apart takes 0.3 s


def keep_to_limits() -> None:
    """Stay on one processor, and let an array that is too large fail at once; where the platform can.

    The limit of data counts what is asked for, not what is used, and the heap that is reserved belongs to
    it. What is used is watched by the parent.
    """
    processor, memory_mb = os.environ.get(PROCESSOR_VARIABLE), os.environ.get(MEMORY_VARIABLE)
    if processor is not None and sys.platform == "linux":
        os.sched_setaffinity(0, {int(processor)})
    if memory_mb is not None and sys.platform == "linux":
        import resource

        limit = int(memory_mb) * 2**20 + HEAP_BYTES + SLACK_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _leave_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _attempt(job: Path, folder: Path) -> Outcome:
    from pipeline.batch.attempt import Outcome
    from pipeline.batch.digest import results_in
    from pipeline.batch.order import read_order
    from pipeline.batch.places import sync_tree

    results = folder / RESULTS
    order = read_order(job)
    try:
        results.mkdir()
        if (code := _why_other_results(order)) is not None:
            return Outcome("failed", code, exit_code=1)
        _work(order, results)
        sync_tree(results)
        return Outcome("done", exit_code=0, folder=f"{folder.name}/{RESULTS}", files=results_in(results))
    except InputRefused as refusal:
        return Outcome("refused", refusal.code, _reason(refusal, order), exit_code=refusal.exit_code)
    except UsageError as error:
        return Outcome("refused", "WRONG_USAGE", str(error), exit_code=error.exit_code)
    except OSError as error:
        return _os_error(error, folder)


def _reason(refusal: InputRefused, order: Order) -> str:
    """Why a patient was refused; without the UID of the series where results must not lead back to it."""
    hidden = order.way.deidentify or order.way.dates != "keep"
    return re.sub(r" \(series [\d.]*\)", "", refusal.reason) if hidden else refusal.reason


def _why_other_results(order: Order) -> str | None:
    """Code of what would make the results of this machine others than those of the machine that asks."""
    from pipeline import __version__
    from pipeline.batch.order import salt_mark

    if order.version != __version__:
        return "OTHER_VERSION"
    return "OTHER_SALT" if order.salt != salt_mark() else None


def _work(order: Order, results: Path) -> None:
    """Measure one scan into ``t0``, or compare several."""
    from pipeline.running.compare import compare_into
    from pipeline.running.inputs import RunOptions
    from pipeline.running.measure import measure_into
    from pipeline.running.objects import way_of_writing
    from pipeline.stages import silent

    way, job = order.way, order.job
    writing = way_of_writing(no_dicom=way.no_dicom, deidentify=way.deidentify, dates=way.dates)
    options = RunOptions(
        way.settings, writing, way.dates, job.key, way.same_patient, way.resample_lesions, way.deidentify
    )
    if len(job.scans) > 1:
        compare_into(results, job.scans, options, job.case, silent)
    else:
        (results / "t0").mkdir()
        measure_into(results / "t0", job.scans[0], options, silent)


def _os_error(error: OSError, folder: Path) -> Outcome:
    """A fault where results are written stops the batch; one of an input is this patient's."""
    from pipeline.batch.attempt import Outcome

    of_output = error.errno in FULL or str(folder) in str(error.filename)
    code = OutputError.exit_code if of_output else 1
    return Outcome(
        "failed",
        "NO_OUTPUT" if of_output else "OS_ERROR",
        os.strerror(error.errno) if error.errno else None,
        error=type(error).__name__,
        place=_place(error.__traceback__),
        exit_code=code,
    )


class _Teller:
    """Tells of an error that nobody foresaw: kind and place, never its words."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        from pipeline.batch.attempt import Outcome

        code = "OUT_OF_MEMORY" if isinstance(error, MemoryError) else "CRASHED"
        known = PipelineError.exit_code if not isinstance(error, PipelineError) else error.exit_code
        _tell(
            Outcome("failed", code, error=kind.__name__, place=_place(where), exit_code=known), self._folder
        )


def _place(where: TracebackType | None) -> str | None:
    """The last line of this program in a traceback."""
    here = str(Path(__file__).parents[1])
    own = [one for one in traceback.extract_tb(where) if one.filename.startswith(here)]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno} in {own[-1].name}" if own else None


def _tell(outcome: Outcome, folder: Path) -> None:
    from pipeline.batch.order import write_answer

    try:
        write_answer(
            replace(outcome, peak_mb=peak_mb(), libraries=", ".join(versions(LIBRARIES))), folder / ANSWER
        )
    except OSError:
        os._exit(OutputError.exit_code)  # the exit code is all that is left to tell it by


def peak_mb() -> float | None:
    """The largest resident memory that this process had; None where the platform does not tell."""
    if sys.platform == "linux":  # its ru_maxrss starts at what the parent had
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next((float(one.split()[1]) / 1024 for one in lines if one.startswith("VmHWM")), None)
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return None


if __name__ == "__main__":
    main()
