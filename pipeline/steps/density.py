"""How dense a lesion is."""

from __future__ import annotations

import numpy as np

from pipeline.domain.image import BoxedMask, CTVolume
from pipeline.domain.lesion import Density
from pipeline.steps.volumes.optics import Blur, Floats
from pipeline.steps.voxels import Voxels, distance_to_mm

CORE_SIGMAS = 2.0
"""Blur in the slice reaches this many of its standard deviations into a lesion;"""
CORE_SLICES = 0.5
"""across slices half of their thickness."""
FEWEST_VOXELS = 4
"""A core of fewer is none."""


def measure_density(volume: CTVolume, mask: BoxedMask, blur: Blur | None = None) -> Density:
    """HU over all voxels of a lesion, and over its core, on the scan as it was acquired.

    The core is what lies deeper than the blur reaches; a lesion without such voxels has none.
    """
    hu = volume.hu[mask.box].astype(np.float64)
    core = None if blur is None else _core(mask, blur)
    deep = None if core is None or np.count_nonzero(core) < FEWEST_VOXELS else _density(hu[core])
    return _density(hu[mask.voxels], deep)


def _density(hu: Floats, core: Density | None = None) -> Density:
    return Density(
        mean_hu=float(hu.mean()),
        sd_hu=float(hu.std()),
        p95_hu=float(np.percentile(hu, 95)),
        max_hu=float(hu.max()),
        core=core,
    )


def _core(mask: BoxedMask, blur: Blur) -> Voxels:
    """Voxels whose centre lies deeper than the reach of blur, measured from the faces of the outline."""
    _, row_mm, column_mm = mask.geometry.spacing_mm
    reach_mm = CORE_SIGMAS * blur.in_plane_mm
    across_mm = mask.geometry.spacing_mm[0] * reach_mm / (CORE_SLICES * blur.slice_mm)
    outside = np.pad(~mask.voxels, 1, constant_values=True)
    depth = distance_to_mm(outside, (across_mm, row_mm, column_mm))[1:-1, 1:-1, 1:-1]
    return np.asarray(mask.voxels & (depth > reach_mm + 0.5 * min(row_mm, column_mm)))
