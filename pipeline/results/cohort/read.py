"""The results of one patient of a batch, as its files say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import OutputError

Plain = dict[str, Any]
State = Literal["done", "refused", "failed", "not_run"]
MEASUREMENTS, COMPARISON = "measurements.json", "comparison.json"


@dataclass(frozen=True, slots=True)
class PatientState:
    """What became of a patient."""

    key: str
    state: State
    code: str | None = None  #: of a refusal or failure
    reason: str | None = None  #: one line


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """A patient's numbers, as they stand in the files."""

    about: PatientState
    folder: str  #: within the results of the batch, with /
    scans: tuple[Plain, ...] = ()  #: contents of measurements.json, in order of date
    comparison: Plain | None = None  #: content of comparison.json; None for one scan


def read_patient(about: PatientState, out: Path, folder: str) -> PatientRecord:
    """Read what was written for a patient; nothing is read of one who is not done.

    Raises
    ------
    OutputError
        If a file is missing or damaged.
    """
    if about.state != "done":
        return PatientRecord(about, folder)
    own = out / folder
    compared = _read(own / COMPARISON) if (own / COMPARISON).exists() else None
    count = len(compared["time_points"]) if compared is not None else 1
    scans = tuple(_read(own / f"t{n}" / MEASUREMENTS) for n in range(count))
    return PatientRecord(about, folder, scans, compared)


def _read(file: Path) -> Plain:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise OutputError(f"the results of a patient are missing or damaged: {file}") from error
    if not isinstance(content, dict) or content.get("schema_version") != 1:
        raise OutputError(f"the results of a patient are of another version: {file}")
    return content
