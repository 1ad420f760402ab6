"""Left or right, where no pelvis tells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.geometry import Geometry
from pipeline.domain.image import BoxedMask, LabelMap, Mask
from pipeline.domain.lesion import Side
from pipeline.steps.sites.skin import some_of

MIDLINE_MM = 5.0
"""What has no side of its own and whose middle lies this near to the middle of the body is on the midline."""
CROSSING_SHARE = 0.25
"""A lesion with this share on either side crosses the midline."""
FAR_MM = 15.0
"""One whose middle lies further off than this is on that side, even if it crosses."""
MOST_SLICES = 5
"""Of a lesion, in which bones are looked at."""
LIKE_SHARE = 0.4
"""Share of the larger one's area that the other leg of a slice, or its bone, must have."""
WIDE = 1.25
"""A trunk is this much wider than deep; a leg by itself is about round."""


def side_from_midline(x_mm: NDArray[np.float64], *, paired: bool) -> Side:
    """The side of a lesion from the distances of its voxels (n,) to the midline, left positive.

    Parameters
    ----------
    paired : bool
        Whether what it lies in has a twin on the other side: then it is on the midline only if it crosses it.
    """
    middle_mm = float(x_mm.mean())
    left = float(np.mean(x_mm > 0))
    crosses = min(left, 1 - left) >= CROSSING_SHARE and abs(middle_mm) <= FAR_MM
    if crosses or (not paired and abs(middle_mm) <= MIDLINE_MM):
        return "midline"
    return "left" if middle_mm > 0 else "right"


def side_from_body(
    mask: BoxedMask, body: Mask, skeleton: LabelMap, *, in_plane_truncated: bool
) -> Side | None:
    """The side of a lesion from the body and its bones in the lesion's middle slice.

    Two parts of about one size are the legs. One part that is wider than deep, or has two like bones one on
    each side of its middle, is the trunk or both legs; of any other nobody knows which leg it is.
    """
    k = int(np.median(mask.index_kji()[:, 0]))
    large = _large_parts(body.voxels[k])
    if in_plane_truncated or not 1 <= len(large) <= 2:
        return None
    spans = [_span_mm(part, body.geometry, k) for part in large]
    x_mm = mask.points_lps_mm()[:, 0] - float(np.mean([span.middle_x for span in spans]))
    if len(large) == 2:
        return "left" if float(x_mm.mean()) > 0 else "right"
    whole = spans[0]
    if whole.width < WIDE * whole.depth and not _has_twin_bones(skeleton, mask, whole.middle_x):
        return None
    return side_from_midline(x_mm, paired=False)


class _Span(NamedTuple):
    """Where a part of a slice lies, mm."""

    middle_x: float
    low_x: float
    high_x: float
    width: float
    depth: float


def _large_parts(plane: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """The connected parts of a slice, without those that are small against the largest."""
    parts, count = ndimage.label(plane)
    areas = np.bincount(parts.ravel(), minlength=2)[1:]
    return [parts == n for n in range(1, count + 1) if areas[n - 1] >= LIKE_SHARE * areas.max()]


def _span_mm(part: NDArray[np.bool_], geometry: Geometry, k: int) -> _Span:
    j, i = np.nonzero(part)
    corners = geometry.to_lps_mm([[k, j.min(), i.min()], [k, j.max(), i.max()]])
    low, high = corners.min(0), corners.max(0)
    return _Span(
        float(low[0] + high[0]) / 2, float(low[0]), float(high[0]), *(float(mm) for mm in (high - low)[:2])
    )


def _has_twin_bones(skeleton: LabelMap, mask: BoxedMask, middle_x_mm: float) -> bool:
    """Whether in a slice of the lesion two large bones lie one on each side of the middle."""
    slices = some_of(np.unique(mask.index_kji()[:, 0]), MOST_SLICES)
    return any(_are_twins(skeleton, int(k), middle_x_mm) for k in slices)


def _are_twins(skeleton: LabelMap, k: int, middle_x_mm: float) -> bool:
    bones = [_span_mm(part, skeleton.geometry, k) for part in _large_parts(skeleton.values[k] > 0)]
    left = [bone for bone in bones if bone.low_x > middle_x_mm]
    right = [bone for bone in bones if bone.high_x < middle_x_mm]
    return len(left) == len(right) == 1 and len(bones) == 2
