"""Scans and what goes with them, from files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.domain.scan import Acquisition, KernelPreference, Scan
from pipeline.running.inputs import ScanInput
from pipeline.running.scans import load_scan

if TYPE_CHECKING:
    from pipeline.domain.anatomy import Anatomy
    from pipeline.domain.outlines import Outlines
    from pipeline.phantoms import PhantomScan


def read_ct(
    path: str | Path,
    *,
    series_uid: str | None = None,
    date: dt.date | None = None,
    kernel: KernelPreference = "soft_tissue",
) -> Scan:
    """Read one CT series.

    Parameters
    ----------
    path : str or Path
        Folder of DICOM files (searched to the bottom), zip, enhanced multi-frame file, or NIfTI in HU.
    series_uid : str, optional
        The series to read; without it the thinnest series for soft tissue is chosen, and a flag says why.
    date : datetime.date, optional
        In place of the one in the header.
    kernel : str
        Of what kernel the series should be, where there are several: "soft_tissue", "bone" or "any".

    Raises
    ------
    InputRefused
        With the code of what cannot be trusted, as listed in ``docs/dicom.md``.
    """
    return load_scan(ScanInput(Path(path), series_uid, date), kernel=kernel)


def read_anatomy(path: str | Path, scan: Scan, *, names: str | Path | None = None) -> Anatomy:
    """Read bones and organs that you have as a label map: NIfTI or DICOM SEG.

    Parameters
    ----------
    path : str or Path
        The label map.
    scan : Scan
        That the labels belong to; they are carried to its grid.
    names : str or Path, optional
        File that names the values, where the label map does not: JSON, YAML or text.

    Raises
    ------
    InputRefused
        ANATOMY_NAMES, ANATOMY_MISMATCH and what else cannot be trusted.
    """
    from pipeline.anatomy.read import read_anatomy as read

    return read(Path(path), None if names is None else Path(names), scan)


def read_outlines(path: str | Path, scan: Scan, *, resample: bool = False) -> Outlines:
    """Read lesions that you outlined: NIfTI or DICOM SEG, one value or segment for each.

    Parameters
    ----------
    path : str or Path
        The outlines.
    scan : Scan
        That they were drawn on.
    resample : bool
        Take the nearest label at each voxel where the grids differ. Without it, that is refused.

    Raises
    ------
    InputRefused
        LESIONS_GRID, LESIONS_MISMATCH, LESIONS_EMPTY, LESIONS_OVERLAP and what else cannot be trusted.
    """
    from pipeline.outlines.read import read_outlines as read

    return read(Path(path), scan, resample=resample)


def phantom(seed: int = 1) -> tuple[Scan, Scan]:
    """The reference case with known truth: a scan with lesions and, 11 months later, one without.

    It takes half a minute. ``calcinosis phantom OUT`` writes the same as DICOM, with its truth.

    Parameters
    ----------
    seed : int
        Of noise and texture; the lesions are the same for all.
    """
    from pipeline.phantoms import build, reference_case

    first, later = (_as_scan(build(case), seed) for case in reference_case(seed))
    return first, later


def _as_scan(made: PhantomScan, seed: int) -> Scan:
    from pipeline.sitk_images import scan_of

    known = Acquisition(
        patient_key=f"phantom-{seed}",
        study_date=made.date,
        age_years=made.age_years,
        sex="F",
        manufacturer=made.manufacturer,
        kvp=made.kvp,
        kernel=made.kernel,
        slice_thickness_mm=made.slice_thickness_mm,
    )
    return scan_of(made.volume.hu, made.volume.geometry, known)
