"""The skeleton of a scan, with the calcium that touches it taken off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.config import PartingSettings, SkeletonSettings
from pipeline.domain.geometry import Box, Geometry, grow_box
from pipeline.domain.image import BoxedMask, CTVolume, LabelMap, Mask
from pipeline.steps.beads import BEAD, find_beads, grow_beads
from pipeline.steps.bone import Bone, PooledScan, segment_bone, tissue_joined_to_bone
from pipeline.steps.grid import bounding_box, margin_voxels, pool_max
from pipeline.steps.parting import find_lump_cores
from pipeline.steps.regrow import grow_lumps, near_cores
from pipeline.steps.voxels import Voxels, small_holes

UNNAMED_BONE = "other_bone"
LARGEST_HOLE_MM2 = 600.0
"""A hole in a slice of bone up to this size is its inside; the pelvic ring encloses more than 10 000 mm²."""
MARGIN_BLOCKS = 3
"""Nothing that is bone or marrow lies this far beyond all that is dense."""
LUMP_REACH_MM = 8.0
"""How far around its core a lump is hidden while the bones under it are looked for."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Bones, and what hangs on them."""

    labels: LabelMap  #: value → bone, on the scan's grid
    lumps: Voxels  #: [k, j, i], calcium that touches bone
    joined: Voxels  #: [k, j, i], bone and the tissue brighter than muscle that hangs on it
    beads: BoxedMask | None = None  #: small lumps that came off a bone (`beads`); they are lumps as well

    def is_bead(self, mask: BoxedMask) -> bool:
        """Whether most of a component is a small lump that was parted from the bone beside it."""
        return self.beads is not None and 2 * self.beads.shared_with(mask) >= mask.voxel_count

    @cached_property
    def solid(self) -> Voxels:
        """[k, j, i], any bone."""
        solid = np.asarray(self.labels.values > 0)
        solid.setflags(write=False)
        return solid


def segment_skeleton(
    smooth: CTVolume,
    body: Mask,
    pooled: PooledScan,
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
    pooled : PooledScan
        The scan on the grid where bone is looked for.
    bone_hu : float
        Level at which bright components are gathered.
    """
    solid, lumps = (np.zeros(pooled.shape, dtype=bool) for _ in range(2))
    beads = None
    dense = bounding_box((pooled.peak_hu >= min(bone_hu, skeleton_settings.cortex_hu)) & pooled.body)
    if dense is not None:
        coarse = grow_box(dense, (MARGIN_BLOCKS, MARGIN_BLOCKS, MARGIN_BLOCKS), pooled.mean_hu.shape)
        box = pooled.fine_box(coarse)
        near = pooled.crop(coarse)
        settings = (skeleton_settings, parting_settings)
        solid[box], lumps[box], own = _bones_and_lumps(
            smooth.crop(box), body.voxels[box], near, settings, bone_hu
        )
        beads = _boxed(own, box, smooth.geometry)
    values = solid.view(np.uint8)
    values.setflags(write=False)
    return Skeleton(
        LabelMap(values, smooth.geometry, {1: UNNAMED_BONE}),
        lumps,
        tissue_joined_to_bone(solid, pooled, skeleton_settings),
        beads,
    )


def _boxed(own: Voxels, box: Box, geometry: Geometry) -> BoxedMask | None:
    """Voxels in a box of the scan, in the smallest box around them; None if there are none."""
    found = bounding_box(own)
    if found is None:
        return None
    k, j, i = (slice(s.start + b.start, s.stop + b.start) for s, b in zip(found, box, strict=True))
    return BoxedMask(own[found], (k, j, i), geometry)


def _bones_and_lumps(
    smooth: CTVolume,
    body: Voxels,
    pooled: PooledScan,
    settings: tuple[SkeletonSettings, PartingSettings],
    bone_hu: float,
) -> tuple[Voxels, Voxels, Voxels]:
    """Bones, the lumps on them, and which of those are beads, in the part of a scan with anything dense."""
    skeleton_settings, parting_settings = settings
    bright = (smooth.hu >= bone_hu) & body
    bone = segment_bone(bright, pooled, skeleton_settings)
    with ThreadPoolExecutor(max_workers=1) as beside:
        found = beside.submit(find_beads, bone, pooled)
        lumps = find_lump_cores(bone, pooled, parting_settings, skeleton_settings)
        beads = found.result()
    solid, small = bone.solid, np.zeros(lumps.shape, dtype=bool)
    if lumps.any() or beads.any():
        alone = _without_lumps(bone, lumps | (beads == BEAD), bright, pooled, skeleton_settings)
        together = (bone.solid & bright) | alone.solid
        lumps = grow_lumps(smooth, lumps, together, alone.marrow, bone.marrow)
        small = grow_beads(smooth, beads, together) & ~lumps
        lumps |= small
        solid = together & ~lumps
    return _fill_insides(solid, lumps, smooth.geometry), lumps, small


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
    box = grow_box(found, margin, blocks.shape)
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
    if box is None:
        return filled
    planes, kept = filled[box], lumps[box]

    def fill(part: slice) -> None:
        for plane, lump in zip(planes[part], kept[part], strict=True):
            plane |= small_holes(plane, most) & ~lump

    middle = len(planes) // 2
    with ThreadPoolExecutor(max_workers=2) as threads:
        list(threads.map(fill, (slice(middle), slice(middle, None))))
    return filled
