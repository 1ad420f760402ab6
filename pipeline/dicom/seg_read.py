"""DICOM SEG in: its segments as one label map."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

from pipeline.domain.anatomy import bone_of, group_of
from pipeline.domain.image import LabelMap
from pipeline.domain.orientation import axis_order
from pipeline.errors import InputRefused

SEGMENTATION_STORAGE = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation and Label Map Segmentation Storage (DICOM PS3.4, B.5)."""


def read_seg(path: Path, *, frame_of_reference_uid: str | None) -> LabelMap:
    """Read a SEG in the canonical order of axes; where segments overlap the last one stands.

    Parameters
    ----------
    frame_of_reference_uid : str or None
        Of the scan; not compared where either is unknown.

    Returns
    -------
    LabelMap
        Value = segment number, named by the segment's label and side.

    Raises
    ------
    InputRefused
        NOT_FOUND, NOT_A_SEG, UNREADABLE; ANATOMY_MISMATCH for another frame of reference.
    """
    segments = open_seg(path)
    own = str(segments.get("FrameOfReferenceUID", "")) or None
    if own and frame_of_reference_uid and own != frame_of_reference_uid:
        raise InputRefused("ANATOMY_MISMATCH", "the SEG has another frame of reference than the scan")
    try:
        volume = segments.get_volume(combine_segments=True, skip_overlap_checks=True, dtype=np.uint16)
    except (RuntimeError, ValueError, AttributeError, TypeError) as error:
        raise InputRefused("UNREADABLE", "the frames of the SEG make no volume of labels") from error
    order = axis_order(volume.affine)
    values = np.array(order.from_source(volume.array), dtype=np.uint16, order="C")
    values.setflags(write=False)
    k, j, i = volume.spatial_shape
    return LabelMap(values, order.geometry((k, j, i), volume.affine), _names(segments))


def open_seg(path: Path) -> Any:
    """A SEG as highdicom's object.

    Raises
    ------
    InputRefused
        NOT_FOUND, NOT_A_SEG, UNREADABLE.
    """
    if not path.is_file():
        raise InputRefused("NOT_FOUND", "there is no such file of segments")
    try:
        dataset = pydicom.dcmread(path)
        if str(dataset.get("SOPClassUID", "")) not in SEGMENTATION_STORAGE:
            raise InputRefused("NOT_A_SEG", "expected a DICOM SEG, or a file named .nii or .nii.gz")
        if not dataset.get("PerFrameFunctionalGroupsSequence"):
            raise InputRefused("UNREADABLE", "the SEG has no frames")
        return hd.seg.Segmentation.from_dataset(dataset, copy=False)
    except InvalidDicomError as error:
        raise InputRefused("NOT_A_SEG", "expected a DICOM SEG, or a file named .nii or .nii.gz") from error
    except (OSError, EOFError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise InputRefused("UNREADABLE", "the SEG cannot be read") from error


def _names(segments: Any) -> dict[int, str]:
    """Segment number → its label and side, with its type's meaning where the label says nothing."""
    return {int(one.SegmentNumber): _name(one) for one in segments.SegmentSequence}


def _name(segment: Any) -> str:
    types = segment.get("SegmentedPropertyTypeCodeSequence", ())
    sides = [side for one in types for side in one.get("SegmentedPropertyTypeModifierCodeSequence", ())]
    label = " ".join([str(segment.get("SegmentLabel", "")), *_meanings(sides)]).strip()
    known = bone_of(label) is not None or group_of(label) != "other"
    return label if known else " ".join([label, *_meanings(types)]).strip()


def _meanings(items: Iterable[Any]) -> list[str]:
    return [str(one.get("CodeMeaning", "")) for one in items]
