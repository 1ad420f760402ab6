"""The bone next to a lesion, how far it is, and which part of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from pipeline.domain.geometry import box_within, grow_box
from pipeline.domain.image import BoxedMask, LabelMap
from pipeline.domain.lesion import BonePart
from pipeline.steps.grid import margin_voxels
from pipeline.steps.naming.atlas import HIP_BONES, Points, load_atlas
from pipeline.steps.place import FARTHEST_MM, distance_within_mm
from pipeline.steps.sites.skin import some_of

MOST_POINTS = 20_000
"""Of the bone around a lesion, to tell which is nearest."""
LIMBS = {"back": 0.25, "front": 0.35, "down": 0.1}
"""Slopes of the triradiate cartilage, seen from the side: its limbs run from the middle of the hip to the
back and to the front, both rising a little, and downwards, leaning forwards. The third goes on through the
foramen to the middle of the ischiopubic ramus, where pubis and ischium meet."""


@dataclass(frozen=True, eq=False, slots=True)
class NearestBone:
    """The bone next to a lesion."""

    name: str | None
    distance_mm: float  #: 0 where voxels touch
    place_lps_mm: Points  #: (3,), where it is nearest


def hip_bone_part(bone: str | None, reference_mm: Points) -> BonePart | None:
    """Ilium, pubis or ischium, as the triradiate cartilage parts the hip bone; None for other bones.

    Parameters
    ----------
    reference_mm : ndarray
        (3,), a place on the bone, in mm of the reference patient.
    """
    if bone not in HIP_BONES:
        return None
    head = load_atlas().heads_mm[bone.replace("hip_bone", "femur")]
    _, back, up = reference_mm - head
    if up > back * LIMBS["back"] if back > 0 else up > -back * LIMBS["front"]:
        return "ilium"
    return "ischium" if back > up * LIMBS["down"] else "pubis"


def nearest_bone(mask: BoxedMask, skeleton: LabelMap) -> NearestBone | None:
    """The nearest bone and the shortest way to it from a lesion's surface; None without bone within 40 mm."""
    distance_mm = bone_distance_mm(mask, skeleton)
    if distance_mm is None:
        return None
    geometry = mask.geometry
    reach_mm = distance_mm + 2 * max(geometry.spacing_mm)
    box = grow_box(mask.box, margin_voxels(geometry.spacing_mm, reach_mm), geometry.shape)
    near = skeleton.values[box]
    index = some_of(np.argwhere(near), MOST_POINTS)
    start = np.array([s.start for s in box])
    own = KDTree(some_of(mask.points_lps_mm(), MOST_POINTS))
    places = geometry.to_lps_mm(index + start)
    first = int(np.asarray(own.query(places)[0]).argmin())
    return NearestBone(skeleton.names.get(int(near[tuple(index[first])])), distance_mm, places[first])


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
