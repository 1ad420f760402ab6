"""Lumps of calcium parted from the bone they touch.

Cortex is thin: a ball of 4 to 6 mm fits into no cortex but a shaft's, while it fits into a lump
that is dense throughout. Such cores are found at several levels, high ones first, since at a high
level the blur between lump and bone falls away. In `regrow` the lump is grown back from its core.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.config import PartingSettings, SkeletonSettings
from pipeline.domain.geometry import Box, Float3, grow_box
from pipeline.steps.bone import Bone, PooledScan, find_marrow
from pipeline.steps.grid import bounding_box, expand, margin_voxels, pool_max
from pipeline.steps.voxels import (
    Voxels,
    component_boxes,
    deeper_than_mm,
    depth_mm,
    label_components,
    opened,
    within_mm,
)

RIM_MM = (1.5, 4.0)
"""The surroundings of a lump: beyond its blurred rim, nearer than the next structure usually is."""
SOFT_HU = 140.0
"""Surroundings below this are soft tissue."""
SMALLEST_CORE_MM3 = 4.0
THICKER_THAN_CORTEX = 1.5
"""A lump is thicker than the cortex around it by at least this factor."""
NEIGHBOURHOOD_MM = 45.0
"""How far around a lump the bone's own thickness is looked up."""
CORE_DEPTH_MM = 2.5
"""How far below its surface a lump's core ends."""
OWN_FRACTION = 0.7
"""What is this much as thick as the thickest place of a part belongs to it."""
HIDDEN_RIM_MM = 1.0
"""How far beyond its surface a part is hidden while the marrow around it is looked for."""
MUSCLE_HU = (20.0, 90.0)
"""Enclosed tissue of this density is more likely muscle caught between a lump and a bone than marrow."""
COMPACT_BONE_HU = 1150.0
"""The wall of a shaft has 1200 to 1500 HU, a lump of calcium seldom as much,"""
SHAFT_WALL_MM = 7.5
"""half its thickness stays below this,"""
SHAFT_LENGTH_MM = 40.0
"""and it goes on for longer than this."""
MARROW_NEAR_MM = 10.0
"""How far around a part marrow is compared with and without it."""
MARROW_RADIUS_MM = 2.0
"""Enclosed places narrower than this may be the gap between a lump and a bone, and are not marrow."""


def find_lump_cores(
    bone: Bone, pooled: PooledScan, settings: PartingSettings, skeleton_settings: SkeletonSettings
) -> Voxels:
    """Places within `bone.solid` that are too thick and dense to be bone.

    Looked for on the pooled grid, where noise does not riddle a lump with holes.

    Returns
    -------
    ndarray
        bool [k, j, i] on the fine grid; all false where no bone carries a lump. A lump cut by the
        edge of the scan is left with the bone: what it would look like beyond is unknown.
    """
    solid, marrow = pool_max(bone.solid, pooled.steps), pool_max(bone.marrow, pooled.steps)
    cores = np.zeros(solid.shape, dtype=bool)
    for level, radius_mm in zip(settings.lump_hu, settings.lump_radius_mm, strict=True):
        depth = _depth_near_thick(solid & (pooled.mean_hu >= level), radius_mm, pooled.spacing_mm)
        for thick in _thick_parts(depth, radius_mm, pooled):
            known = bool(cores[thick.box][thick.voxels].all())
            if not known and _is_lump(thick, marrow, pooled, settings, skeleton_settings):
                cores[thick.box] |= _filled(thick, pooled.spacing_mm)
    return expand(cores, pooled.steps, pooled.shape)


def _depth_near_thick(voxels: Voxels, radius_mm: float, spacing_mm: Float3) -> NDArray[np.float32]:
    """`depth_mm` around all places that a ball may fit into; 0 elsewhere."""
    depth = np.zeros(voxels.shape, dtype=np.float32)
    found = bounding_box(deeper_than_mm(voxels, spacing_mm, 0.999 * radius_mm))
    if found is not None:
        box = grow_box(found, margin_voxels(spacing_mm, NEIGHBOURHOOD_MM), voxels.shape)
        depth[box] = depth_mm(voxels[box], spacing_mm)
    return depth


@dataclass(frozen=True, eq=False, slots=True)
class _Thick:
    """A dense part that a ball fits into, in a box with its surroundings, on the pooled grid."""

    voxels: Voxels  #: the places nearly as deep as the deepest one
    depth: NDArray[np.float32]  #: mm, of everything dense in the box
    box: Box

    @property
    def deepest_mm(self) -> float:
        """Radius of the largest ball that fits in."""
        return float(self.depth[self.voxels].max())

    @property
    def reach_mm(self) -> float:
        """How far the part's surface lies from `voxels`."""
        return OWN_FRACTION * self.deepest_mm

    def within_mm(self, reach_mm: float, spacing_mm: Float3) -> Voxels:
        """Up to a distance from the part's surface."""
        return within_mm(self.voxels, spacing_mm, self.reach_mm + reach_mm)


def _filled(thick: _Thick, spacing_mm: Float3) -> Voxels:
    """A part up to a little below its surface."""
    inner_mm = max(0.0, thick.reach_mm - CORE_DEPTH_MM)
    return within_mm(thick.voxels, spacing_mm, inner_mm) & (thick.depth > 0)


def _thick_parts(depth: NDArray[np.float32], radius_mm: float, pooled: PooledScan) -> Iterator[_Thick]:
    """Dense parts that a ball fits into and that the edge of the scan does not cut."""
    labels = label_components(depth >= radius_mm, connectivity=26)
    margin = margin_voxels(pooled.spacing_mm, NEIGHBOURHOOD_MM)
    shape = pooled.mean_hu.shape
    seen = np.zeros(shape, dtype=bool)
    for label, found in enumerate(component_boxes(labels), start=1):
        box = grow_box(found, margin, shape)
        core = labels[box] == label
        if (seen[box] & core).any():
            continue
        own = _own_part(core, depth[box])
        seen[box] |= own
        if not is_cut(own, pooled.crop(box).cut):
            yield _Thick(own, depth[box], box)


def _own_part(core: Voxels, depth: NDArray[np.float32]) -> Voxels:
    """All that is nearly as thick as the core and hangs together with it."""
    deepest = np.unravel_index(int(np.where(core, depth, -1).argmax()), depth.shape)
    labels = label_components(depth >= OWN_FRACTION * depth[deepest], connectivity=26)
    return np.asarray(labels == labels[deepest])


def is_cut(own: Voxels, cut: tuple[tuple[bool, bool], ...]) -> bool:
    """Whether a part lies on an edge of the scan."""
    return any(
        cut[axis][side] and bool(own.take([end], axis=axis).any())
        for axis in range(3)
        for side, end in ((0, 0), (1, -1))
    )


def _is_lump(
    thick: _Thick,
    marrow: Voxels,
    pooled: PooledScan,
    settings: PartingSettings,
    skeleton_settings: SkeletonSettings,
) -> bool:
    """Whether a thick part is calcium on a bone, and not a part of the bone.

    It must be thicker than the walls of bone around it, lie mostly in soft tissue, and be something
    that the bone can do without: with the part taken away its marrow is still enclosed.
    """
    if np.count_nonzero(thick.voxels) * float(np.prod(pooled.spacing_mm)) < SMALLEST_CORE_MM3:
        return False
    local = pooled.crop(thick.box)
    if _is_shaft(thick, local.mean_hu, pooled.spacing_mm):
        return False
    wanted = _marrow_to_keep(thick, local, settings)
    return wanted <= 1 and _marrow_kept(thick, marrow[thick.box], local, skeleton_settings) >= wanted


def _marrow_to_keep(thick: _Thick, local: PooledScan, settings: PartingSettings) -> float:
    """Share of the marrow around that must still be enclosed without a part; infinite where none would do."""
    free = _free_fraction(thick, local)
    inside = local.mean_hu[thick.voxels].astype(np.float64)
    middle, unevenness = float(inside.mean()), float(inside.std() / inside.mean())
    wanted = float("inf")
    if _is_thicker(thick, local.spacing_mm):
        bulky = _is_bulky(thick, local.mean_hu, settings)
        proof = settings.bulky if bulky else settings.usual
        believed = bulky or local.spacing_mm[0] <= settings.thick_slice_mm
        if free >= proof.free_fraction and (believed or unevenness <= settings.thick_unevenness):
            wanted = proof.marrow_kept
    large = len(inside) * float(np.prod(local.spacing_mm)) >= settings.even_mm3
    if large and middle >= settings.even_hu and unevenness <= settings.even_unevenness:
        wanted = min(wanted, _marrow_to_keep_if_even(free, middle, settings))
    return wanted


def _marrow_to_keep_if_even(free: float, middle_hu: float, settings: PartingSettings) -> float:
    """The less the freer an even dense part is; what is as dense as a shaft keeps the full share."""
    least, most = settings.even.free_fraction, settings.floating_fraction
    if free < least:
        return float("inf")
    if middle_hu >= settings.compact_hu:
        return settings.even.marrow_kept
    return settings.even.marrow_kept * max(0.0, (most - free) / (most - least))


def _free_fraction(thick: _Thick, local: PooledScan) -> float:
    """Share of the surroundings of a part that is soft tissue; 0 where there are none."""
    near, far = (thick.within_mm(mm, local.spacing_mm) for mm in RIM_MM)
    rim = far & ~near
    return float(np.mean(local.mean_hu[rim] < SOFT_HU)) if rim.any() else 0.0


def _is_thicker(thick: _Thick, spacing_mm: Float3) -> bool:
    """Whether a part is thicker than the walls of bone around it."""
    depth = thick.depth
    ridge = (depth > min(spacing_mm)) & (depth == ndimage.maximum_filter(depth, size=3))
    ridge &= ~thick.within_mm(RIM_MM[0], spacing_mm)
    if not ridge.any():
        return True
    return bool(thick.deepest_mm >= THICKER_THAN_CORTEX * np.percentile(depth[ridge], 75))


def _is_bulky(thick: _Thick, mean_hu: NDArray[np.float32], settings: PartingSettings) -> bool:
    """Whether a part is so thick, and so dense or so even throughout, that no bone is like it."""
    if thick.deepest_mm < settings.bulky_radius_mm:
        return False
    inside = mean_hu[thick.voxels]
    middle = float(inside.mean())
    return middle >= settings.bulky_hu or float(inside.std()) <= settings.bulky_unevenness * middle


def _is_shaft(thick: _Thick, mean_hu: NDArray[np.float32], spacing_mm: Float3) -> bool:
    """Whether a part is as long, as thin and as dense as the wall of a shaft."""
    if thick.deepest_mm >= SHAFT_WALL_MM or float(mean_hu[thick.voxels].mean()) < COMPACT_BONE_HU:
        return False
    found = bounding_box(thick.voxels)
    sizes = [(s.stop - s.start) * mm for s, mm in zip(found or (), spacing_mm, strict=True)]
    return bool(max(sizes) >= SHAFT_LENGTH_MM)


def _marrow_kept(thick: _Thick, marrow: Voxels, local: PooledScan, settings: SkeletonSettings) -> float:
    """Share of the marrow around a part that is still enclosed without it; 1 if there is none."""
    near = thick.within_mm(MARROW_NEAR_MM, local.spacing_mm)
    hidden = thick.within_mm(HIDDEN_RIM_MM, local.spacing_mm)
    found = bounding_box(near)
    if found is None:
        return 1.0
    margin = margin_voxels(local.spacing_mm, settings.marrow_reach_mm + 2 * MARROW_RADIUS_MM)
    box = grow_box(found, margin, near.shape)
    near, hidden, local = near[box], hidden[box], local.crop(box)
    before = _wide_parts(marrow[box] & ~hidden, local.spacing_mm) & near & ~hidden
    low_hu, high_hu = MUSCLE_HU
    before &= (local.mean_hu < low_hu) | (local.mean_hu > high_hu)
    if not before.any():
        return 1.0
    after = _wide_parts(find_marrow(local.without(hidden), settings), local.spacing_mm) & before
    return float(np.count_nonzero(after)) / float(np.count_nonzero(before))


def _wide_parts(voxels: Voxels, spacing_mm: Float3) -> Voxels:
    """Opening by a ball."""
    return opened(voxels, spacing_mm, MARROW_RADIUS_MM)
