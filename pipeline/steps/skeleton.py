"""The skeleton of a scan, with the calcium that touches it taken off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.config import PartingSettings, SkeletonSettings
from pipeline.domain.geometry import Geometry, grow_box
from pipeline.domain.image import CTVolume, LabelMap, Mask
from pipeline.steps.bone import Bone, PooledScan, pool_scan, segment_bone, tissue_joined_to_bone
from pipeline.steps.grid import bounding_box, margin_voxels, pool_max
from pipeline.steps.parting import find_lump_cores, grow_lumps, near_cores
from pipeline.steps.voxels import Voxels, small_holes

UNNAMED_BONE = "other_bone"
LARGEST_HOLE_MM2 = 600.0
"""A hole in a slice of bone up to this size is its inside; the pelvic ring encloses more than 10 000 mm²."""
LUMP_REACH_MM = 8.0
"""How far around its core a lump is hidden while the bones under it are looked for."""


@dataclass(frozen=True, eq=False, slots=True)
class Skeleton:
    """Bones, and what hangs on them."""

    labels: LabelMap  #: value → bone, on the scan's grid
    lumps: Voxels  #: [k, j, i], calcium that touches bone
    joined: Voxels  #: [k, j, i], bone and the tissue brighter than muscle that hangs on it

    @property
    def solid(self) -> Voxels:
        """[k, j, i], any bone."""
        return np.asarray(self.labels.values > 0)


def segment_skeleton(
    smooth: CTVolume,
    body: Mask,
    skeleton_settings: SkeletonSettings,
    parting_settings: PartingSettings,
    *,
    bone_hu: float,
) -> Skeleton:
    """Find the bones and part them from lumps of calcium that touch them.

    Where a lump is found, bones are looked for a second time without it: between a lump and a
    bone soft tissue is enclosed just as marrow is.

    Parameters
    ----------
    smooth : CTVolume
        The lightly smoothed scan.
    body : Mask
        The patient, on the same grid.
    bone_hu : float
        Level at which bright components are gathered.
    """
    pooled = pool_scan(smooth, body, skeleton_settings)
    bright = (smooth.hu >= bone_hu) & body.voxels
    bone = segment_bone(bright, pooled, skeleton_settings)
    lumps = find_lump_cores(bone, pooled, parting_settings, skeleton_settings)
    solid = bone.solid
    if lumps.any():
        alone = _without_lumps(bone, lumps, bright, pooled, skeleton_settings)
        together = (bone.solid & bright) | alone.solid
        lumps = grow_lumps(smooth, lumps, together, alone.marrow)
        solid = together & ~lumps
    solid = _fill_insides(solid, lumps, smooth.geometry)
    values = solid.view(np.uint8)
    values.setflags(write=False)
    return Skeleton(
        LabelMap(values, smooth.geometry, {1: UNNAMED_BONE}),
        lumps,
        tissue_joined_to_bone(solid, pooled, skeleton_settings),
    )


def _without_lumps(
    bone: Bone, cores: Voxels, bright: Voxels, pooled: PooledScan, settings: SkeletonSettings
) -> Bone:
    """The bones as they look with the lumps taken away, searched anew only around the lumps.

    What reaches out of the searched box and was bone before stays bone.
    """
    hidden = near_cores(cores, pooled.fine_spacing_mm, reach_mm=LUMP_REACH_MM)
    blocks = pool_max(hidden, pooled.steps)
    found = bounding_box(blocks)
    if found is None:
        return bone
    margin = margin_voxels(pooled.spacing_mm, settings.marrow_reach_mm + LUMP_REACH_MM)
    box = grow_box(found, margin, (blocks.shape[0], blocks.shape[1], blocks.shape[2]))
    fine = pooled.fine_box(box)
    known = bone.solid[fine] & ~hidden[fine] & _faces(hidden[fine].shape)
    rest = pooled.crop(box).without(blocks[box])
    part = segment_bone(bright[fine] & ~hidden[fine], rest, settings, known=known)
    solid, marrow = bone.solid.copy(), bone.marrow.copy()
    solid[fine], marrow[fine] = part.solid, part.marrow
    return Bone(solid, marrow)


def _faces(shape: tuple[int, ...]) -> Voxels:
    """The outermost layer of a box."""
    faces = np.ones(shape, dtype=bool)
    faces[1:-1, 1:-1, 1:-1] = False
    return faces


def _fill_insides(solid: Voxels, lumps: Voxels, geometry: Geometry) -> Voxels:
    """Bones with the small holes of each axial slice filled: spongiosa that was not found enclosed."""
    most = round(LARGEST_HOLE_MM2 / (geometry.spacing_mm[1] * geometry.spacing_mm[2]))
    filled = solid.copy()
    box = bounding_box(solid)
    if box is not None:
        for plane, lump in zip(filled[box], lumps[box], strict=True):
            plane |= small_holes(plane, most) & ~lump
    return filled
