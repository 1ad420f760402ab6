"""A small good CT series to break: a calcified box in muscle in fat in air, all sizes known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from pipeline.dicom.ct_write import CTHeader
from pipeline.domain.scan import Scan

Read = Callable[[Sequence[Dataset]], Scan]
Refuse = Callable[[Sequence[Dataset]], str]
"""Fixtures of `tests/dicom`: write a series, then read it, or give the code it is refused with."""

SHAPE = (12, 32, 40)
SPACING_MM = (3.0, 0.75, 1.0)  #: along k, j, i
ORIGIN_LPS_MM = (-20.0, -12.0, -500.0)
CALCIUM_HU = 500
CALCIUM_BOX = (slice(3, 7), slice(10, 16), slice(25, 30))  #: on the patient's left, off centre
CALCIUM_MM3 = 4 * 6 * 5 * 3.0 * 0.75 * 1.0
CALCIUM_CENTRE_LPS_MM = (-20.0 + 27.0, -12.0 + 12.5 * 0.75, -500.0 + 4.5 * 3.0)


def box_hu() -> NDArray[np.int16]:
    """The volume in HU, [k, j, i], k to the head, j to the back, i to the left."""
    hu = np.full(SHAPE, -1000, dtype=np.int16)
    hu[:, 4:28, 4:36] = -100
    hu[:, 7:25, 8:32] = 50
    hu[CALCIUM_BOX] = CALCIUM_HU
    return hu


def good_series() -> list[Dataset]:
    """Datasets of a series that nothing is wrong with, from feet to head."""
    return [_slice(k, frame) for k, frame in enumerate(box_hu())]


def _slice(k: int, frame: NDArray[np.int16]) -> Dataset:
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.SOPClassUID = CTImageStorage
    d.SOPInstanceUID = generate_uid(entropy_srcs=["slice", str(k)])
    d.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    d.Modality = "CT"
    d.Manufacturer = "Box"
    d.ConvolutionKernel = "B30f"
    d.KVP = "120"
    d.PatientName, d.PatientID, d.PatientBirthDate, d.PatientSex = "Box^Paula", "P-1", "20070305", "F"
    d.PatientAge = "013Y"
    d.StudyDate = "20200411"
    d.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    d.SeriesInstanceUID = generate_uid(entropy_srcs=["series"])
    d.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame"])
    d.PatientPosition = "HFS"
    d.AcquisitionNumber, d.InstanceNumber = 1, k + 1
    d.SliceThickness = d.SpacingBetweenSlices = str(SPACING_MM[0])
    d.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    d.ImagePositionPatient = [*ORIGIN_LPS_MM[:2], ORIGIN_LPS_MM[2] + SPACING_MM[0] * k]
    d.PixelSpacing = list(SPACING_MM[1:])
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.Rows, d.Columns = frame.shape
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 12, 11, 0
    d.RescaleSlope, d.RescaleIntercept = "1", "-1024"
    set_stored(d, (frame + 1024).astype(np.uint16))
    return d


def set_stored(dataset: Dataset, stored: NDArray[np.uint16] | NDArray[np.int16]) -> None:
    """Put stored numbers into a slice."""
    dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OW"


def stored(dataset: Dataset) -> NDArray[np.uint16]:
    """The stored numbers of a native slice, as a copy."""
    return np.frombuffer(dataset.PixelData, np.uint16).reshape(dataset.Rows, dataset.Columns).copy()


def set_text(dataset: Dataset, keyword: str, text: str) -> None:
    """Put a text that the standard forbids into an element."""
    dataset.add(DataElement(Tag(keyword), "LO", text, validation_mode=config.IGNORE))


def dup(dataset: Dataset) -> Dataset:
    """The same image under another SOP Instance UID."""
    copy = deepcopy(dataset)
    copy.SOPInstanceUID = generate_uid(entropy_srcs=[str(dataset.SOPInstanceUID), "dup"])
    return copy


def write_series(datasets: Sequence[Dataset], folder: Path) -> Path:
    """Write datasets in the order given, under names that say nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    start = len(list(folder.iterdir()))
    for n, dataset in enumerate(datasets, start):
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(folder / f"im{n:03d}", enforce_file_format=True)
    return folder


def calcium_mm3(scan: Scan) -> float:
    """Volume above 300 HU."""
    return float(np.count_nonzero(scan.volume.hu > 300) * scan.volume.geometry.voxel_volume_mm3)


def calcium_centre_lps_mm(scan: Scan) -> NDArray[np.float64]:
    """Centre of all above 300 HU."""
    points_lps_mm = scan.volume.geometry.to_lps_mm(np.argwhere(scan.volume.hu > 300))
    return np.asarray(points_lps_mm.mean(axis=0))


def flag_codes(scan: Scan) -> set[str]:
    """Codes of the scan's flags."""
    return {flag.code for flag in scan.flags}


def paulas_header(date: dt.date, *, patient_id: str = "P-1") -> CTHeader:
    """What a scan of the two shafts says of its patient and its making."""
    return CTHeader(
        patient_id=patient_id,
        patient_name="Box^Paula",
        study_date=date,
        birth_date=dt.date(2006, 3, 12),
        sex="F",
        age_years=13.0,
        manufacturer="Box",
        kvp=120.0,
        kernel="B30f",
        slice_thickness_mm=2.0,
        description="Pelvis",
    )
