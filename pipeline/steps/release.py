"""Contrast medium that was taken for bone, given back.

Bowel and bladder full of contrast lie against bone and against each other, fold around less dense tissue
and so look like bone. What tells them: contrast floats against gas, from which bone is parted by the wall
of the bowel; and it has no cortex, no part of its surface is much denser than its inside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.config import ContrastSettings
from pipeline.domain.geometry import Box, Geometry, Index3, grow_box
from pipeline.domain.image import BoxedMask, LabelMap
from pipeline.steps.bone import PooledScan
from pipeline.steps.grid import bounding_box, expand, fine_box, margin_voxels, pool_max
from pipeline.steps.place import Surroundings, in_pelvic_cavity, place_of
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.voxels import (
    Labels,
    Voxels,
    component_statistics,
    deeper_than_mm,
    distance_to_mm,
    label_components,
    within_mm,
)

GAS_REACH_MM = 2.6
"""The wall of bowel is 2 to 3 mm thick; contrast within has none between itself and the gas."""
LUMEN_MM = 8.0
"""Contrast this near to gas, and nearer to it than to cortex, lies in the same loop."""
BESIDE_CORTEX_MM = 2.6
"""A surface voxel this near to cortex lies on it."""
NECK_MM = 1.3
"""Bridges up to twice as wide are cut: contrast that touches bone hangs on it by such."""
LEAST_ON_BONE_MM3 = 40.0
"""Less of the skeleton is not worth asking about."""


@dataclass(frozen=True, eq=False)
class Pool:
    """The scan on the grid where bone is looked for, near what may be contrast medium in bone."""

    hu: NDArray[np.float32]  #: [k, j, i], mean over the blocks
    level: Voxels  #: [k, j, i], of the density of contrast medium
    solid: Voxels  #: [k, j, i], any bone
    gas: Voxels  #: [k, j, i]
    cortex: Voxels  #: [k, j, i], denser than contrast medium
    geometry: Geometry
    fine: Box  #: what it stands for on the scan's own grid
    steps: Index3  #: voxels of a block

    @cached_property
    def on_gas(self) -> Voxels:
        """Where a surface lies on gas."""
        return _within(self.gas, max(GAS_REACH_MM, 1.8 * max(self.geometry.spacing_mm[1:])), self.geometry)

    @cached_property
    def on_cortex(self) -> Voxels:
        """Where a surface lies on cortex."""
        return _within(self.cortex, BESIDE_CORTEX_MM, self.geometry)


def _within(voxels: Voxels, reach_mm: float, geometry: Geometry) -> Voxels:
    """What lies within a distance of set voxels."""
    near = np.zeros(voxels.shape, dtype=bool)
    found = bounding_box(voxels)
    if found is not None:
        box = grow_box(found, margin_voxels(geometry.spacing_mm, reach_mm), voxels.shape)
        near[box] = within_mm(voxels[box], geometry.spacing_mm, reach_mm)
    return near


def release_contrast(
    skeleton: Skeleton, around: Surroundings, pooled: PooledScan, settings: ContrastSettings
) -> Skeleton:
    """The skeleton without the parts of it that are contrast medium.

    Parameters
    ----------
    pooled : PooledScan
        The scan where bone was looked for.
    """
    pool = _pool(around, pooled, settings)
    if pool is None:
        return skeleton
    near = around.crop(pool.fine)
    beside_gas = _contrast_beside_gas(pool, settings)
    pools = _pools_without_cortex(pool, beside_gas, near, settings)
    released = beside_gas | pools
    if not released.any():
        return skeleton
    taken = expand(released, pool.steps, near.smooth.geometry.shape)
    taken &= near.solid & (near.smooth.hu < settings.most_hu)
    return _without(skeleton, taken, pool.fine)


def _without(skeleton: Skeleton, taken: Voxels, box: Box) -> Skeleton:
    values, joined = skeleton.labels.values.copy(), skeleton.joined.copy()
    values[box][taken] = 0
    joined[box][taken] = False
    joined = _still_joined(joined, values)
    values.setflags(write=False)
    names = dict(skeleton.labels.names)
    return replace(skeleton, labels=LabelMap(values, skeleton.labels.geometry, names), joined=joined)


def _pool(around: Surroundings, pooled: PooledScan, settings: ContrastSettings) -> Pool | None:
    """The surroundings of what is bone and has the density of contrast; None where nothing does."""
    solid = pool_max(around.solid, pooled.steps)
    level = (pooled.mean_hu >= settings.least_hu) & (pooled.peak_hu < settings.most_hu) & pooled.body
    found = bounding_box(level & solid)
    if found is None:
        return None
    geometry = around.smooth.geometry
    box = grow_box(found, margin_voxels(pooled.spacing_mm, 2 * LUMEN_MM), solid.shape)
    fine = pooled.fine_box(box)
    return Pool(
        hu=pooled.mean_hu[box],
        level=level[box],
        solid=solid[box],
        gas=pool_max(around.gas[fine], pooled.steps),
        cortex=(pooled.peak_hu[box] >= settings.most_hu) & pooled.body[box],
        geometry=geometry.crop(fine).coarsen(pooled.steps),
        fine=fine,
        steps=pooled.steps,
    )


def _contrast_beside_gas(pool: Pool, settings: ContrastSettings) -> Voxels:
    """What lies nearer to gas than to cortex, in pieces that touch the gas."""
    out = np.zeros(pool.level.shape, dtype=bool)
    near = _beside_gas(pool)
    if not near.any():
        return out
    labels = label_components(near, connectivity=6)
    counts, boxes = component_statistics(labels)
    on_bone = np.bincount(labels[pool.solid], minlength=len(counts))
    for number in np.flatnonzero(on_bone * pool.geometry.voxel_volume_mm3 >= LEAST_ON_BONE_MM3):
        if number and _floats_on_gas(labels, int(number), boxes[number], pool, settings):
            out[boxes[number]] |= labels[boxes[number]] == number
    return out


def _beside_gas(pool: Pool) -> Voxels:
    """What has the density of contrast medium near gas, and nearer to it than to cortex."""
    near = np.zeros(pool.level.shape, dtype=bool)
    spacing = pool.geometry.spacing_mm
    found = bounding_box(pool.gas)
    if found is not None:
        box = grow_box(found, margin_voxels(spacing, 2 * LUMEN_MM), near.shape)
        to_gas_mm = distance_to_mm(pool.gas[box], spacing)
        to_cortex_mm = distance_to_mm(pool.cortex[box], spacing)
        near[box] = pool.level[box] & (to_gas_mm <= LUMEN_MM) & (to_gas_mm < to_cortex_mm)
    return near


def _floats_on_gas(labels: Labels, number: int, box: Box, pool: Pool, settings: ContrastSettings) -> bool:
    inner = pool.hu[box][labels[box] == number]
    if float(inner.std()) > settings.shell_unevenness * float(np.median(inner)):
        return False
    if not pool.on_gas[_with_rim(box, pool)].any() and settings.gas_share > 0:
        return False
    gas, cortex = _surface_shares(labels, number, box, pool)
    most = max(settings.cortex_share_beside_gas, settings.cortex_to_gas * gas)
    return gas >= settings.gas_share and cortex <= most


def _pools_without_cortex(
    pool: Pool, released: Voxels, around: Surroundings, settings: ContrastSettings
) -> Voxels:
    """Pieces that touch gas, and large even ones within the ring of the pelvis that touch nothing denser."""
    spacing = pool.geometry.spacing_mm
    level = pool.level & ~released
    labels = label_components(deeper_than_mm(level, spacing, NECK_MM), connectivity=6)
    counts, boxes = component_statistics(labels)
    on_bone = np.bincount(labels[pool.solid], minlength=len(counts))
    out = np.zeros(level.shape, dtype=bool)
    for number in np.flatnonzero(on_bone * pool.geometry.voxel_volume_mm3 >= LEAST_ON_BONE_MM3):
        if number and _is_contrast(labels, int(number), boxes[number], pool, around, settings):
            near = grow_box(boxes[number], margin_voxels(spacing, 2 * NECK_MM), level.shape)
            out[near] |= within_mm(labels[near] == number, spacing, 2 * NECK_MM)
    return out & level


def _is_contrast(
    labels: Labels,
    number: int,
    box: Box,
    pool: Pool,
    around: Surroundings,
    settings: ContrastSettings,
) -> bool:
    if _floats_on_gas(labels, number, box, pool, settings):
        return True
    own = labels[box] == number
    inner = pool.hu[box][own]
    if inner.std() > settings.pool_unevenness * np.median(inner):
        return False
    if len(inner) * pool.geometry.voxel_volume_mm3 < settings.least_pool_mm3:
        return False
    _, cortex = _surface_shares(labels, number, box, pool)
    if cortex > settings.cortex_share:
        return False
    return _within_ring(_on_fine_grid(own, box, pool, around), around, settings)


def _on_fine_grid(own: Voxels, box: Box, pool: Pool, around: Surroundings) -> BoxedMask:
    """A component of the coarse grid, on the scan's own."""
    fine = around.smooth.geometry
    k, j, i = fine_box(box, pool.steps, fine.shape)
    shape = (k.stop - k.start, j.stop - j.start, i.stop - i.start)
    return BoxedMask(expand(own, pool.steps, shape), (k, j, i), fine)


def _within_ring(mask: BoxedMask, around: Surroundings, settings: ContrastSettings) -> bool:
    place = place_of(mask, around)
    return in_pelvic_cavity(
        place,
        ring=settings.ring_share,
        widest_gap_deg=settings.widest_gap_deg,
        across=settings.across_share,
    )


def _surface_shares(labels: Labels, number: int, box: Box, pool: Pool) -> tuple[float, float]:
    """Shares of a component's surface that lie on gas and on cortex."""
    spacing = pool.geometry.spacing_mm
    wide = _with_rim(box, pool)
    near = within_mm(labels[wide] == number, spacing, NECK_MM + 1)
    own = near & pool.level[wide]
    surface = own & ~ndimage.binary_erosion(own, structure=np.ones((3, 3, 3), dtype=bool))
    return float(pool.on_gas[wide][surface].mean()), float(pool.on_cortex[wide][surface].mean())


def _with_rim(box: Box, pool: Pool) -> Box:
    """The box of a component and of its surface."""
    return grow_box(box, margin_voxels(pool.geometry.spacing_mm, 2 * NECK_MM), pool.geometry.shape)


def _still_joined(joined: Voxels, values: NDArray[np.uint8] | NDArray[np.uint16]) -> Voxels:
    """What hangs together with bone that is left."""
    labels = label_components(joined, connectivity=26)
    held = np.zeros(int(labels.max()) + 1, dtype=bool)
    held[labels[values > 0]] = True
    held[0] = False
    return np.asarray(held[labels])
