"""How bright the blood is, where contrast medium makes it brighter than muscle.

Vessels are long, even tubes without a denser rim. Lumps are short, bone has a cortex, bowel and
bladder are wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.geometry import Box, Float3, Index3, grow_box
from pipeline.domain.image import CTVolume, Mask
from pipeline.steps.grid import expand, pool_max, pool_mean, pool_steps, sample
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.voxels import Labels, Voxels, component_boxes, label_components, thickness_mm

GRID_MM = 1.5
ENHANCED_HU = (100.0, 800.0)
"""Blood without contrast medium has 30 to 60 HU; in an artery at its peak it seldom passes 600."""
LENGTH_MM = 40.0
"""A vessel is followed at least this far along the body; lumps of calcium are shorter."""
WIDEST_MM = 24.0
"""Wider than the aorta of a grown-up at its fork; bowel and bladder are wider."""
LARGEST_MM2 = 800.0
"""Section of all vessels that hang together: both iliac arteries and veins have 400 mm²."""
UNEVENNESS = 0.12
"""Half the range of the middle 68 % of a vessel's blood, as a share of its brightness."""
DENSER = 1.3
"""What is this much denser than the blood, on a tenth of the surface, is a cortex."""
SIDE_SHARE = 0.2
"""Vessels of both sides: each has this share of their volume."""
THIGHS_MM = 60.0
"""A scan that shows so much below the hip joints shows the femoral arteries,"""
DIMMED = 0.5
"""where an artery of a child, blurred, has at least this share of the brightness of wider ones,"""
FEMORAL_MM2 = 250.0
"""and a section, with its branches, that is smaller than that of a mass."""
IN_PLANE = np.array([[[False, True, False], [True, True, True], [False, True, False]]])


@dataclass(frozen=True, slots=True)
class BloodPool:
    """How bright blood is."""

    median_hu: float
    low_hu: float  #: percentile 15.8: one standard deviation below
    both_sides: bool  #: seen on both sides of the body, which nothing but vessels is


def find_blood_pool(smooth: CTVolume, body: Mask, skeleton: Skeleton) -> BloodPool | None:
    """Brightness of the blood in vessels of 7 mm and more; None where none is brighter than muscle."""
    steps = pool_steps(smooth.geometry, target_mm=GRID_MM)
    spacing_mm = smooth.geometry.coarsen(steps).spacing_mm
    mean = pool_mean(smooth.hu, steps)
    low, high = ENHANCED_HU
    bright = (mean > low) & (mean < high) & sample(body.voxels, steps) & ~pool_max(skeleton.solid, steps)
    core = ndimage.binary_erosion(bright, structure=IN_PLANE)
    labels = label_components(core, connectivity=26)
    vessels = [
        n
        for n, box in enumerate(component_boxes(labels), start=1)
        if _is_long(box, spacing_mm) and _is_vessel(labels, n, box, mean, spacing_mm)
    ]
    if not vessels:
        return None
    blood = np.isin(labels, vessels)
    hu = smooth.hu[expand(blood, steps, smooth.geometry.shape)]
    low_hu, median_hu = np.percentile(hu, [15.8, 50])
    return BloodPool(float(median_hu), float(low_hu), _on_both_sides(blood, body, steps))


def may_reach_thighs(
    smooth: CTVolume, body: Mask, skeleton: Skeleton, blood: BloodPool, roof_mm: float
) -> bool:
    """Whether tubes may be vessels: these go on below both hip joints, loops of bowel do not.

    Parameters
    ----------
    roof_mm : float
        Height of the top of the femoral heads, LPS z.

    Returns
    -------
    bool
        True as well where the scan shows too little of the thighs to tell.
    """
    below = min(int(smooth.geometry.to_index((0.0, 0.0, roof_mm))[0]), smooth.geometry.shape[0])
    if below * smooth.geometry.spacing_mm[0] < THIGHS_MM:
        return True
    thighs = (slice(0, below), slice(None), slice(None))
    steps = pool_steps(smooth.geometry, target_mm=GRID_MM)
    spacing_mm = smooth.geometry.coarsen(steps).spacing_mm
    mean = pool_mean(smooth.hu[thighs], steps)
    bright = (mean > DIMMED * blood.median_hu) & sample(body.voxels[thighs], steps)
    bright &= ~pool_max(skeleton.solid[thighs], steps)
    labels = label_components(bright, connectivity=26)
    long = [n for n, box in enumerate(component_boxes(labels), start=1) if _is_long(box, spacing_mm)]
    slender = [n for n in long if _section_mm2(labels == n, spacing_mm) <= FEMORAL_MM2]
    return bool(slender) and _on_both_sides(np.isin(labels, slender), body, steps)


def _section_mm2(own: Voxels, spacing_mm: Float3) -> float:
    """Mean section across the body of something, over its slices."""
    slices = np.count_nonzero(own.any(axis=(1, 2)))
    return float(np.count_nonzero(own) / slices) * spacing_mm[1] * spacing_mm[2]


def _is_long(box: Box, spacing_mm: Float3) -> bool:
    return bool((box[0].stop - box[0].start) * spacing_mm[0] >= LENGTH_MM)


def _is_vessel(labels: Labels, n: int, box: Box, mean: NDArray[np.float32], spacing_mm: Float3) -> bool:
    """Whether a long component is slender, even, and without a denser rim."""
    wide = grow_box(box, (0, 3, 3), mean.shape)
    own, hu = labels[wide] == n, mean[wide]
    length_mm = own.shape[0] * spacing_mm[0]
    if np.count_nonzero(own) * float(np.prod(spacing_mm)) > LARGEST_MM2 * length_mm:
        return False
    if thickness_mm(own, spacing_mm) > WIDEST_MM:
        return False
    low, median, high = np.percentile(hu[own], [16, 50, 84])
    rim = ndimage.binary_dilation(own, structure=IN_PLANE, iterations=3) & ~own
    return bool((high - low) / 2 <= UNEVENNESS * median and np.mean(hu[rim] > DENSER * median) < 0.1)


def _on_both_sides(blood: Voxels, body: Mask, steps: Index3) -> bool:
    columns: Sequence[int] = np.flatnonzero(body.voxels.any(axis=(0, 1))).tolist()
    middle = (columns[0] + columns[-1]) / 2 / steps[2]
    across = np.nonzero(blood)[2]
    share = float(np.mean(across > middle))
    return SIDE_SHARE <= share <= 1 - SIDE_SHARE
