"""One CT series as it was acquired, and what to beware of in it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.domain.elsewhere import in_notebook
from pipeline.domain.image import CTVolume
from pipeline.domain.source import Source

Severity = Literal["info", "warning", "serious"]
KernelPreference = Literal["soft_tissue", "bone", "any"]
"""Of what kernel the series should be that is measured."""


@dataclass(frozen=True, slots=True)
class QualityFlag:
    """Something a reader of the numbers should know about the scan."""

    code: str  #: upper case, listed in docs/dicom.md
    severity: Severity
    message: str  #: plain words, free of patient text


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How a scan was made. Unknown is None."""

    patient_key: str | None = None  #: salted hash of the patient's identifier
    birth_key: str | None = None  #: salted hash of the date of birth, to tell patients apart
    study_date: dt.date | None = None  #: of the scan
    age_years: float | None = None  #: at the scan
    sex: Literal["F", "M", "O"] | None = None  #: as the header says
    manufacturer: str | None = None  #: of the scanner
    kvp: float | None = None  #: tube voltage, kV; thresholds follow it
    kernel: str | None = None  #: of the reconstruction, in the maker's words
    slice_thickness_mm: float | None = None  #: by the header; the spacing stands in the geometry
    contrast_agent: bool | None = None  #: whether the header names one
    ctdi_vol_mgy: float | None = None  #: CTDIvol, mean over the slices; decides no number
    study_instance_uid: str | None = None  #: (0020,000D)
    series_instance_uid: str | None = None  #: (0020,000E)
    frame_of_reference_uid: str | None = None  #: (0020,0052)
    voxels_sha256: str | None = None  #: of the voxels alone
    input_sha256: str | None = None  #: of the voxels and the header fields that decide the numbers


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Scan:
    """A volume in HU with its acquisition and the flags raised so far.

    The volume's axes are the nearest to k towards the head, j towards the back, i towards the
    left; the reader flips and swaps axes to that order, which loses nothing.
    """

    volume: CTVolume  #: HU [k, j, i] with its geometry
    acquisition: Acquisition  #: how it was made
    flags: tuple[QualityFlag, ...] = ()  #: what a reader of the numbers should know
    source: Source | None = field(default=None, repr=False)  #: None where it was not read from DICOM

    def to_sitk(self) -> Any:
        """The HU as a `SimpleITK.Image` at the same place; i to the left, j to the back, k to the head."""
        return in_notebook("images").volume_image(self)

    def _repr_html_(self) -> str:
        return str(in_notebook("pages").scan_html(self))
