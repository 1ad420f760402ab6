"""Lumps of calcium parted from the bone they touch.

Cortex is thin: a ball of 4 to 6 mm fits into no cortex but a shaft's, while it fits into a lump
that is dense throughout. Such cores are found at several levels, high ones first, since at a high
level the blur between lump and bone falls away. From the cores the lump is grown back along
falling density against the bone, so that the border runs in the valley between the two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from pipeline.config import PartingSettings
from pipeline.domain.geometry import Box, Float3, grow_box
from pipeline.domain.image import CTVolume
from pipeline.steps.bone import Bone, PooledScan
from pipeline.steps.grid import bounding_box, expand, margin_voxels, pool_max
from pipeline.steps.voxels import HU, Voxels, component_boxes, depth_mm, distance_to_mm, label_components

RIM_MM = (1.5, 4.0)
"""The surroundings of a lump: beyond its blurred rim, nearer than the next structure usually is."""
SOFT_HU = 140.0
"""Surroundings below this are soft tissue."""
CORTEX_MM = 1.6
"""What lies this near to marrow is cortex, whatever touches it."""
LUMP_TAIL_MM = 20.0
"""How far a lump may taper beyond where the ball fits."""
SMALLEST_CORE_MM3 = 4.0
THICKER_THAN_CORTEX = 2.2
"""A lump is thicker than the cortex around it by at least this factor."""
NEIGHBOURHOOD_MM = 25.0
"""How far around a lump the bone's own thickness is looked up."""
MARROW_RADIUS_MM = 2.0
"""Enclosed places narrower than this may be the gap between a lump and a bone, and are not marrow."""


def find_lump_cores(bone: Bone, pooled: PooledScan, settings: PartingSettings) -> Voxels:
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
    found = bounding_box(solid)
    if found is not None:
        box = grow_box(found, (1, 1, 1), (solid.shape[0], solid.shape[1], solid.shape[2]))
        wide = _wide_parts(marrow[box], pooled.spacing_mm)
        cores[box] = _dense_cores(pooled.mean_hu[box], solid[box], wide, pooled.spacing_mm, settings)
    return expand(cores, pooled.steps, pooled.shape)


def grow_lumps(smooth: CTVolume, cores: Voxels, bright: Voxels, marrow: Voxels) -> Voxels:
    """The lumps around their cores: what falls away from a core rather than from a bone.

    Parameters
    ----------
    bright : ndarray
        bool [k, j, i], bones and lumps together.
    marrow : ndarray
        bool [k, j, i], the inside of the bones, as found with the lumps out of the way.
    """
    lumps = np.zeros(cores.shape, dtype=bool)
    labels = label_components(cores, connectivity=26)
    margin = margin_voxels(smooth.geometry.spacing_mm, 2 * LUMP_TAIL_MM)
    for label, found in enumerate(component_boxes(labels), start=1):
        box = grow_box(found, margin, cores.shape)
        core = labels[box] == label
        lumps[box] |= _grow_back(core, smooth.hu[box], bright[box], marrow[box], smooth.geometry.spacing_mm)
    return lumps


def near_cores(cores: Voxels, spacing_mm: Float3, *, reach_mm: float) -> Voxels:
    """Everything within `reach_mm` of a core: where lumps may be."""
    near = np.zeros(cores.shape, dtype=bool)
    box = bounding_box(cores)
    if box is not None:
        margin = margin_voxels(spacing_mm, reach_mm)
        box = grow_box(box, margin, (cores.shape[0], cores.shape[1], cores.shape[2]))
        near[box] = distance_to_mm(cores[box], spacing_mm) <= reach_mm
    return near


def _wide_parts(voxels: Voxels, spacing_mm: Float3) -> Voxels:
    """Opening by a ball."""
    core = depth_mm(voxels, spacing_mm) > MARROW_RADIUS_MM
    if not core.any():
        return core
    return voxels & (distance_to_mm(core, spacing_mm) <= MARROW_RADIUS_MM)


def _dense_cores(
    hu: HU,
    solid: Voxels,
    marrow: Voxels,
    spacing_mm: Float3,
    settings: PartingSettings,
) -> Voxels:
    """Places a ball fits into that are dense throughout and lie mostly free of bone."""
    cores = np.zeros(solid.shape, dtype=bool)
    for level, radius_mm in zip(settings.lump_hu, settings.lump_radius_mm, strict=True):
        dense = solid & (hu >= level)
        depth = depth_mm(dense, spacing_mm)
        fits = depth >= radius_mm
        if not fits.any():
            continue
        labels = label_components(fits, connectivity=26)
        margin = margin_voxels(spacing_mm, NEIGHBOURHOOD_MM)
        for label, found in enumerate(component_boxes(labels), start=1):
            local = grow_box(found, margin, solid.shape)
            core = labels[local] == label
            if _is_cut(found, solid.shape) or not _is_thicker(core, depth[local], radius_mm, spacing_mm):
                continue
            if _is_free_lump(core, hu[local], marrow[local], spacing_mm, radius_mm, settings):
                cores[local] |= core
    return cores


def _is_cut(box: Box, shape: tuple[int, ...]) -> bool:
    """Whether a box reaches the edge of the scan."""
    return any(s.start == 0 or s.stop == size for s, size in zip(box, shape, strict=True))


def _is_thicker(core: Voxels, depth: NDArray[np.float32], radius_mm: float, spacing_mm: Float3) -> bool:
    """Whether a core is thicker than the walls of the bone around it."""
    ridge = (depth > min(spacing_mm)) & (depth == ndimage.maximum_filter(depth, size=3))
    ridge &= distance_to_mm(core, spacing_mm) > radius_mm + RIM_MM[0]
    if not ridge.any():
        return True
    return bool(depth[core].max() >= THICKER_THAN_CORTEX * np.percentile(depth[ridge], 75))


def _is_free_lump(
    core: Voxels,
    hu: HU,
    marrow: Voxels,
    spacing_mm: Float3,
    radius_mm: float,
    settings: PartingSettings,
) -> bool:
    """Whether what a ball fills is a lump on a bone, and not a thick piece of the bone itself."""
    if np.count_nonzero(core) * float(np.prod(spacing_mm)) < SMALLEST_CORE_MM3:
        return False
    away = distance_to_mm(core, spacing_mm) - radius_mm
    rim = (away > RIM_MM[0]) & (away <= RIM_MM[1])
    skin = (away > -1.0) & (away <= 1.5)
    if not rim.any() or _rings_marrow(away <= 1.0, marrow):
        return False
    free = float(np.mean(hu[rim] < SOFT_HU))
    on_marrow = float(np.mean(marrow[skin])) if skin.any() else 0.0
    return bool(free >= settings.free_fraction and on_marrow <= settings.marrow_fraction)


def _rings_marrow(region: Voxels, marrow: Voxels) -> bool:
    """Whether the region surrounds marrow in an axial slice, as the cortex of a shaft does."""
    ringed = 0
    for plane, inside in zip(region, marrow, strict=True):
        holes = ndimage.binary_fill_holes(plane) & ~plane
        ringed += int(np.count_nonzero(holes & inside) > 0.2 * np.count_nonzero(plane))
    return bool(ringed > 0.25 * np.count_nonzero(region.any(axis=(1, 2))))


def _grow_back(
    core: Voxels,
    hu: HU,
    solid: Voxels,
    marrow: Voxels,
    spacing_mm: Float3,
) -> Voxels:
    from_core = distance_to_mm(core, spacing_mm)
    from_marrow = distance_to_mm(marrow, spacing_mm)
    markers = np.zeros(core.shape, dtype=np.int32)
    markers[solid & (from_core > LUMP_TAIL_MM)] = 2
    markers[solid & (from_marrow <= CORTEX_MM)] = 2
    markers[core] = 1
    falling = -hu.astype(np.float32)
    basins = watershed(falling, markers, mask=solid)  # type: ignore[no-untyped-call]
    return np.asarray(basins == 1)
