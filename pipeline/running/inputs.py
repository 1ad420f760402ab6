"""What a run is told: scans as the user names them, and options; quick to import."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputRefused

if TYPE_CHECKING:
    from pipeline.config import Settings
    from pipeline.dicom.writing import Writing


class Dates(StrEnum):
    """What becomes of dates in the results; intervals stay right in all three."""

    KEEP = "keep"
    SHIFT = "shift"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class ScanInput:
    """One date as the user names it."""

    path: Path  #: folder, zip, enhanced multi-frame file, or NIfTI in HU
    series_uid: str | None = None  #: None: as the settings choose
    date: dt.date | None = None  #: in place of the one in the header
    anatomy: Path | None = None  #: label map of bones and organs
    names: Path | None = None  #: of its labels
    lesions: Path | None = None  #: outlined by a human


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How scans are measured and what is written."""

    settings: Settings
    writing: Writing | None  #: of objects for the archive; None: none
    dates: Dates = Dates.KEEP
    patient_key: str | None = None  #: in place of the one made from the header
    same_patient: bool = False  #: the scans are of one patient, whatever their headers say
    resample_lesions: bool = False  #: take outlines of another grid too
    deidentify: bool = False  #: no result holds a UID of the source

    @property
    def hides_source(self) -> bool:
        """Whether results must not lead back to the images: also where their dates are not the true ones."""
        return self.deidentify or self.dates is not Dates.KEEP


def require_found(path: Path | None, what: str) -> None:
    """Refuse what is not there before anything is read, by what it is: its path may hold a person's name.

    Raises
    ------
    InputRefused
        NOT_FOUND.
    """
    if path is not None and not os.path.lexists(path):
        raise InputRefused("NOT_FOUND", f"{what}: there is no such file or folder")
