"""The order that a process is given for one patient, as a JSON file, and its answer."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.batch.attempt import Outcome, ResultFile
from pipeline.batch.job import PatientJob
from pipeline.config import Settings
from pipeline.config.settings import settings_from
from pipeline.dicom.identity import config_folder, keyed_hash, load_salt
from pipeline.running.inputs import Dates, ScanInput

ORDER = "job.json"


@dataclass(frozen=True, slots=True)
class Way:
    """How all patients are measured and what is written of each; plain values, unlike a run's options."""

    settings: Settings
    no_dicom: bool = False
    deidentify: bool = False
    dates: Dates = Dates.KEEP
    same_patient: bool = False
    resample_lesions: bool = False

    def sha256(self) -> str:
        """Hash of all that decides the results beside inputs and program, with the user's salt."""
        content = {**_plain_way(self), "salt": salt_mark()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Order:
    """One patient, to be measured into a folder."""

    job: PatientJob
    way: Way
    salt: str | None  #: mark of the salt that keys are made with: another one would give other keys
    version: str = __version__  #: of the program that asks


def salt_mark() -> str | None:
    """A text that tells whether two processes have the same salt, and nothing else."""
    return keyed_hash("mark", load_salt(config_folder()), kind="mark")


def write_order(order: Order, stage: Path) -> None:
    """Write the order of an attempt into its folder.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    job = dataclasses.asdict(order.job)
    content = {"job": job, "way": _plain_way(order.way), "salt": order.salt, "version": order.version}
    handle = os.open(stage / ORDER, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # names of files are in it
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(content, default=str))


def read_order(file: Path) -> Order:
    """The order in a file."""
    content = json.loads(file.read_text(encoding="utf-8"))
    job, way = content["job"], content["way"]
    scans = tuple(_scan(one) for one in job["scans"])
    known = Way(**{**way, "settings": settings_from(way["settings"]), "dates": Dates(way["dates"])})
    return Order(
        PatientJob(job["key"], scans, _path(job["case"])), known, content["salt"], content["version"]
    )


def write_answer(outcome: Outcome, file: Path) -> None:
    """Write how an attempt ended, whole and on the disk.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    part = file.with_name(f"{file.name}.part")
    with part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(json.dumps(dataclasses.asdict(outcome)))
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)


def read_answer(file: Path) -> Outcome | None:
    """How an attempt ended; None where its process did not come to say so."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return Outcome(**{**content, "files": tuple(ResultFile(**one) for one in content["files"])})


def _plain_way(way: Way) -> dict[str, Any]:
    named = {field.name: getattr(way, field.name) for field in dataclasses.fields(way)}
    return {**named, "settings": way.settings.model_dump(mode="json"), "dates": str(way.dates)}


def _scan(content: dict[str, Any]) -> ScanInput:
    files = {name: _path(content[name]) for name in ("anatomy", "names", "lesions")}
    day = content["date"] and dt.date.fromisoformat(content["date"])
    return ScanInput(Path(content["path"]), content["series_uid"], day, **files)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
