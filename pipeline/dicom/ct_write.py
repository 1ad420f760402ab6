"""A volume written as an ordinary CT series: 12 bits, intercept -1024, one file per axial slice.

Modules and types of attributes follow PS3.3 A.3 (CT Image IOD).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless, generate_uid
from pydicom.valuerep import format_number_as_ds

from pipeline.dicom.codecs import encode_jpeg_2000
from pipeline.domain.image import CTVolume
from pipeline.errors import GeometryError, OutputError

MakeUid = Callable[[str], str]
"""Gives the UID of a named thing (``study``, ``series``, ``frame``, ``slice 0001``)."""

BITS_STORED = 12

HU_RANGE = (-1024, 3071)
"""What 12 bits hold with intercept -1024."""

MIN_AXIAL_COSINE = 0.9
"""A volume whose k axis lies further from the body's long axis is not axial."""

DAYS_PER_YEAR = 365.2425


@dataclass(frozen=True, slots=True)
class CTHeader:
    """What is written about patient, study and acquisition. None and empty mean: not known."""

    patient_id: str
    study_date: dt.date
    patient_name: str = ""
    birth_date: dt.date | None = None
    sex: Literal["F", "M", "O", ""] = ""
    age_years: float | None = None
    study_time: str = "120000"
    accession_number: str = ""
    manufacturer: str = ""
    model: str = ""
    kvp: float | None = None
    kernel: str = ""
    slice_thickness_mm: float | None = None  #: None: the spacing
    contrast_agent: str = ""
    description: str = ""
    body_part: str = "PELVIS"
    series_number: int = 1
    patient_position: str = "HFS"


def uids_from(seed: str) -> MakeUid:
    """Make UIDs that depend on a seed and the thing's name only."""
    return lambda name: generate_uid(entropy_srcs=[seed, name])


def write_ct_series(
    volume: CTVolume, header: CTHeader, folder: Path, *, make_uid: MakeUid, compress: bool = True
) -> None:
    """Write one file per slice, ``slice_0001.dcm`` nearest to the first k.

    HU are rounded and held between -1024 and 3071. The same arguments give the same bytes.

    Parameters
    ----------
    folder : Path
        Made if absent.
    make_uid : callable
        See `uids_from`.
    compress : bool
        JPEG 2000 lossless; otherwise explicit little endian.

    Raises
    ------
    GeometryError
        If the k axis is not near the body's long axis.
    OutputError
        If a file cannot be written or is there already.
    """
    if abs(volume.geometry.directions[2, 0]) < MIN_AXIAL_COSINE:
        raise GeometryError("expected an axial volume, its slices lie across another axis")
    common = _common(volume, header, make_uid)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(volume.geometry.shape[0]):
            dataset = _slice(volume, k, common, make_uid)
            _add_pixels(dataset, stored_values(volume.hu[k]), compress=compress)
            _write_slice(dataset, folder / f"slice_{k + 1:04d}.dcm")
    except OSError as error:
        raise OutputError(f"the CT series cannot be written: {error.strerror}") from error


def _write_slice(dataset: Dataset, path: Path) -> None:
    """Write one dataset whole, or nothing."""
    if path.exists():
        raise OutputError(f"{path.name} is there already")
    part = path.with_suffix(".part")
    dataset.save_as(part, enforce_file_format=True)
    part.replace(path)


def _common(volume: CTVolume, header: CTHeader, make_uid: MakeUid) -> Dataset:
    """What all slices share."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = CTImageStorage
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    _add_patient(dataset, header)
    _add_study(dataset, header, make_uid)
    _add_acquisition(dataset, volume, header)
    _add_grid(dataset, volume)
    return dataset


def _add_patient(dataset: Dataset, header: CTHeader) -> None:
    dataset.PatientName = header.patient_name
    dataset.PatientID = header.patient_id
    dataset.PatientBirthDate = "" if header.birth_date is None else f"{header.birth_date:%Y%m%d}"
    dataset.PatientSex = header.sex
    if header.age_years is not None:
        dataset.PatientAge = age_string(header.age_years)


def age_string(age_years: float) -> str:
    """Age as DICOM writes it (PS3.5 AS): days, months or whole years."""
    if age_years < 1 / 12:
        return f"{int(age_years * DAYS_PER_YEAR):03d}D"
    if age_years < 2:
        return f"{int(age_years * 12):03d}M"
    return f"{int(age_years):03d}Y"


def _add_study(dataset: Dataset, header: CTHeader, make_uid: MakeUid) -> None:
    date = f"{header.study_date:%Y%m%d}"
    for kind in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{kind}Date", date)
        setattr(dataset, f"{kind}Time", header.study_time)
    dataset.AccessionNumber = header.accession_number
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.StudyInstanceUID = make_uid("study")
    dataset.Modality = "CT"
    dataset.BodyPartExamined = header.body_part
    dataset.SeriesInstanceUID = make_uid("series")
    dataset.SeriesNumber = header.series_number
    dataset.SeriesDescription = header.description
    dataset.PatientPosition = header.patient_position
    dataset.FrameOfReferenceUID = make_uid("frame")
    dataset.PositionReferenceIndicator = ""


def _add_acquisition(dataset: Dataset, volume: CTVolume, header: CTHeader) -> None:
    dataset.Manufacturer = header.manufacturer
    dataset.ManufacturerModelName = header.model
    dataset.KVP = None if header.kvp is None else _ds(header.kvp)
    dataset.ConvolutionKernel = header.kernel
    dataset.SliceThickness = _ds(header.slice_thickness_mm or volume.geometry.spacing_mm[0])
    dataset.AcquisitionNumber = 1
    if header.contrast_agent:
        dataset.ContrastBolusAgent = header.contrast_agent


def _add_grid(dataset: Dataset, volume: CTVolume) -> None:
    _, rows, columns = volume.geometry.shape
    spacing_k, spacing_j, spacing_i = volume.geometry.spacing_mm
    directions = volume.geometry.directions
    dataset.ImageOrientationPatient = [_ds(v) for v in (*directions[:, 2], *directions[:, 1])]
    dataset.PixelSpacing = [_ds(spacing_j), _ds(spacing_i)]
    dataset.SpacingBetweenSlices = _ds(spacing_k)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, BITS_STORED, BITS_STORED - 1
    dataset.PixelRepresentation = 0
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "-1024", "1", "HU"
    dataset.WindowCenter, dataset.WindowWidth = "50", "400"
    dataset.LossyImageCompression = "00"


def _slice(volume: CTVolume, k: int, common: Dataset, make_uid: MakeUid) -> Dataset:
    """One slice without its pixels."""
    dataset = Dataset()
    dataset.update(common)
    dataset.SOPInstanceUID = make_uid(f"slice {k + 1:04d}")
    dataset.InstanceNumber = k + 1
    position = volume.geometry.to_lps_mm([k, 0, 0])
    dataset.ImagePositionPatient = [_ds(v) for v in position]
    dataset.SliceLocation = _ds(position[2])
    return dataset


def _add_pixels(dataset: Dataset, stored: NDArray[np.uint16], *, compress: bool) -> None:
    dataset.file_meta = FileMetaDataset()
    if compress:
        frame = encode_jpeg_2000(stored, bits_stored=BITS_STORED)
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        dataset.add(DataElement("PixelData", "OB", encapsulate([frame]), is_undefined_length=True))
    else:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.add(DataElement("PixelData", "OW", stored.tobytes()))


def stored_values(hu: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.uint16]:
    """HU as 12-bit numbers, little endian."""
    return (np.clip(np.rint(hu), *HU_RANGE) - HU_RANGE[0]).astype("<u2")


def _ds(value: float) -> str:
    """A decimal string of at most 16 characters."""
    return format_number_as_ds(round(float(value), 9) + 0.0)
