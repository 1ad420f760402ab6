"""A SEG as other tools write it: with pydicom alone, all frames, other numbers, in another order."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import generate_uid


def frames_of(seg: Dataset) -> tuple[NDArray[np.uint8], Dataset]:
    """The segments on the grid of the test's scan, 24 slices of 88 × 112, and the object they are from."""
    volume = np.zeros((24, seg.Rows, seg.Columns), dtype=np.uint8)
    for groups, frame in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        z_mm = float(groups.PlanePositionSequence[0].ImagePositionPatient[2])
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        volume[round((z_mm + 23.0) / 2.0)][frame > 0] = number
    return volume, seg


def as_other_tools_write(segments: Mapping[int, NDArray[np.bool_]], like: Dataset) -> Dataset:
    """Every slice of every segment, from head to feet, also where there is nothing."""
    d = deepcopy(like)
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["edited"])
    d.Manufacturer = "Another tool"
    items, frames = [], []
    template = like.PerFrameFunctionalGroupsSequence[0]
    x, y, _ = template.PlanePositionSequence[0].ImagePositionPatient
    for number, voxels in segments.items():
        for k in reversed(range(len(voxels))):
            one = deepcopy(template)
            one.SegmentIdentificationSequence[0].ReferencedSegmentNumber = number
            one.PlanePositionSequence[0].ImagePositionPatient = [x, y, -23.0 + 2.0 * k]
            items.append(one)
            frames.append(voxels[k])
    d.PerFrameFunctionalGroupsSequence = Items(items)
    descriptions = []
    for number in segments:
        one = deepcopy(like.SegmentSequence[0])
        one.SegmentNumber, one.SegmentLabel = number, f"Segment_{number}"
        del one.TrackingID, one.TrackingUID
        descriptions.append(one)
    d.SegmentSequence = Items(descriptions)
    d.NumberOfFrames = len(frames)
    d.PixelData = np.packbits(np.stack(frames).ravel(), bitorder="little").tobytes()
    return d
