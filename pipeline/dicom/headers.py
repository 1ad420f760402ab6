"""The header of one CT slice as typed values, in groups that must agree within a series."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.dicom.parse import Fields

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"

TAGS = {
    "ImageType": 0x00080008,
    "SOPClassUID": 0x00080016,
    "SOPInstanceUID": 0x00080018,
    "StudyDate": 0x00080020,
    "AcquisitionDate": 0x00080022,
    "AcquisitionTime": 0x00080032,
    "ContentTime": 0x00080033,
    "Modality": 0x00080060,
    "Manufacturer": 0x00080070,
    "PatientName": 0x00100010,
    "PatientID": 0x00100020,
    "PatientBirthDate": 0x00100030,
    "PatientSex": 0x00100040,
    "PatientAge": 0x00101010,
    "ContrastBolusAgent": 0x00180010,
    "BodyPartExamined": 0x00180015,
    "SliceThickness": 0x00180050,
    "KVP": 0x00180060,
    "SpacingBetweenSlices": 0x00180088,
    "GantryDetectorTilt": 0x00181120,
    "ConvolutionKernel": 0x00181210,
    "PatientPosition": 0x00185100,
    "CTDIvol": 0x00189345,
    "StudyInstanceUID": 0x0020000D,
    "SeriesInstanceUID": 0x0020000E,
    "SeriesNumber": 0x00200011,
    "AcquisitionNumber": 0x00200012,
    "InstanceNumber": 0x00200013,
    "TemporalPositionIdentifier": 0x00200100,
    "ImagePositionPatient": 0x00200032,
    "ImageOrientationPatient": 0x00200037,
    "FrameOfReferenceUID": 0x00200052,
    "SamplesPerPixel": 0x00280002,
    "PhotometricInterpretation": 0x00280004,
    "NumberOfFrames": 0x00280008,
    "Rows": 0x00280010,
    "Columns": 0x00280011,
    "PixelSpacing": 0x00280030,
    "BitsAllocated": 0x00280100,
    "BitsStored": 0x00280101,
    "HighBit": 0x00280102,
    "PixelRepresentation": 0x00280103,
    "PixelPaddingValue": 0x00280120,
    "RescaleIntercept": 0x00281052,
    "RescaleSlope": 0x00281053,
    "RescaleType": 0x00281054,
    "LossyImageCompression": 0x00282110,
    "LossyImageCompressionRatio": 0x00282112,
    "ModalityLUTSequence": 0x00283000,
}


@dataclass(frozen=True, slots=True)
class Patient:
    """Who was scanned, in the file's own words: compared and hashed, never shown."""

    identifier: str
    name: str
    birth_date: str
    sex: str


@dataclass(frozen=True, slots=True)
class Grid:
    """What every slice of a stack must share."""

    rows: int | None
    columns: int | None
    spacing_mm: tuple[float, ...] | None  #: between rows, between columns
    orientation: tuple[float, ...] | None  #: direction along a row, then down a column
    frame_of_reference_uid: str


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How the stored numbers are written."""

    transfer_syntax_uid: str
    samples: int | None
    photometric: str
    frames: int
    bits_allocated: int | None
    bits_stored: int | None
    high_bit: int | None
    signed: bool
    says_sign: bool  #: whether it is said at all
    padding: int | None
    has_modality_lut: bool
    rescale_type: str  #: upper case; empty where not said


@dataclass(frozen=True, slots=True)
class Exam:
    """How the slice was made; None or empty where not said."""

    study_instance_uid: str
    study_date: str
    acquisition_date: str
    age: str
    manufacturer: str
    kernel: str
    kvp: float | None
    slice_thickness_mm: float | None
    spacing_between_slices_mm: float | None
    tilt_degrees: float | None
    patient_position: str
    contrast_agent: bool
    body_part: str  #: upper case; a hint only, never shown
    ctdi_vol_mgy: float | None = None


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """One CT image."""

    name: str  #: within its tree; may hold patient text
    pixel_offset: int
    sop_instance_uid: str
    series_instance_uid: str
    image_type: tuple[str, ...]
    acquisition: tuple[str, str]  #: acquisition number and temporal position
    times: tuple[str, str]  #: of acquisition and of content
    series_number: int | None
    instance_number: int | None
    position_mm: tuple[float, ...] | None
    slope: float | None  #: None if absent, NaN if malformed
    intercept: float | None
    lossy: bool
    patient: Patient
    grid: Grid
    pixels: PixelFormat
    exam: Exam
    executable_preamble: bool = False
    frame: int = 0  #: which frame of the file, from 0


def slice_header(name: str, fields: Fields, frame: int = 0) -> SliceHeader:
    """Give the raw fields of a CT image, or of one frame of an enhanced one, their types."""
    return SliceHeader(
        name=name,
        pixel_offset=fields.pixel_offset,
        sop_instance_uid=fields.text(TAGS["SOPInstanceUID"]),
        series_instance_uid=fields.uid(TAGS["SeriesInstanceUID"]),
        image_type=tuple(value.upper() for value in fields.texts(TAGS["ImageType"])),
        acquisition=(
            fields.text(TAGS["AcquisitionNumber"]),
            fields.text(TAGS["TemporalPositionIdentifier"]),
        ),
        times=(fields.text(TAGS["AcquisitionTime"]), fields.text(TAGS["ContentTime"])),
        series_number=_integer_string(fields, "SeriesNumber"),
        instance_number=_integer_string(fields, "InstanceNumber"),
        position_mm=fields.numbers(TAGS["ImagePositionPatient"]),
        slope=fields.number(TAGS["RescaleSlope"]),
        intercept=fields.number(TAGS["RescaleIntercept"]),
        lossy=_says_lossy(fields),
        patient=_patient(fields),
        grid=_grid(fields),
        pixels=_pixel_format(fields),
        exam=_exam(fields),
        executable_preamble=fields.executable_preamble,
        frame=frame,
    )


def _patient(fields: Fields) -> Patient:
    return Patient(
        identifier=fields.text(TAGS["PatientID"]),
        name=fields.text(TAGS["PatientName"]).rstrip("^= "),
        birth_date=fields.text(TAGS["PatientBirthDate"]),
        sex=fields.text(TAGS["PatientSex"]),
    )


def _grid(fields: Fields) -> Grid:
    return Grid(
        rows=fields.integer(TAGS["Rows"]),
        columns=fields.integer(TAGS["Columns"]),
        spacing_mm=fields.numbers(TAGS["PixelSpacing"]),
        orientation=fields.numbers(TAGS["ImageOrientationPatient"]),
        frame_of_reference_uid=fields.uid(TAGS["FrameOfReferenceUID"]),
    )


def _pixel_format(fields: Fields) -> PixelFormat:
    representation = fields.integer(TAGS["PixelRepresentation"])
    signed = representation == 1
    return PixelFormat(
        transfer_syntax_uid=fields.transfer_syntax_uid,
        samples=fields.integer(TAGS["SamplesPerPixel"]),
        photometric=fields.text(TAGS["PhotometricInterpretation"]),
        frames=_integer_string(fields, "NumberOfFrames") or 1,
        bits_allocated=fields.integer(TAGS["BitsAllocated"]),
        bits_stored=fields.integer(TAGS["BitsStored"]),
        high_bit=fields.integer(TAGS["HighBit"]),
        signed=signed,
        says_sign=representation in (0, 1),
        padding=fields.integer(TAGS["PixelPaddingValue"], signed=signed),
        has_modality_lut=fields.has(TAGS["ModalityLUTSequence"]),
        rescale_type=fields.text(TAGS["RescaleType"]).upper(),
    )


def _exam(fields: Fields) -> Exam:
    return Exam(
        study_instance_uid=fields.uid(TAGS["StudyInstanceUID"]),
        study_date=fields.text(TAGS["StudyDate"]),
        acquisition_date=fields.text(TAGS["AcquisitionDate"]),
        age=fields.text(TAGS["PatientAge"]),
        manufacturer=fields.text(TAGS["Manufacturer"]),
        kernel=fields.text(TAGS["ConvolutionKernel"]),
        kvp=_positive(fields, "KVP"),
        slice_thickness_mm=_positive(fields, "SliceThickness"),
        spacing_between_slices_mm=_positive(fields, "SpacingBetweenSlices"),
        tilt_degrees=_finite(fields, "GantryDetectorTilt"),
        patient_position=fields.text(TAGS["PatientPosition"]).upper(),
        contrast_agent=_names_agent(fields.text(TAGS["ContrastBolusAgent"])),
        body_part=fields.text(TAGS["BodyPartExamined"]).upper(),
        ctdi_vol_mgy=_dose(fields),
    )


def _says_lossy(fields: Fields) -> bool:
    """Whether the pixels were ever compressed with loss (PS3.3 C.7.6.1.1.5); a ratio says so too."""
    ratios = fields.numbers(TAGS["LossyImageCompressionRatio"]) or ()
    return fields.text(TAGS["LossyImageCompression"]) == "01" or any(ratio > 1 for ratio in ratios)


def _finite(fields: Fields, keyword: str) -> float | None:
    value = fields.number(TAGS[keyword])
    return value if value is not None and math.isfinite(value) else None


def _positive(fields: Fields, keyword: str) -> float | None:
    value = _finite(fields, keyword)
    return round(value, 6) if value is not None and value > 0 else None


def _dose(fields: Fields) -> float | None:
    value = fields.double(TAGS["CTDIvol"])
    return value if value is not None and math.isfinite(value) and value > 0 else None


def _integer_string(fields: Fields, keyword: str) -> int | None:
    value = _finite(fields, keyword)
    return None if value is None else int(value)


def _names_agent(text: str) -> bool:
    """Whether a contrast agent is named; some consoles write that there was none."""
    return text.upper() not in ("", "NONE", "NO", "N/A", "NO CONTRAST", "WITHOUT")
