"""Enhanced multi-frame CT (PS3.3 A.38): each frame as the header of a slice of its own.

What a frame states (its own functional groups) goes before what all share, and that before the
object's own elements. Frames are taken by their positions, so that their order plays no part.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import Dataset

from pipeline.dicom.headers import TAGS
from pipeline.dicom.parse import DEFLATED, EXPLICIT_BIG_ENDIAN, Fields
from pipeline.errors import InputRefused

ENHANCED_CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
"""Enhanced CT, and Legacy Converted Enhanced CT, which has the same functional groups."""

MAX_FRAMES = 10_000

GROUPS = {
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "CTXRayDetailsSequence": ("KVP",),
    "CTExposureSequence": ("CTDIvol",),
    "CTReconstructionSequence": ("ConvolutionKernel",),
    "CTAcquisitionDetailsSequence": ("GantryDetectorTilt",),
}
"""Functional group → what is taken from it under the same name (PS3.3 C.7.6.16.2, C.8.15.3)."""

RENAMED = {
    ("FrameContentSequence", "FrameAcquisitionNumber"): "AcquisitionNumber",
    ("FrameContentSequence", "TemporalPositionIndex"): "TemporalPositionIdentifier",
    ("CTImageFrameTypeSequence", "FrameType"): "ImageType",
}
"""What a frame names otherwise than a slice does."""

BINARY = ("FrameAcquisitionNumber", "TemporalPositionIndex")

READ_ERRORS = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    EOFError,
    NotImplementedError,
    OverflowError,
    OSError,
)
"""What pydicom was seen to raise on damaged sequences."""


def frame_fields(stream: BinaryIO, fields: Fields) -> list[Fields]:
    """The header of each frame, as if it were a file.

    Parameters
    ----------
    fields : Fields
        Of the whole object, walked within its limits.

    Raises
    ------
    InputRefused
        UNREADABLE, TRUNCATED, RESOURCE_LIMIT, UNSUPPORTED_CODEC.
    """
    if fields.transfer_syntax_uid in (DEFLATED, EXPLICIT_BIG_ENDIAN):
        raise InputRefused("UNSUPPORTED_CODEC", "a multi-frame file that is deflated or big endian")
    stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = dcmread(stream, stop_before_pixels=True, force=True)
            return list(_frames(dataset, fields))
    except READ_ERRORS as error:
        found = type(error).__name__
        raise InputRefused("UNREADABLE", f"the functional groups cannot be read ({found})") from error


def _frames(dataset: Dataset, fields: Fields) -> Iterator[Fields]:
    own = list(dataset.get("PerFrameFunctionalGroupsSequence", ()))
    count = fields.number(TAGS["NumberOfFrames"])
    if not own or count != len(own):
        raise InputRefused("TRUNCATED", f"expected groups for {count} frames, found them for {len(own)}")
    if len(own) > MAX_FRAMES:
        raise InputRefused("RESOURCE_LIMIT", f"more than {MAX_FRAMES} frames in one file")
    shared = _values(next(iter(dataset.get("SharedFunctionalGroupsSequence", ())), Dataset()))
    if dataset.get("ContrastBolusAgentSequence"):
        shared[TAGS["ContrastBolusAgent"]] = b"named by a code"
    uid = fields.text(TAGS["SOPInstanceUID"])
    for n, groups in enumerate(own):
        identity = {
            TAGS["SOPInstanceUID"]: f"{uid}/{n}".encode(),
            TAGS["InstanceNumber"]: str(n + 1).encode(),
        }
        yield Fields(
            {**fields.values, **shared, **_values(groups), **identity},
            fields.transfer_syntax_uid,
            fields.pixel_offset,
            fields.media_class_uid,
            fields.executable_preamble,
        )


def _values(groups: Dataset) -> dict[int, bytes]:
    """What one item of the functional groups states, under the tags of a slice."""
    named = [((group, name), name) for group, names in GROUPS.items() for name in names]
    values = {}
    for (group, name), kept_as in [*named, *RENAMED.items()]:
        item = next(iter(groups.get(group, ())), None)
        if item is not None and name in item:
            values[TAGS[kept_as]] = _text(item, name)
    return values


def _text(item: Dataset, name: str) -> bytes:
    """A value's bytes in the file; a binary number as the text it would be in a slice's header."""
    value = item.get_item(name).value
    if not isinstance(value, bytes):
        return b""
    return str(int.from_bytes(value, "little")).encode() if name in BINARY else value
