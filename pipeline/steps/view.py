"""Whether a scan would show a lesion at a place: what is hidden there is not gone.

Worked out around the place alone, so that no mask of the whole scan is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from pipeline.config import MatchSettings
from pipeline.domain.geometry import Box, Geometry, grow_box
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap
from pipeline.domain.lesion import Excluded, ExcludedKind
from pipeline.steps.grid import margin_voxels
from pipeline.steps.voxels import Voxels, within_mm

PADDING_HU = -1024
"""What readers write outside the image; darker than air."""
TISSUE_HU = -350
"""Between air and fat."""
NOT_COVERED = "the other scan does not cover the place"
PADDED = "the other scan shows no image at the place"
IN_AIR = "the place lies in air, off the body, on the other scan"
BY_METAL = "metal or its streaks hide the place on the other scan"
IN_BONE = "the place was taken for bone on the other scan"
NO_LESION: tuple[ExcludedKind, ...] = ("noise", "metal")
"""Left out, but not in place of a lesion: below the smallest one, or asked about by itself."""

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """What decides whether a scan shows a place, beyond its grid."""

    volume: CTVolume
    bones: LabelMap
    excluded: tuple[Excluded, ...]
    spoilt: BoxedMask | None  #: metal and its streaks


@dataclass(frozen=True, slots=True)
class Hidden:
    """Why a scan tells nothing of a lesion at a place."""

    reason: str
    bone: bool = False  #: the place was taken for bone
    excluded: Excluded | None = None  #: what was left out there


def why_hidden(
    points_lps_mm: NDArray[np.float64], geometry: Geometry, view: View | None, settings: MatchSettings
) -> Hidden | None:
    """Why a scan would not show a lesion; None if it would.

    Parameters
    ----------
    points_lps_mm : ndarray
        (n, 3): the lesion's voxels, carried to this scan.
    view : View or None
        With None the grid alone decides.
    """
    index, inside = _inside(points_lps_mm, geometry)
    if inside.mean() < settings.covered_share:
        return Hidden(NOT_COVERED)
    if view is None:
        return None
    return _why_unseen(index[inside], view, settings) or _why_called_otherwise(
        index[inside], points_lps_mm, view, settings
    )


def covers(points_lps_mm: NDArray[np.float64], geometry: Geometry, settings: MatchSettings) -> bool:
    """Whether places lie within a scan's grid."""
    return bool(_inside(points_lps_mm, geometry)[1].mean() >= settings.covered_share)


def _inside(points_lps_mm: NDArray[np.float64], geometry: Geometry) -> tuple[Index, NDArray[np.bool_]]:
    """The nearest voxel of each place, and whether the grid has it."""
    index = np.rint(geometry.to_index(points_lps_mm)).astype(np.int64)
    return index, np.asarray(((index >= 0) & (index < np.asarray(geometry.shape))).all(axis=1))


def _why_unseen(index: Index, view: View, settings: MatchSettings) -> Hidden | None:
    """Metal, padding or air where the lesion would be."""
    if view.spoilt is not None and _share_in(view.spoilt, index) >= settings.spoilt_share:
        return Hidden(BY_METAL)
    own = view.volume.geometry
    k, j, i = (n + 1 for n in margin_voxels(own.spacing_mm, settings.reach_mm))
    box = grow_box(_box_of(index), (k, j, i), own.shape)
    at = tuple((index - [s.start for s in box]).T)
    padded = _padding(view.volume, box)[at]
    if padded.mean() > 1 - settings.covered_share:
        return Hidden(PADDED)
    in_air = _off_the_body(view.volume, box, settings.reach_mm)[at]
    return Hidden(IN_AIR) if in_air.mean() > 1 - settings.covered_share else None


def _box_of(index: Index) -> Box:
    k, j, i = (slice(int(low), int(high) + 1) for low, high in zip(index.min(0), index.max(0), strict=True))
    return k, j, i


def _padding(volume: CTVolume, box: Box) -> Voxels:
    """Patches of voxels at the bottom of the scale; single ones are noise in air."""
    bottom = (volume.hu[box] <= PADDING_HU).astype(np.uint8)
    return np.asarray(ndimage.grey_opening(bottom, size=(1, 3, 3), mode="nearest") > 0)


def _off_the_body(volume: CTVolume, box: Box, reach_mm: float) -> Voxels:
    """Air too far from any tissue for the tissue of the place to have moved only a little."""
    return ~within_mm(volume.hu[box] > TISSUE_HU, volume.geometry.spacing_mm, reach_mm)


def _share_in(mask: BoxedMask, index: Index) -> float:
    """Share of some voxels that a mask holds."""
    at = index - [s.start for s in mask.box]
    within = ((at >= 0) & (at < mask.voxels.shape)).all(axis=1)
    return float(np.count_nonzero(mask.voxels[tuple(at[within].T)]) / len(index))


def _why_called_otherwise(
    index: Index, points_lps_mm: NDArray[np.float64], view: View, settings: MatchSettings
) -> Hidden | None:
    """Whether what is bright at the place was taken for bone, or left out as something else."""
    if np.mean(view.bones.values[tuple(index.T)] > 0) >= settings.bone_share:
        return Hidden(IN_BONE, bone=True)
    near, tree = _box_of(index), KDTree(points_lps_mm)
    for one in view.excluded:
        if one.kind in NO_LESION or not _overlap(one.mask.box, near):
            continue
        away, _ = tree.query(one.mask.points_lps_mm(), distance_upper_bound=settings.left_mm)
        if np.isfinite(away).mean() >= settings.left_share:
            reason = f"something bright at the place was left out as {one.kind} on the other scan"
            return Hidden(reason, excluded=one)
    return None


def _overlap(one: Box, other: Box) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))
