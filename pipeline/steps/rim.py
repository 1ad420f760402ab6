"""The blurred rims of bones, where lesions are drawn further down than bones.

Bones are gathered at a level of their own, so that they are the same whatever counts as calcified. Where
lesions are drawn down to a lower one, a shell around every bone lies between the two: blur and partial
volume, no calcium. It goes to the bone, but for what lies nearer to a bright component that may be calcium.
So does what is dim and closed in by bone: spongiosa wider than the holes that are filled at their own level.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.domain.analysis import Threshold
from pipeline.domain.geometry import Float3, grow_box
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap, Mask
from pipeline.steps.grid import bounding_box, margin_voxels
from pipeline.steps.listed import label_listed
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.voxels import Index, Voxels, small_holes, with_neighbours, within_mm

RIM_MM = 2.0
"""How far the rim of a bone reaches, one voxel at least: as far as blur carries (`plateau_reach_mm`)."""
LARGEST_INSIDE_MM2 = 2000.0
"""A hole in a slice of bone up to this size is its inside, as far as it is dim and hangs on the bone: that of
a trochanter has 1000 mm², the pelvic ring of a small child 3000."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What is dim lies from the edge of lesions up to the level at which bones are gathered."""

    edge_hu: float
    bone_hu: float
    seed_hu: float  #: what a component must reach to be calcium

    @classmethod
    def of(cls, threshold: Threshold, bone_hu: float) -> Levels | None:
        """None where lesions end above the level of bones: their rims are in nobody's way."""
        return cls(threshold.edge_hu, bone_hu, threshold.seed_hu) if threshold.edge_hu < bone_hu else None


def widen_skeleton(skeleton: Skeleton, smooth: CTVolume, body: Mask, levels: Levels) -> Skeleton:
    """The skeleton with the dim rims of its bones, and its beads with theirs.

    Which bone a rim is of is not told.
    """
    rim = find_rim(skeleton.solid, smooth, body, levels, hole_mm2=LARGEST_INSIDE_MM2)
    beads = None
    if skeleton.beads is not None:
        beads = _widened(skeleton.beads, smooth, body.voxels & ~rim & ~skeleton.solid, levels)
    values = skeleton.labels.values.copy()
    values[rim] = min(skeleton.labels.names, default=1)
    values.setflags(write=False)
    labels = LabelMap(values, skeleton.labels.geometry, skeleton.labels.names)
    return replace(skeleton, labels=labels, joined=skeleton.joined | rim, beads=beads)


def find_rim(solid: Voxels, smooth: CTVolume, body: Mask, levels: Levels, *, hole_mm2: float = 0.0) -> Voxels:
    """What is dim, hangs on something solid, and lies no nearer to anything else that may be calcium.

    Parameters
    ----------
    solid : ndarray
        bool [k, j, i], bones or sheets, as gathered at the level of bones.
    hole_mm2 : float
        What is dim in a hole of a slice up to this size is rim as well, however wide.

    Returns
    -------
    ndarray
        bool [k, j, i], nothing of `solid`; all False where nothing is solid.
    """
    rim = np.zeros(solid.shape, dtype=bool)
    found = bounding_box(solid)
    if found is None:
        return rim
    spacing_mm = smooth.geometry.spacing_mm
    box = grow_box(found, margin_voxels(spacing_mm, RIM_MM), smooth.geometry.shape)
    own, hu = solid[box], smooth.hu[box]
    outside = body.voxels[box] & ~own & (hu >= levels.edge_hu)
    dim = outside & (hu < levels.bone_hu)
    near = dim & _reach(own, spacing_mm)
    inside = _holes(own | near, round(hole_mm2 / (spacing_mm[1] * spacing_mm[2])))
    near |= dim & inside
    calcium = _started(outside & ~dim, hu, levels.seed_hu, inside)
    lost = _nearer_to(calcium, own, near & _reach(calcium, spacing_mm), spacing_mm)
    rim[box] = _hanging_on(own, near & ~lost)
    return rim


def _reach(voxels: Voxels, spacing_mm: Float3) -> Voxels:
    """What lies within the width of a rim."""
    return within_mm(voxels, spacing_mm, RIM_MM) | with_neighbours(voxels)


def _holes(voxels: Voxels, most_pixels: int) -> Voxels:
    """Holes of each slice up to a size."""
    holes = np.zeros(voxels.shape, dtype=bool)
    for plane, hole in zip(voxels, holes, strict=True) if most_pixels else ():
        hole |= small_holes(plane, most_pixels)
    return holes


def _index(voxels: Voxels) -> Index:
    k, j, i = np.unravel_index(np.flatnonzero(voxels), voxels.shape)
    return k, j, i


def _started(
    bright: Voxels, hu: NDArray[np.int16] | NDArray[np.float32], seed_hu: float, inside: Voxels
) -> Voxels:
    """Components with a voxel bright enough to start from, without those that lie inside for most."""
    index = _index(bright)
    k, j, i = bright.shape
    listed = label_listed(index, (k, j, i))
    size = listed.count + 1
    seeded = np.bincount(listed.numbers[hu[index] >= seed_hu], minlength=size) > 0
    within = np.bincount(listed.numbers[inside[index]], minlength=size)
    seeded &= 2 * within < np.bincount(listed.numbers, minlength=size)
    kept = np.zeros(bright.shape, dtype=bool)
    kept[index] = seeded[listed.numbers]
    return kept


def _nearer_to(one: Voxels, other: Voxels, asked: Voxels, spacing_mm: Float3) -> Voxels:
    """Which of the voxels asked for lie nearer to one thing, which is within reach, than to the other."""
    nearer = np.zeros(asked.shape, dtype=bool)
    if not asked.any():
        return nearer
    near = _reach(asked, spacing_mm)
    places = np.argwhere(asked) * np.asarray(spacing_mm)
    away_mm = [
        KDTree(np.argwhere(near & what) * np.asarray(spacing_mm)).query(places)[0] for what in (one, other)
    ]
    nearer[asked] = away_mm[0] < away_mm[1]
    return nearer


def _hanging_on(solid: Voxels, dim: Voxels) -> Voxels:
    """Components of what is dim that touch something solid."""
    index = _index(dim)
    k, j, i = dim.shape
    listed = label_listed(index, (k, j, i))
    beside = with_neighbours(solid)[index]
    hangs = np.bincount(listed.numbers[beside], minlength=listed.count + 1) > 0
    kept = np.zeros(dim.shape, dtype=bool)
    kept[index] = hangs[listed.numbers]
    return kept


def _widened(mask: BoxedMask, smooth: CTVolume, free: Voxels, levels: Levels) -> BoxedMask:
    """A mask with what is dim around it, where that is free."""
    wide = mask.padded(margin_voxels(mask.geometry.spacing_mm, RIM_MM))
    hu = smooth.hu[wide.box]
    dim = free[wide.box] & (hu >= levels.edge_hu) & (hu < levels.bone_hu)
    return replace(wide, voxels=wide.voxels | (dim & _reach(wide.voxels, mask.geometry.spacing_mm)))
