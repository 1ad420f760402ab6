"""Where a lesion lies. A first version: its side, and how far the next bone is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.geometry import box_within, grow_box
from pipeline.domain.image import BoxedMask, LabelMap, Mask
from pipeline.domain.lesion import Side, Site
from pipeline.steps.grid import margin_voxels
from pipeline.steps.place import FARTHEST_MM, distance_within_mm

MIDLINE_MM = 5.0
"""A lesion whose centre lies this near to the middle of the body has no side."""


def locate(mask: BoxedMask, skeleton: LabelMap, *, midline_x_mm: float | None) -> Site:
    """Side and distance to bone; what is not known is None.

    Parameters
    ----------
    midline_x_mm : float or None
        Where the patient's middle lies; None where the scan does not show it.
    """
    distance_mm = bone_distance_mm(mask, skeleton)
    return Site(side=_side(mask, midline_x_mm), bone_distance_mm=distance_mm)


def _side(mask: BoxedMask, midline_x_mm: float | None) -> Side | None:
    if midline_x_mm is None:
        return None
    offset_mm = float(mask.points_lps_mm()[:, 0].mean()) - midline_x_mm
    if abs(offset_mm) <= MIDLINE_MM:
        return "midline"
    return "left" if offset_mm > 0 else "right"


def bone_distance_mm(mask: BoxedMask, skeleton: LabelMap) -> float | None:
    """Shortest way from a lesion's surface to bone; 0 where voxels touch, None where none is near."""
    geometry = mask.geometry
    box = grow_box(mask.box, margin_voxels(geometry.spacing_mm, FARTHEST_MM), geometry.shape)
    here = BoxedMask(mask.voxels, box_within(mask.box, box), geometry.crop(box))
    nearest_mm = distance_within_mm(here, skeleton.values[box] > 0)
    if nearest_mm <= float(np.linalg.norm(geometry.spacing_mm)) and _is_adjacent(mask, skeleton):
        return 0.0
    return nearest_mm if nearest_mm <= FARTHEST_MM else None


def _is_adjacent(mask: BoxedMask, skeleton: LabelMap) -> bool:
    """Whether a voxel of the mask and one of bone share a face, an edge or a corner."""
    around = mask.padded((1, 1, 1))
    reach = ndimage.binary_dilation(around.voxels, structure=np.ones((3, 3, 3), dtype=bool))
    return bool((reach & (skeleton.values[around.box] > 0)).any())


def midline_x_mm(body: Mask, *, in_plane_truncated: bool) -> float | None:
    """The x of the body's middle, where the whole width of the body is in the picture."""
    if in_plane_truncated or not body.voxels.any():
        return None
    columns: NDArray[np.int64] = np.flatnonzero(body.voxels.any(axis=(0, 1)))
    middle = np.array([body.geometry.shape[0] / 2, body.geometry.shape[1] / 2, columns[[0, -1]].mean()])
    return float(body.geometry.to_lps_mm(middle)[0])
