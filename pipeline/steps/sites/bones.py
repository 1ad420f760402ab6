"""The bone next to a lesion, and how far it is."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from pipeline.domain.geometry import box_within, grow_box
from pipeline.domain.image import BoxedMask, LabelMap
from pipeline.steps.grid import margin_voxels
from pipeline.steps.place import FARTHEST_MM, distance_within_mm
from pipeline.steps.sites.skin import some_of

MOST_POINTS = 20_000
"""Of the bone around a lesion, to tell which is nearest."""


def nearest_bone(mask: BoxedMask, skeleton: LabelMap) -> tuple[str | None, float | None]:
    """Name of the nearest bone and the shortest way to it from a lesion's surface.

    Returns
    -------
    name, distance_mm
        0 mm where voxels touch; both None where no bone lies within 40 mm.
    """
    distance_mm = bone_distance_mm(mask, skeleton)
    if distance_mm is None:
        return None, None
    geometry = mask.geometry
    reach_mm = distance_mm + 2 * max(geometry.spacing_mm)
    box = grow_box(mask.box, margin_voxels(geometry.spacing_mm, reach_mm), geometry.shape)
    near = skeleton.values[box]
    index = some_of(np.argwhere(near), MOST_POINTS)
    start = np.array([s.start for s in box])
    own = KDTree(some_of(mask.points_lps_mm(), MOST_POINTS))
    away = np.asarray(own.query(geometry.to_lps_mm(index + start))[0])
    value = int(near[tuple(index[int(away.argmin())])])
    return skeleton.names.get(value), distance_mm


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
