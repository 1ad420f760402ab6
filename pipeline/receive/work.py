"""A complete study is measured, and compared with the patient's earlier dates.

``patients/PATIENT/DATE_STUDY/`` holds what was known on that date: the folder of ``measure`` for the first
date, the folder of ``compare`` over all dates up to it for a later one. Later dates do not change it.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.config import ReceiveSettings
from pipeline.dicom.headers import TAGS
from pipeline.dicom.parse import parse_header
from pipeline.dicom.write import SEG_NAME, SR_NAME
from pipeline.receive.child import ChildLimits, Ending, run_command
from pipeline.receive.state import Letter, State, Study
from pipeline.receive.store import Store
from pipeline.receive.telling import News, Teller, private

PATIENTS = "patients"
MOST_WAIT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Desk:
    """What a study is worked on with."""

    out: Path
    settings: ReceiveSettings
    settings_file: Path  #: how scans are measured
    store: Store
    state: State
    tell: Teller
    stop: threading.Event
    clock: Callable[[], float] = time.time

    def results(self, study: Study) -> Path:
        """Where the results of a study go."""
        patient = study.patient or f"unknown-{study.key}"
        day = "undated" if study.date is None else study.date.isoformat()
        return self.out / PATIENTS / patient / f"{day}_{study.key}"


def work_on_next(desk: Desk) -> bool:
    """Work on the study that waits first; whether there was one."""
    study = desk.state.next_waiting(desk.clock())
    if study is None or not desk.state.move(study.key, "working", of=("waiting",)):
        return False
    desk.state.count_attempt(study.key, 1)
    started = time.monotonic()
    ending = _work_on(desk, study)
    if ending.state == "done":
        post_results(desk, study)
    _finish(desk, study, ending, time.monotonic() - started)
    return True


def _work_on(desk: Desk, study: Study) -> Ending:
    """Compare with earlier dates; measure alone where there are none, or they do not go together."""
    private(desk.results(study).parent)
    earlier = earlier_dates(desk, study)
    if earlier:
        ending = _run(desk, "compare", [*earlier, study])
        if ending.state not in ("refused", "failed"):
            return ending
        desk.tell(News("not compared", study.key, study.patient, code=ending.code, bad=True))
    return _run(desk, "measure", [study])


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


def _run(desk: Desk, command: str, studies: Sequence[Study]) -> Ending:
    folders = [desk.store.folder(one.key) for one in studies]
    out = desk.results(studies[-1])
    options = ("-o", out, "--overwrite", "--config", desk.settings_file)
    limits = ChildLimits(desk.settings.minutes * 60, int(desk.settings.memory_gb * 2**30))
    ending = run_command([command, *folders, *options], limits, desk.stop)
    sweep_stages(out.parent)
    return ending


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


def sweep_stages(folder: Path) -> None:
    """Remove what a run that was ended has staged."""
    for stage in folder.glob(".*.part"):
        shutil.rmtree(stage, ignore_errors=True)


def resume(desk: Desk) -> None:
    """Take up what a stop has broken off; what has ended the node too often is left."""
    for study in desk.state.studies():
        if study.state != "working":
            continue
        if study.attempts < desk.settings.tries:
            desk.state.move(study.key, "waiting", of=("working",))
        else:
            desk.state.move(study.key, "failed", of=("working",), code="TRIES")
            desk.tell(News("study failed", study.key, study.patient, code="TRIES", bad=True))
    for folder in (desk.out / PATIENTS).glob("*"):
        sweep_stages(folder)


def forget_old(desk: Desk) -> int:
    """Delete the images of finished studies that were kept long enough; how many studies."""
    oldest = desk.clock() - desk.settings.keep_days * 86_400
    old = [
        one
        for one in desk.state.studies()
        if one.kept and one.state in ("done", "refused", "failed") and one.last_image_s <= oldest
    ]
    return sum(desk.store.forget(one.key) for one in old)
