"""A scan from whatever the user names: DICOM in a folder, zip or file, or NIfTI."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.domain.scan import KernelPreference, Scan
from pipeline.errors import InputRefused, UsageError
from pipeline.running.inputs import ScanInput

if TYPE_CHECKING:
    from pipeline.domain.anatomy import Anatomy
    from pipeline.domain.change import Comparison
    from pipeline.domain.outlines import Outlines


def is_nifti(path: Path) -> bool:
    """Whether a path is named like a NIfTI file."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def load_scan(given: ScanInput, *, kernel: KernelPreference = "soft_tissue") -> Scan:
    """Read a scan; a date given by the user stands in place of the one in the header.

    Parameters
    ----------
    kernel : str
        Of what kernel the series should be, where there are several.

    Raises
    ------
    InputRefused
        With the code of what cannot be trusted.
    """
    if is_nifti(given.path):
        from pipeline.nifti import read_volume

        scan = read_volume(given.path)
    else:
        from pipeline.dicom.read import read_scan

        scan = read_scan(given.path, series_uid=given.series_uid, kernel=kernel)
    return scan if given.date is None else dated(scan, given.date)


def load_anatomy(path: Path | None, names: Path | None, scan: Scan) -> Anatomy | None:
    """The anatomy that goes with a scan, if one was given.

    Raises
    ------
    UsageError
        For names without a label map.
    InputRefused
        With the code of what does not fit.
    """
    if path is None:
        if names is not None:
            raise UsageError("--names goes with --anatomy")
        return None
    from pipeline.anatomy.read import read_anatomy

    return read_anatomy(path, names, scan)


def load_outlines(path: Path | None, scan: Scan, *, resample: bool) -> Outlines | None:
    """The lesions that a human outlined on a scan, if any were given.

    Raises
    ------
    InputRefused
        With the code of what does not fit.
    """
    if path is None:
        return None
    from pipeline.outlines.read import read_outlines

    return read_outlines(path, scan, resample=resample)


def under_key(scans: Sequence[Scan], patient_key: str | None) -> list[Scan]:
    """Scans under the key the user gives them; called after they were compared for being one patient's.

    Raises
    ------
    UsageError
        If nothing of the key can be shown.
    """
    if patient_key is None:
        return list(scans)
    from pipeline.dicom.acquisition import clean_text

    key = clean_text(patient_key)
    if key is None:
        raise UsageError("--patient-key wants a text with letters or digits")
    return [replace(one, acquisition=replace(one.acquisition, patient_key=key)) for one in scans]


def with_flagged_changes(scans: Sequence[Scan]) -> list[Scan]:
    """Scans whose flags name what was changed since the first."""
    from pipeline.steps.succession import flag_changes

    first = scans[0].acquisition
    return [replace(one, flags=(*one.flags, *flag_changes(first, one.acquisition))) for one in scans]


def with_dates_moved(scans: Sequence[Scan]) -> list[Scan]:
    """Scans with all dates moved by one offset, the same for a patient in every run of this user.

    Raises
    ------
    UsageError
        Where there is no patient key or salt to take the offset from.
    InputRefused
        BAD_DATE for one of the first years there are.
    """
    from pipeline.dicom.identity import config_folder, date_shift_days, load_salt

    keys = [one.acquisition.patient_key for one in scans]
    salt = load_salt(config_folder())
    if salt is None or keys[0] is None:
        raise UsageError("--dates shift needs a patient key: give --patient-key, or --dates drop")
    shift = dt.timedelta(days=date_shift_days(keys[0], salt))
    try:
        return [
            dated(one, one.acquisition.study_date and one.acquisition.study_date - shift) for one in scans
        ]
    except OverflowError as error:
        raise InputRefused("BAD_DATE", "a date is too early to be moved back by ten years") from error


def without_dates(scan: Scan) -> Scan:
    """The scan without its date."""
    return dated(scan, None)


def dated(scan: Scan, date: dt.date | None) -> Scan:
    """The scan under another date, or none."""
    return replace(scan, acquisition=replace(scan.acquisition, study_date=date))


def drop_dates(comparison: Comparison) -> Comparison:
    """A comparison without dates, of scans or of the case; order and the days between them stay."""
    return replace(
        comparison,
        analyses=tuple(replace(one, scan=without_dates(one.scan)) for one in comparison.analyses),
        time_points=tuple(replace(point, date=None) for point in comparison.time_points),
        case=comparison.case.without_dates(),
    )
