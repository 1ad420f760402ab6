"""A complete study is measured, and compared with the patient's earlier dates.

``patients/PATIENT/DATE_STUDY/`` holds what was known on that date: ``t0/`` alone for the first date, the
folder of ``compare`` over all dates up to it for a later one. Later dates do not change it.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pipeline.batch.attempt import Outcome
from pipeline.batch.job import PatientJob
from pipeline.batch.order import Order, Way, salt_mark, write_order
from pipeline.batch.places import sync_folder
from pipeline.batch.process import STOPPED, Limits, run_child
from pipeline.config import ReceiveSettings, Settings
from pipeline.dicom.headers import TAGS
from pipeline.dicom.parse import parse_header
from pipeline.dicom.write import SEG_NAME, SR_NAME
from pipeline.errors import OutputError
from pipeline.receive.state import Letter, State, Study
from pipeline.receive.store import Store
from pipeline.receive.telling import News, Teller, private
from pipeline.running.inputs import ScanInput

PATIENTS = "patients"
PART, OLD = ".part", ".old"
MOST_WAIT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    state: Literal["done", "refused", "failed", "not_written", "stopped"]
    code: str | None = None

    @classmethod
    def of(cls, outcome: Outcome) -> Ending:
        """What an attempt comes to for a study."""
        if outcome.status == "done" or outcome.status == "refused":
            return cls(outcome.status, outcome.code)
        if outcome.code == STOPPED:
            return cls("stopped")
        return cls("not_written" if outcome.exit_code == OutputError.exit_code else "failed", outcome.code)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a study is worked on with."""

    out: Path
    settings: ReceiveSettings
    way: Way  #: how scans are measured
    store: Store
    state: State
    tell: Teller
    stop: threading.Event
    clock: Callable[[], float] = time.time

    def results(self, study: Study) -> Path:
        """Where the results of a study go."""
        day = "undated" if study.date is None else study.date.isoformat()
        return self.out / PATIENTS / _patient(study) / f"{day}_{study.key}"


def way_of(settings: Settings) -> Way:
    """How scans are measured; the node's own settings are no part of it."""
    return Way(settings.model_copy(update={"receive": ReceiveSettings()}))


def _patient(study: Study) -> str:
    return study.patient or f"unknown-{study.key}"


def work_on_next(desk: Desk) -> bool:
    """Work on the study that waits first; whether there was one."""
    take_up(desk)
    study = desk.state.next_waiting(desk.clock())
    if study is None or not desk.state.move(study.key, "working", of=("waiting",)):
        return False
    desk.state.count_attempt(study.key, 1)
    started = time.monotonic()
    try:
        ending = _work_on(desk, study)
        if ending.state == "done":
            post_results(desk, study)
    except OSError:
        ending = Ending("not_written", "NO_OUTPUT")
    _finish(desk, study, ending, time.monotonic() - started)
    return True


def _work_on(desk: Desk, study: Study) -> Ending:
    """Compare with earlier dates; measure alone where there are none, or they do not go together."""
    private(desk.results(study).parent)
    earlier = earlier_dates(desk, study)
    if earlier:
        ending = _run(desk, [*earlier, study])
        if ending.state not in ("refused", "failed"):
            return ending
        desk.tell(News("not compared", study.key, study.patient, code=ending.code, bad=True))
    return _run(desk, [study])


def earlier_dates(desk: Desk, study: Study) -> list[Study]:
    """The patient's earlier dates to compare with: the first, and the latest of the others.

    Left out and told are those of another date of birth or sex: two patients under one identifier.
    """
    if study.patient is None or study.date is None:
        return []
    place = (study.date, study.key)
    before = [
        one
        for one in desk.state.of_patient(study.patient)
        if one.date is not None and (one.date, one.key) < place and one.state == "done" and one.kept
    ]
    fitting = [one for one in before if _may_be_one_patient(one, study)]
    if len(fitting) < len(before):
        news = News("earlier date left out", study.key, study.patient, code="PATIENT_MISMATCH", bad=True)
        desk.tell(replace(news, count=len(before) - len(fitting)))
    return _first_and_latest(fitting, desk.settings.most_dates - 1)


def _first_and_latest(studies: list[Study], most: int) -> list[Study]:
    if len(studies) <= most:
        return studies
    return [studies[0], *studies[len(studies) - most + 1 :]][:most]


def _may_be_one_patient(one: Study, other: Study) -> bool:
    pairs = ((one.birth, other.birth), (one.sex, other.sex))
    return all(not a or not b or a == b for a, b in pairs)


def _run(desk: Desk, studies: Sequence[Study]) -> Ending:
    """Measure one study or compare several in another process; publish what it wrote, if it did all."""
    final = desk.results(studies[-1])
    stage = final.with_name(f".{final.name}{PART}")
    shutil.rmtree(stage, ignore_errors=True)
    private(stage)
    scans = tuple(ScanInput(desk.store.folder(one.key)) for one in studies)
    write_order(Order(PatientJob(_patient(studies[-1]), scans), desk.way, salt_mark()), stage)
    limits = Limits(desk.settings.memory_gb * 1024, desk.settings.minutes * 60)
    outcome = run_child(stage, limits, stop=desk.stop)
    if outcome.status == "done" and outcome.folder is not None:
        _publish(stage / outcome.folder, final)
    shutil.rmtree(stage, ignore_errors=True)
    return Ending.of(outcome)


def _publish(results: Path, final: Path) -> None:
    """Give results their name, in place of those of an earlier run."""
    old = final.with_name(f".{final.name}{OLD}")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    results.rename(final)
    sync_folder(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def _finish(desk: Desk, study: Study, ending: Ending, seconds: float) -> None:
    """Keep how it ended; a study that more images came for meanwhile stays one that is received."""
    key, code = study.key, ending.code
    if ending.state == "stopped" or ending.state == "not_written":
        wait_s = 0.0 if ending.state == "stopped" else desk.settings.retry_seconds
        desk.state.count_attempt(key, -1)
        desk.state.move(key, "waiting", of=("working",), code=code, not_before_s=desk.clock() + wait_s)
    else:
        desk.state.move(key, ending.state, of=("working",), code=code)
    event, bad = f"study {ending.state}".replace("_", " "), ending.state not in ("done", "stopped")
    desk.tell(News(event, key, study.patient, code=code, seconds=round(seconds, 1), bad=bad))
    if ending.state == "done":
        _wake_later_dates(desk, study)


def _wake_later_dates(desk: Desk, study: Study) -> None:
    """Have later dates that were worked on before this earlier one came compared with it."""
    if study.patient is None or study.date is None:
        return
    place = (study.date, study.key)
    for one in desk.state.of_patient(study.patient):
        if one.kept and one.date is not None and (one.date, one.key) > place:
            desk.state.move(one.key, "waiting", of=("done",))


def post_results(desk: Desk, study: Study) -> None:
    """Put SEG and SR of all dates into the outbox, for each place that results go to."""
    folder = desk.results(study)
    files = [file for name in (SEG_NAME, SR_NAME) for file in sorted(folder.glob(f"**/{name}"))]
    for file in files:
        uid = uid_of(file)
        for destination in desk.settings.send_to if uid else ():
            path = file.relative_to(desk.out).as_posix()
            desk.state.post(Letter(uid, destination, path, study.key, 0))


def uid_of(file: Path) -> str:
    """The SOP Instance UID of an object that this program wrote; empty where it is gone."""
    try:
        with file.open("rb") as stream:
            fields = parse_header(stream, (TAGS["SOPInstanceUID"],))
    except FileNotFoundError:
        return ""
    return "" if fields is None else fields.uid(TAGS["SOPInstanceUID"])


def sweep(folder: Path) -> None:
    """Finish or undo what a stop has interrupted in the folder of a patient."""
    for old in folder.glob(f".*{OLD}"):
        final = old.with_name(old.name[1 : -len(OLD)])
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(final)
    for stage in folder.glob(f".*{PART}"):
        shutil.rmtree(stage, ignore_errors=True)


def take_up(desk: Desk) -> None:
    """Take up again what was broken off, by a stop or a full disk; what ended the node too often is left."""
    for study in desk.state.working():
        if study.attempts < desk.settings.tries:
            desk.state.move(study.key, "waiting", of=("working",))
        else:
            desk.state.move(study.key, "failed", of=("working",), code="TRIES")
            desk.tell(News("study failed", study.key, study.patient, code="TRIES", bad=True))


def clear_up(desk: Desk) -> None:
    """Finish or undo in all results what a stop has interrupted."""
    for folder in (desk.out / PATIENTS).glob("*"):
        sweep(folder)


def forget_old(desk: Desk) -> int:
    """Delete the images of finished studies that were kept long enough; how many studies."""
    oldest = desk.clock() - desk.settings.keep_days * 86_400
    old = [
        one
        for one in desk.state.studies()
        if one.kept and one.state in ("done", "refused", "failed") and one.last_image_s <= oldest
    ]
    return sum(desk.store.forget(one.key) for one in old)
