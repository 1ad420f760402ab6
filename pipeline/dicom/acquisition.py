"""How a scan was made, in clean values: dates, age, kernel, and keys instead of names."""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from typing import Literal

from pipeline.dicom.headers import Exam, SliceHeader
from pipeline.dicom.identity import keyed_hash
from pipeline.domain.fingerprint import with_hashes
from pipeline.domain.image import CTVolume
from pipeline.domain.scan import Acquisition

DAYS_PER_YEAR = 365.2425
AGE_UNITS_PER_YEAR = {"D": DAYS_PER_YEAR, "W": DAYS_PER_YEAR / 7, "M": 12.0, "Y": 1.0}
MAX_AGE_YEARS = 130.0
MAX_TEXT = 64
"""Length of a DICOM long string (PS3.5 6.2)."""

MARKUP = "<>|`\"'"
FORMULA_START = "=+-@ "
"""What a browser, a shell or a spreadsheet would obey; no kernel or maker is named so."""


def describe(slices: list[SliceHeader], volume: CTVolume, salt: bytes | None) -> Acquisition:
    """Say how a checked stack was made; what its slices disagree on is unknown."""
    first = slices[0]
    exams = [s.exam for s in slices]
    fields = Acquisition(
        patient_key=keyed_hash(first.patient.identifier, salt, kind="patient"),
        birth_key=keyed_hash(_digits_of(first.patient.birth_date), salt, kind="birth"),
        study_date=study_date(first.exam),
        age_years=age_years(first.exam, first.patient.birth_date),
        sex=_sex(first.patient.sex),
        manufacturer=clean_text(first.exam.manufacturer),
        kvp=_agreed([e.kvp for e in exams]),
        kernel=clean_text(first.exam.kernel) if len({e.kernel for e in exams}) == 1 else None,
        slice_thickness_mm=_agreed([e.slice_thickness_mm for e in exams]),
        contrast_agent=True if any(e.contrast_agent for e in exams) else None,
        ctdi_vol_mgy=_mean([e.ctdi_vol_mgy for e in exams]),
        study_instance_uid=first.exam.study_instance_uid or None,
        series_instance_uid=first.series_instance_uid or None,
        frame_of_reference_uid=first.grid.frame_of_reference_uid or None,
    )
    return with_hashes(fields, volume)


def study_date(exam: Exam) -> dt.date | None:
    """The date of the study, else of the images; None where neither is valid."""
    return parse_date(exam.study_date) or parse_date(exam.acquisition_date)


def parse_date(text: str) -> dt.date | None:
    """A DICOM date, also in the old form with dots; None if it is none."""
    match = re.fullmatch(r"(\d{4})\.?(\d{2})\.?(\d{2})", text)
    if match is None:
        return None
    try:
        return dt.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def age_years(exam: Exam, birth_date: str) -> float | None:
    """Age at the study: as stated if validly so (PS3.5 AS), else from the dates; None if neither."""
    stated = re.fullmatch(r"(\d{3})([DWMY])", exam.age)
    born, scanned = parse_date(birth_date), parse_date(exam.study_date)
    if stated:
        age = int(stated[1]) / AGE_UNITS_PER_YEAR[stated[2]]
    elif born and scanned:
        age = (scanned - born).days / DAYS_PER_YEAR
    else:
        return None
    return round(age, 3) if 0 <= age <= MAX_AGE_YEARS else None


def clean_text(text: str) -> str | None:
    """A text without control characters, markup or the start of a formula, at most 64 long.

    Returns
    -------
    str or None
        None if nothing is left.
    """
    visible = "".join(c for c in text if unicodedata.category(c)[0] != "C" and c not in MARKUP)
    return visible.lstrip(FORMULA_START).strip()[:MAX_TEXT] or None


def _digits_of(date: str) -> str:
    """A date of birth in one form, so that the old form with dots gives the same key."""
    return date.replace(".", "")


def _sex(text: str) -> Literal["F", "M", "O"] | None:
    known: dict[str, Literal["F", "M", "O"]] = {"F": "F", "M": "M", "O": "O"}
    return known.get(text.upper())


def _agreed(values: list[float | None]) -> float | None:
    """The value all slices state; None if they differ or do not say."""
    first = values[0]
    return first if all(v == first or _close(v, first) for v in values) else None


def _mean(values: list[float | None]) -> float | None:
    """Of what all slices state: the dose follows the patient's thickness from slice to slice."""
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 2) if len(known) == len(values) else None


def _close(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and math.isclose(one, other, rel_tol=1e-3)
