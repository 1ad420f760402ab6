"""Segments of a DICOM SEG as voxels of the scan that they were drawn on, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pipeline.anatomy.carry import carry_labels
from pipeline.dicom.identity import config_folder, load_salt
from pipeline.dicom.identity_out import replaced_uid
from pipeline.dicom.seg_read import open_seg, read_seg
from pipeline.domain.scan import Scan
from pipeline.errors import InputRefused
from pipeline.outlines.grid import Index, by_value, index_on, refuse_grid

SIZE_TOLERANCE = 0.01
"""Sizes of voxels agree to this share, as spacings within a series do."""
DAMAGED = (ValueError, KeyError, IndexError, TypeError, AttributeError, RuntimeError, NotImplementedError)
"""What pydicom and highdicom were seen to raise on damaged groups and pixels."""


def segment_voxels(path: Path, scan: Scan) -> dict[int, Index]:
    """Segment number → indices (n, 3) of its voxels in the scan; segments without voxels are left out.

    Every pixel is taken to its own place by the position, orientation and spacing of its frame: frames may be
    in any order, be missing where they are empty, or run otherwise than the scan's.

    Raises
    ------
    InputRefused
        LESIONS_MISMATCH, LESIONS_GRID, NOT_LABELS, NOT_FOUND, NOT_A_SEG, UNREADABLE.
    """
    segments = open_seg(path)
    require_same_series(segments, scan)
    found: dict[int, list[Index]] = {}
    try:
        for number, points_lps_mm in _marked(segments):
            index = index_on(scan.volume.geometry, points_lps_mm)
            if index is None or not _fits(segments, scan):
                raise refuse_grid(scan.volume.geometry, _frames_text(segments))
            found.setdefault(number, []).append(index)
    except DAMAGED as error:
        raise InputRefused("UNREADABLE", "the frames of the SEG cannot be read") from error
    return {number: np.concatenate(parts) for number, parts in found.items()}


def resampled_segments(path: Path, scan: Scan) -> dict[int, Index]:
    """The same for a SEG on another grid, by the nearest voxels."""
    require_same_series(open_seg(path), scan, series_too=False)
    labels = read_seg(path, frame_of_reference_uid=None)
    return by_value(labels, carry_labels(labels, scan.volume.geometry))


def require_same_series(segments: Dataset, scan: Scan, *, series_too: bool = True) -> None:
    """Refuse segments drawn on another series, or in another frame of reference.

    A SEG stripped of identity names its series by the UID that stands for the true one. What neither names is
    let pass: its grid decides.

    Parameters
    ----------
    series_too : bool
        Whether another series of the same frame of reference is refused as well.

    Raises
    ------
    InputRefused
        LESIONS_MISMATCH.
    """
    how = scan.acquisition
    frame = str(segments.get("FrameOfReferenceUID", ""))
    if frame and how.frame_of_reference_uid and frame not in _names_of(how.frame_of_reference_uid):
        raise InputRefused("LESIONS_MISMATCH", "the outlines have another frame of reference than the scan")
    named = {str(one.get("SeriesInstanceUID", "")) for one in segments.get("ReferencedSeriesSequence", ())}
    if series_too and how.series_instance_uid and named and not named & _names_of(how.series_instance_uid):
        raise InputRefused(
            "LESIONS_MISMATCH",
            f"expected outlines of series {how.series_instance_uid}, found {', '.join(sorted(named))[:130]}",
        )


def _names_of(uid: str) -> set[str]:
    """A UID, and the one that stands for it in stripped objects."""
    salt = load_salt(config_folder())
    return {uid} if salt is None else {uid, replaced_uid(uid, salt)}


def _marked(segments: Any) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Segment number and centres (n, 3) of the pixels that are set, frame by frame."""
    is_label_map = segments.SegmentationType == "LABELMAP"
    whole = int(segments.get("MaximumFractionalValue", 1)) if segments.SegmentationType == "FRACTIONAL" else 1
    for n in range(int(segments.get("NumberOfFrames", 1))):
        pixels = segments.get_stored_frame(n + 1)
        if is_label_map:
            numbers = [int(value) for value in np.unique(pixels) if value]
        else:
            if not np.isin(pixels, (0, whole)).all():
                raise InputRefused("NOT_LABELS", "a segment marks pixels in part: expected all or none")
            numbers = [_segment_of(segments, n)] if pixels.any() else []
        for number in numbers:
            set_ = pixels == number if is_label_map else pixels > 0
            yield number, _centres(segments, n, set_)


def _centres(segments: Any, n: int, pixels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Centres of the pixels that are set (PS3.3 C.7.6.2.1.1)."""
    corner, steps = _plane(segments, n)
    return np.asarray(corner + np.argwhere(pixels) @ steps)


def _plane(segments: Any, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre of a frame's first pixel, and (2, 3) the steps to the next row and to the next column."""
    along, down = np.split(_numbers(segments, n, "PlaneOrientationSequence", "ImageOrientationPatient"), 2)
    between_rows, between_columns = _numbers(segments, n, "PixelMeasuresSequence", "PixelSpacing")
    corner = _numbers(segments, n, "PlanePositionSequence", "ImagePositionPatient")
    return corner, np.stack([between_rows * down, between_columns * along])


def _numbers(segments: Any, n: int, group: str, keyword: str) -> NDArray[np.float64]:
    """What a frame says in a functional group of its own, or in one that all share."""
    own, shared = segments.PerFrameFunctionalGroupsSequence[n], segments.SharedFunctionalGroupsSequence[0]
    item = (own if group in own else shared)[group].value[0]
    return np.array([float(value) for value in item[keyword].value])


def _segment_of(segments: Any, n: int) -> int:
    group = "SegmentIdentificationSequence"
    own, shared = segments.PerFrameFunctionalGroupsSequence[n], segments.SharedFunctionalGroupsSequence[0]
    return int((own if group in own else shared)[group].value[0].ReferencedSegmentNumber)


def _fits(segments: Any, scan: Scan) -> bool:
    """Whether the voxels are as large as the scan's: every second one lies on its grid as well."""
    _, steps = _plane(segments, 0)
    geometry = scan.volume.geometry
    sizes = np.abs(geometry.to_index(steps) - geometry.to_index(np.zeros(3))).max(axis=1)
    measures = segments.SharedFunctionalGroupsSequence[0].get("PixelMeasuresSequence", ())
    between = next((one.get("SpacingBetweenSlices") for one in measures), None)
    if between is not None:
        normal = np.cross(*(step / np.linalg.norm(step) for step in steps)) * float(between)
        sizes = [*sizes, np.abs(geometry.to_index(normal) - geometry.to_index(np.zeros(3))).max()]
    return bool(np.abs(np.asarray(sizes) - 1.0).max() < SIZE_TOLERANCE)


def _frames_text(segments: Any) -> str:
    corner, steps = _plane(segments, 0)
    row, column = np.linalg.norm(steps, axis=1)
    first = ", ".join(f"{mm:.2f}" for mm in corner)
    return f"{segments.Rows} × {segments.Columns} pixels of {row:.4g} × {column:.4g} mm from ({first})"
