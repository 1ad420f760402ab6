"""A scan from whatever the user names: DICOM in a folder, zip or file, or NIfTI."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

from pipeline.domain.scan import Scan


def is_nifti(path: Path) -> bool:
    """Whether a path is named like a NIfTI file."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def load_scan(path: Path, *, series_uid: str | None, date: dt.date | None) -> Scan:
    """Read a scan; a date given by the user stands in place of the one in the header.

    Raises
    ------
    InputRefused
        With the code of what cannot be trusted.
    """
    if is_nifti(path):
        from pipeline.nifti import read_volume

        scan = read_volume(path)
    else:
        from pipeline.dicom.read import read_scan

        scan = read_scan(path, series_uid=series_uid)
    if date is None:
        return scan
    return replace(scan, acquisition=replace(scan.acquisition, study_date=date))
