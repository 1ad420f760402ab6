"""The scan lightly smoothed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import ndimage

from pipeline.domain.image import CTVolume

TRUNCATE = 3.0
"""Standard deviations to which the filter reaches."""
SLABS = 4
"""Worked on side by side."""


def smooth_volume(volume: CTVolume, *, sigma_mm: float) -> CTVolume:
    """Gaussian smoothing in plane and across slices, kept as int16 or float32 like the input.

    Never more than 0.4 of a voxel's own size along an axis, so that thick slices are not mixed.
    """
    sigma = [min(sigma_mm / spacing, 0.4) for spacing in volume.geometry.spacing_mm]
    hu = np.empty_like(volume.hu)
    depth, margin = len(hu), int(TRUNCATE * sigma[0] + 0.5)
    ends = np.linspace(0, depth, SLABS + 1).astype(int)

    def smooth_slab(start: int, stop: int) -> None:
        first = max(0, start - margin)
        slab = volume.hu[first : min(depth, stop + margin)]
        smoothed = ndimage.gaussian_filter(slab, sigma, mode="nearest", truncate=TRUNCATE)
        hu[start:stop] = smoothed[start - first : stop - first]

    with ThreadPoolExecutor() as threads:
        list(threads.map(smooth_slab, ends[:-1], ends[1:]))
    hu.setflags(write=False)
    return CTVolume(hu, volume.geometry)
