"""Bone: bright components that have a cortex around a less dense inside.

First everything bright that hangs together is gathered, then each component is asked whether it
encloses an inside (see `enclosure`). What a lump of calcium added to a bone by touching it is
taken off again in `parting`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.config import SkeletonSettings
from pipeline.domain.geometry import Box, Float3, Index3
from pipeline.domain.image import CTVolume, Mask
from pipeline.steps.enclosure import enclosed_fraction
from pipeline.steps.grid import expand, pool_max, pool_mean, pool_steps
from pipeline.steps.voxels import Labels, Voxels, component_boxes, label_components

MARROW_FLOOR_HU = -250.0
"""Below this there is gas: the inside of a bowel loop, not of a bone."""
SPONGIOSA_CONTRAST_HU = 100.0
"""A weaker contrast, asked of a component by itself: small bones and those without a dense cortex."""
SPONGIOSA_CORTEX_HU = 200.0
SPONGIOSA_FRACTION = 0.07
"""Share of a component that must be enclosed by itself at the weaker contrast: small bones of adults have
0.1 to 0.5, homogeneous calcium up to 0.07 by its texture."""
MARROW_FRACTION = 0.02
"""The same at the full contrast."""
SURE_FRACTION = 0.15
"""Components with this share of marrow among everything else around need no test by themselves."""
SMALLEST_BONE_MM3 = 100.0
"""A smaller component cannot be told to be bone by its inside."""
NARROWEST_MARROW = np.ones((1, 2, 2), dtype=bool)
"""Enclosed places one pooled voxel wide are joint spaces and gaps."""


@dataclass(frozen=True, eq=False, slots=True)
class Bone:
    """Bright components told to be bone, and their inside."""

    solid: Voxels  #: [k, j, i], cortex and inside, still with lumps that touch it
    marrow: Voxels  #: [k, j, i], the enclosed inside
    joined: Voxels  #: [k, j, i], small bright pieces joined to bone by half-bright tissue


@dataclass(frozen=True, eq=False, slots=True)
class _Pooled:
    """The scan on the grid where bone is looked for."""

    mean_hu: NDArray[np.float32]
    peak_hu: NDArray[np.float32]
    body: Voxels
    steps: Index3
    spacing_mm: Float3
    shape: Index3  #: of the fine grid


def segment_bone(smooth: CTVolume, body: Mask, settings: SkeletonSettings, *, bone_hu: float) -> Bone:
    """Find the bones of a scan, whole or cut by its edges.

    Parameters
    ----------
    smooth : CTVolume
        The lightly smoothed scan.
    body : Mask
        The patient, on the same grid.
    bone_hu : float
        Level at which components are gathered.
    """
    pooled = _pool(smooth, body, settings)
    marrow = _marrow(pooled, settings)
    fine_marrow = np.asarray(expand(marrow, pooled.steps, pooled.shape), dtype=bool)
    bright = ((smooth.hu >= bone_hu) & body.voxels) | fine_marrow
    labels = label_components(bright, connectivity=6)
    is_bone = _which_are_bone(labels, fine_marrow, pooled, settings)
    solid = is_bone[labels]
    joined = _joined_pieces(labels, is_bone, pooled, settings) & ~solid
    return Bone(solid, fine_marrow & solid, joined)


def _pool(smooth: CTVolume, body: Mask, settings: SkeletonSettings) -> _Pooled:
    steps = pool_steps(smooth.geometry, target_mm=settings.grid_mm)
    return _Pooled(
        mean_hu=pool_mean(smooth.hu, steps),
        peak_hu=np.asarray(pool_max(smooth.hu, steps), dtype=np.float32),
        body=np.asarray(pool_max(body.voxels, steps), dtype=bool),
        steps=steps,
        spacing_mm=smooth.geometry.coarsen(steps).spacing_mm,
        shape=smooth.geometry.shape,
    )


def _marrow(pooled: _Pooled, settings: SkeletonSettings) -> Voxels:
    fraction = enclosed_fraction(
        pooled.mean_hu,
        pooled.peak_hu,
        spacing_mm=pooled.spacing_mm,
        reach_mm=settings.marrow_reach_mm,
        floor_hu=settings.cortex_hu,
        contrast_hu=settings.marrow_contrast_hu,
    )
    enclosed = (fraction >= settings.enclosed_fraction) & pooled.body
    enclosed &= _away_from_gas(pooled.mean_hu)
    return np.asarray(ndimage.binary_opening(enclosed, structure=NARROWEST_MARROW))


def _away_from_gas(mean_hu: NDArray[np.float32]) -> Voxels:
    """Where there is no gas and not its blurred rim, which may be as dense as marrow."""
    gas = mean_hu <= MARROW_FLOOR_HU
    return ~np.asarray(ndimage.binary_dilation(gas, structure=np.ones((3, 3, 3), dtype=bool)))


def _which_are_bone(labels: Labels, marrow: Voxels, pooled: _Pooled, settings: SkeletonSettings) -> Voxels:
    """Yes or no for every label; label 0 is never bone."""
    counts = np.bincount(labels.ravel())
    inside = np.bincount(labels[marrow], minlength=len(counts))
    voxel_mm3 = float(np.prod(pooled.spacing_mm)) / float(np.prod(pooled.steps))
    is_bone = inside / counts >= SURE_FRACTION
    is_bone &= inside * voxel_mm3 >= settings.smallest_marrow_mm3
    is_bone &= (counts - inside) * voxel_mm3 >= settings.smallest_marrow_mm3
    open_question = ~is_bone & (counts * voxel_mm3 >= SMALLEST_BONE_MM3)
    boxes = component_boxes(labels)
    for label in np.flatnonzero(open_question):
        if label:
            is_bone[label] = _encloses_by_itself(labels, int(label), boxes[label - 1], pooled, settings)
    is_bone[0] = False
    return np.asarray(is_bone)


def _encloses_by_itself(
    labels: Labels, label: int, box: Box, pooled: _Pooled, settings: SkeletonSettings
) -> bool:
    """Whether a component, with all others taken away, has a cortex around an inside."""
    coarse = _coarse_box(box, pooled)
    fine = tuple(
        slice(s.start * step, min(s.stop * step, size))
        for s, step, size in zip(coarse, pooled.steps, pooled.shape, strict=True)
    )
    own = np.asarray(pool_max(labels[fine] == label, pooled.steps), dtype=bool)
    alone = np.where(own, pooled.peak_hu[coarse], np.float32(-1000))
    for contrast, floor, least in (
        (settings.marrow_contrast_hu, settings.cortex_hu, MARROW_FRACTION),
        (SPONGIOSA_CONTRAST_HU, SPONGIOSA_CORTEX_HU, SPONGIOSA_FRACTION),
    ):
        fraction = enclosed_fraction(
            pooled.mean_hu[coarse],
            alone,
            spacing_mm=pooled.spacing_mm,
            reach_mm=settings.marrow_reach_mm,
            floor_hu=floor,
            contrast_hu=contrast,
            cut=_cut_sides(coarse, pooled.mean_hu.shape),
        )
        enclosed = (fraction >= settings.enclosed_fraction) & _away_from_gas(pooled.mean_hu[coarse])
        if np.count_nonzero(enclosed) >= least * np.count_nonzero(own):
            return True
    return False


def _coarse_box(box: Box, pooled: _Pooled) -> Box:
    """The box of a component on the pooled grid, one voxel wider."""
    k, j, i = (
        slice(max(0, s.start // step - 1), min(size, -(-s.stop // step) + 1))
        for s, step, size in zip(box, pooled.steps, pooled.mean_hu.shape, strict=True)
    )
    return k, j, i


def _cut_sides(box: Box, shape: tuple[int, ...]) -> tuple[tuple[bool, bool], ...]:
    """For each axis, whether the box ends at the low and at the high edge of the scan."""
    return tuple((s.start == 0, s.stop == size) for s, size in zip(box, shape, strict=True))


def _joined_pieces(labels: Labels, is_bone: Voxels, pooled: _Pooled, settings: SkeletonSettings) -> Voxels:
    """Pieces that hang on a bone by tissue brighter than muscle: thin cortex lost to partial volume."""
    bone = np.asarray(pool_max(is_bone[labels], pooled.steps), dtype=bool)
    half_bright = ((pooled.mean_hu >= settings.joined_hu) & pooled.body) | bone
    groups = label_components(half_bright, connectivity=6)
    touching = np.zeros(int(groups.max()) + 1, dtype=bool)
    touching[np.unique(groups[bone])] = True
    touching[0] = False
    near = np.asarray(expand(touching[groups], pooled.steps, pooled.shape), dtype=bool)
    hit = np.zeros(len(is_bone), dtype=bool)
    hit[np.unique(labels[near])] = True
    hit[0] = False
    return np.asarray((hit & ~is_bone)[labels])
