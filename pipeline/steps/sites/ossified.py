"""Whether a lesion has a cortex around a marrow-like inside, as ossification has and calcinosis has not."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pipeline.domain.image import BoxedMask, CTVolume
from pipeline.steps.grid import margin_voxels
from pipeline.steps.voxels import Voxels, depth_mm

RIM_MM = 2.5
"""Cortex is thinner than this."""
MARROW_HU = (-150.0, 350.0)
"""Fat of marrow and trabecular bone; fluid within tumoral calcinosis lies in it too."""
STEP_HU = 150.0
"""So much less dense than the rim is an inside: as for bones (`steps.enclosure`)."""
FEWEST_VOXELS = 12
CLOSED = 0.85
"""Share of the directions in the slice and across in which the rim must be met."""
WAYS = np.array([(0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0)])


def is_possibly_ossified(mask: BoxedMask, volume: CTVolume) -> bool:
    """Whether a dense rim closes in something less dense that may be marrow.

    Said beside a lesion, and never a reason to leave it out.
    """
    spacing = mask.geometry.spacing_mm
    wide = mask.padded(margin_voxels(spacing, 1.0))
    filled = _filled(wide.voxels)
    core = depth_mm(np.pad(filled, 1), spacing)[1:-1, 1:-1, 1:-1] > RIM_MM
    if np.count_nonzero(core) < FEWEST_VOXELS:
        return False
    hu = volume.hu[wide.box]
    rim_hu = float(np.median(hu[wide.voxels & ~core])) if (wide.voxels & ~core).any() else 0.0
    inner = core & (hu >= MARROW_HU[0]) & (hu <= min(MARROW_HU[1], rim_hu - STEP_HU))
    if np.count_nonzero(inner) < max(FEWEST_VOXELS, np.count_nonzero(core) / 2):
        return False
    return _closed_share(inner, wide.voxels & (hu >= rim_hu - STEP_HU)) >= CLOSED


def _filled(voxels: Voxels) -> Voxels:
    """A lesion with what each slice along any axis closes in."""
    filled = voxels.copy()
    for axis in range(3):
        for plane, out in zip(np.moveaxis(voxels, axis, 0), np.moveaxis(filled, axis, 0), strict=True):
            if plane.any():
                out |= ndimage.binary_fill_holes(plane)
    return filled


def _closed_share(inner: Voxels, rim: Voxels) -> float:
    """Of the ways from the inside along the axes, how many meet the rim."""
    met = []
    for axis in range(3):
        ahead = np.logical_or.accumulate(np.flip(rim, axis), axis)
        met.append(np.flip(ahead, axis)[inner].mean())
        met.append(np.logical_or.accumulate(rim, axis)[inner].mean())
    return float(np.mean(met))
