"""What the reader remembers of the images, so that SEG and SR can refer to them and name their patient."""

from __future__ import annotations

import re

from pipeline.dicom.headers import TAGS, SliceHeader
from pipeline.dicom.parse import parse_header
from pipeline.dicom.stack import Stack
from pipeline.dicom.tree import Tree
from pipeline.domain.orientation import axis_order
from pipeline.domain.source import Source, SourceImage
from pipeline.errors import InputRefused

STUDY_TAGS = {
    "SpecificCharacterSet": 0x00080005,
    "StudyDate": 0x00080020,
    "StudyTime": 0x00080030,
    "AccessionNumber": 0x00080050,
    "ReferringPhysicianName": 0x00080090,
    "StudyDescription": 0x00081030,
    "PatientName": 0x00100010,
    "PatientID": 0x00100020,
    "IssuerOfPatientID": 0x00100021,
    "PatientBirthDate": 0x00100030,
    "PatientSex": 0x00100040,
    "PatientAge": 0x00101010,
    "PatientIdentityRemoved": 0x00120062,
    "DeidentificationMethod": 0x00120063,
    "StudyInstanceUID": 0x0020000D,
    "StudyID": 0x00200010,
    "PositionReferenceIndicator": 0x00201040,
}
"""Texts of the patient, study and frame-of-reference modules (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2, C.7.4.1)."""


def describe_source(tree: Tree, stack: Stack) -> Source | None:
    """Name the images of a stack and keep what their first file says of patient and study.

    Returns
    -------
    Source or None
        None where an image, the study or the series has no valid UID: nothing can refer to them.

    Raises
    ------
    InputRefused
        UNREADABLE, if the file is gone by now.
    """
    first = stack.slices[0]
    try:
        with tree.open(first.name) as stream:
            fields = parse_header(stream, (*STUDY_TAGS.values(), TAGS["SOPClassUID"]))
    except OSError as error:
        raise InputRefused("UNREADABLE", "a slice cannot be read: permission or device error") from error
    if fields is None:
        return None
    sop_class_uid = fields.uid(TAGS["SOPClassUID"])
    multi_frame = "/" in first.sop_instance_uid
    images = tuple(_image(one, sop_class_uid, multi_frame=multi_frame) for one in stack.slices)
    needed = (
        sop_class_uid,
        first.exam.study_instance_uid,
        first.series_instance_uid,
        *(one.sop_instance_uid for one in images),
    )
    if not all(_is_uid(uid) for uid in needed):
        return None
    header = {tag: fields.values[tag] for tag in STUDY_TAGS.values() if tag in fields.values}
    return Source(images, axis_order(stack.affine), header)


def _image(header: SliceHeader, sop_class_uid: str, *, multi_frame: bool) -> SourceImage:
    """The reader names the frames of an object by its UID, a stroke and their place."""
    uid = header.sop_instance_uid.partition("/")[0]
    return SourceImage(sop_class_uid, uid, header.frame + 1 if multi_frame else None)


def _is_uid(text: str) -> bool:
    """Whether a text is a UID that may be written (PS3.5 9.1)."""
    return len(text) <= 64 and re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", text, re.ASCII) is not None
