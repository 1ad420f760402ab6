"""What is known of one attempt at a patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["running", "done", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Work:
    """What decides the results of a patient: equal work gives equal bytes."""

    input_sha256: str | None  #: of all files; None where a patient was refused before any was read
    settings_sha256: str  #: of all settings and of what is written
    version: str  #: of this program


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A file that was published."""

    name: str  #: within the patient's folder, with /
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. No text in it comes from the images."""

    status: Status
    code: str | None = None  #: of the refusal or failure; None when done
    reason: str | None = None  #: of a refusal, one line
    error: str | None = None  #: kind of error, where it failed
    place: str | None = None  #: module, line and function where it failed
    exit_code: int | None = None  #: of the process; minus the signal that ended it
    seconds: float = 0.0
    peak_mb: float | None = None  #: largest resident memory of the process
    libraries: str | None = None  #: Python and libraries with their versions
    worker: str | None = None  #: name of the machine, of a cluster
    folder: str | None = None  #: of the results, within the stage, where there are some to be published
    files: tuple[ResultFile, ...] = ()  #: in it


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of the ledger."""

    key: str  #: of the patient
    status: Status
    started: str  #: UTC, ISO 8601
    work: Work
    code: str | None = None
    reason: str | None = None
    error: str | None = None
    place: str | None = None
    exit_code: int | None = None
    seconds: float | None = None
    peak_mb: float | None = None
    libraries: str | None = None
    worker: str | None = None
