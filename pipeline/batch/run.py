"""Every patient of a plan, done where it is not done yet."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from pipeline import __version__
from pipeline.batch.attempt import Attempt, Outcome, ResultFile, Work
from pipeline.batch.closing import write_summaries
from pipeline.batch.digest import Digest, digest_of_job, is_whole, touched_since
from pipeline.batch.engine import Engine, Task
from pipeline.batch.job import PatientJob, Plan, Refusal
from pipeline.batch.ledger import NAME, Ledger, open_ledger
from pipeline.batch.lock import only_one
from pipeline.batch.order import Order, Way, salt_mark, write_order
from pipeline.batch.places import new_stage, patient_folder, patients_folder, publish, remove_stage, sweep
from pipeline.batch.process import NOT_SHARED, Limits
from pipeline.batch.tables import check_installed
from pipeline.errors import OutputError, UsageError

LOGGER = logging.getLogger("pipeline")
INPUT_CHANGED = "INPUT_CHANGED"
PASSING = ("DECODER_FAILED",)
"""Refusals that may be the machine's: a frame has a time limit, and a decoding child a limit of memory."""
AHEAD = 2
"""Patients whose files are looked through while others are measured."""

Retry = Literal["refused", "failed"]
Standing = Literal["new", "changed", "damaged", "again", "kept", "left"]
"""Where a patient stands before a run: the first four are to be done."""
TO_DO: tuple[Standing, ...] = ("new", "changed", "damaged", "again")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which patients of a plan are done."""

    retry: Retry | None = None  #: only those whose last attempt ended so, again
    limit: int | None = None  #: at most so many


@dataclass(frozen=True, slots=True)
class Told:
    """What happened to one patient: where it stood before, or how its attempt ended."""

    key: str
    standing: Standing | None = None
    outcome: Outcome | None = None


Tell = Callable[[Told], None]


@dataclass(frozen=True, slots=True)
class Looked:
    """A patient whose files were looked through."""

    job: PatientJob
    standing: Standing
    digest: Digest | None = None


@contextmanager
def workplace(out: Path) -> Iterator[Ledger]:
    """The ledger of a folder that no other run works in, with all that an interrupted one left cleared up.

    Raises
    ------
    OutputError
        If the folder cannot be written, or another run is at work in it.
    """
    with ExitStack() as stack:
        with _writing(out):
            patients_folder(out).mkdir(parents=True, exist_ok=True)
        stack.enter_context(only_one(out))
        ledger = stack.enter_context(open_ledger(out))
        _clear_up(out, ledger)
        try:
            yield ledger
        finally:
            with suppress(OutputError):
                _clear_up(out, ledger)


def _clear_up(out: Path, ledger: Ledger) -> None:
    ledger.close_interrupted()
    with _writing(out):
        sweep(out)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}") from error


def look(
    plan: Plan, out: Path, ledger: Ledger, way: Way, choice: Choice, *, ahead: int = AHEAD
) -> Iterator[Looked]:
    """Where each patient of a plan stands, in order; files are hashed some patients ahead, in threads."""
    settings_sha256 = way.sha256()
    waiting: deque[Future[Looked]] = deque()
    with ThreadPoolExecutor(AHEAD) as threads:
        try:
            for job in plan.jobs:
                known = (job, patient_folder(out, job.key), settings_sha256, choice.retry)
                last, files = ledger.last(job.key), ledger.files(job.key)
                waiting.append(threads.submit(_look_at, *known, last, files))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)


def _look_at(
    job: PatientJob,
    folder: Path,
    settings_sha256: str,
    retry: Retry | None,
    last: Attempt | None,
    files: tuple[ResultFile, ...],
) -> Looked:
    if retry is not None and (last is None or last.status != retry):
        return Looked(job, "left" if last is None else "kept")
    digest = digest_of_job(job)
    if last is None:
        return Looked(job, "new", digest)
    if last.work != Work(digest.sha256, settings_sha256, __version__):
        return Looked(job, "changed", digest)
    if retry is not None or last.status == "failed" or last.code in PASSING:
        return Looked(job, "again", digest)
    if last.status == "done" and not is_whole(folder, files):
        return Looked(job, "damaged", digest)
    return Looked(job, "kept", digest)


@dataclass(slots=True)
class Run:
    """One run over a plan: gives the engine its tasks and takes their outcomes."""

    out: Path
    ledger: Ledger
    way: Way
    tell: Tell
    _running: dict[int, Looked] = field(default_factory=dict)

    def tasks(self, looked: Iterator[Looked], limit: int | None) -> Iterator[Task]:
        """A task for each patient that is to be done, begun in the ledger as the engine takes it."""
        for one in islice(self._to_do(looked), limit):
            yield self._begin(one)

    def _to_do(self, looked: Iterator[Looked]) -> Iterator[Looked]:
        for one in looked:
            if one.standing in TO_DO:
                yield one
            else:
                self.tell(Told(one.job.key, standing=one.standing))

    def _begin(self, one: Looked) -> Task:
        input_sha256 = one.digest.sha256 if one.digest is not None else None
        number = self.ledger.begin(one.job.key, Work(input_sha256, self.way.sha256(), __version__))
        with _writing(self.out):
            stage = new_stage(self.out)
            write_order(Order(one.job, self.way, salt_mark()), stage)
        self._running[number] = one
        self.tell(Told(one.job.key, standing=one.standing))
        return Task(number, one.job.key, stage)

    def end(self, task: Task, outcome: Outcome) -> None:
        """Publish what was made, then finish the row of the ledger.

        Raises
        ------
        OutputError
            Where there is no place for results: it will be so for the next patient too.
        UsageError
            Where a cluster's machine does not see the folder.
        """
        one = self._running.pop(task.number)
        if outcome.status == "done" and one.digest is not None and touched_since(one.job, one.digest):
            outcome = replace(outcome, status="failed", code=INPUT_CHANGED, folder=None, files=())
        if outcome.folder is not None:
            with _writing(self.out):
                publish(task.stage / outcome.folder, self.out, task.key, self.ledger.files(task.key))
        self.ledger.finish(task.number, outcome)
        remove_stage(task.stage)
        _log(task.number, outcome)
        self.tell(Told(task.key, outcome=outcome))
        if outcome.exit_code == OutputError.exit_code:
            raise OutputError(f"cannot write to {self.out}: {outcome.reason}")
        if outcome.code == NOT_SHARED:
            raise UsageError(f"a worker of the cluster does not see {self.out}: it must lie on a shared disk")

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Write down who was refused before anything was read, unless the ledger says so already."""
        work = Work(None, self.way.sha256(), __version__)
        for one in refusals:
            last = self.ledger.last(one.key)
            if last is None or (last.status, last.code, last.work) != ("refused", one.code, work):
                outcome = Outcome("refused", one.code, one.message, exit_code=3)
                self.ledger.finish(number := self.ledger.begin(one.key, work), outcome)
                _log(number, outcome)


def run_batch(
    plan: Plan, out: Path, way: Way, engine: Engine, limits: Limits, choice: Choice, tell: Tell
) -> dict[str, Attempt]:
    """Do every patient of a plan that is not done yet, then write the tables and the page over all of them.

    Done is who was done with the same inputs, settings and program, and whose results are there as they were.

    Parameters
    ----------
    out : Path
        Holds the ledger and the patients' folders; what is there is gone on with.
    tell : callable
        Told of each patient where it stands, and how its attempt ended.

    Returns
    -------
    dict
        Key → last attempt, of this run or an earlier one, for the patients of the plan that were ever tried.

    Raises
    ------
    OutputError
        If results cannot be written. What was published stays, and the same call goes on from there.
    """
    check_installed()  # before the first patient, not after the last
    with workplace(out) as ledger:
        run = Run(out, ledger, way, tell)
        run.refuse(plan.refusals)
        looked = look(plan, out, ledger, way, choice)
        engine.run(run.tasks(looked, choice.limit), limits, run.end)
        attempts = _attempts(plan, ledger)
        write_summaries(out, plan, tuple(attempts.values()))
    return attempts


def _attempts(plan: Plan, ledger: Ledger) -> dict[str, Attempt]:
    known = ledger.last_of_all()
    keys = [job.key for job in plan.jobs] + [refusal.key for refusal in plan.refusals]
    return {key: known[key] for key in sorted(keys) if key in known}


def intent(plan: Plan, out: Path, way: Way, choice: Choice) -> Iterator[tuple[str, Standing]]:
    """What a run would do with each patient, in order; where OUT has no ledger none is made.

    Raises
    ------
    OutputError
        If the ledger cannot be read, or another run is at work.
    """
    if not (out / NAME).exists():
        yield from ((job.key, "new") for job in plan.jobs[: choice.limit])
        return
    left = choice.limit
    with only_one(out), open_ledger(out) as ledger:
        for one in look(plan, out, ledger, way, choice):
            to_do = one.standing in TO_DO
            yield one.job.key, "left" if to_do and left == 0 else one.standing
            left = left - 1 if to_do and left else left


def _log(number: int, outcome: Outcome) -> None:
    """One line for an attempt, by its number: the patient's key stays in the ledger."""
    told = {"attempt": number, "status": outcome.status, "code": outcome.code, "seconds": outcome.seconds}
    LOGGER.info("patient", extra={**told, "peak_mb": outcome.peak_mb})
