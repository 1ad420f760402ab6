"""The skeleton of a scan, with the calcium that touches it taken off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from pipeline.config import PartingSettings, SkeletonSettings
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import CTVolume, LabelMap, Mask
from pipeline.steps.bone import Bone, segment_bone
from pipeline.steps.parting import find_lump_cores, grow_lumps, without_lumps
from pipeline.steps.voxels import Voxels

UNNAMED_BONE = "other_bone"
LARGEST_HOLE_MM2 = 600.0
"""A hole in a slice of bone up to this size is its inside: a femoral head has 1500 mm², the pelvic ring
ten times that."""
LUMP_REACH_MM = 8.0
"""How far around its core a lump is hidden while the bones under it are looked for."""


@dataclass(frozen=True, eq=False, slots=True)
class Skeleton:
    """Bones, and what hangs on them."""

    labels: LabelMap  #: value → bone, on the scan's grid
    lumps: Voxels  #: [k, j, i], calcium that touches bone
    joined: Voxels  #: [k, j, i], bright pieces joined to bone by half-bright tissue

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
    bone = segment_bone(smooth, body, skeleton_settings, bone_hu=bone_hu)
    cores = find_lump_cores(smooth, bone, parting_settings)
    if not cores.any():
        return _skeleton(bone, cores, smooth)
    bare = without_lumps(smooth, cores, reach_mm=LUMP_REACH_MM)
    bones_alone = segment_bone(bare, body, skeleton_settings, bone_hu=bone_hu)
    bright = (bone.solid & (smooth.hu >= bone_hu)) | bones_alone.solid
    lumps = grow_lumps(smooth, cores, bright, bones_alone.marrow)
    solid = bright & ~lumps
    return _skeleton(Bone(solid, bones_alone.marrow, bone.joined & ~solid), lumps, smooth)


def _fill_insides(solid: Voxels, lumps: Voxels, geometry: Geometry) -> Voxels:
    """Bones with the small holes of each axial slice filled: spongiosa that was not found enclosed."""
    most = round(LARGEST_HOLE_MM2 / (geometry.spacing_mm[1] * geometry.spacing_mm[2]))
    filled = solid.copy()
    for plane, lump in zip(filled, lumps, strict=True):
        if plane.any():
            holes = ndimage.binary_fill_holes(plane) & ~plane
            labels, count = ndimage.label(holes)
            small = np.bincount(labels.ravel(), minlength=count + 1) <= most
            small[0] = False
            plane |= small[labels] & ~lump
    return filled


def _skeleton(bone: Bone, lumps: Voxels, smooth: CTVolume) -> Skeleton:
    values = _fill_insides(bone.solid, lumps, smooth.geometry).astype(np.uint8)
    values.setflags(write=False)
    return Skeleton(LabelMap(values, smooth.geometry, {1: UNNAMED_BONE}), lumps, bone.joined)
