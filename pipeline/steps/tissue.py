"""Which soft tissue something lies in: muscle, or the less dense wall and content of an organ.

Without contrast medium in the blood muscle has 50 to 65 HU, the wall of bowel with what it holds 10 to 45.
Where the muscles of the pelvic wall lie the atlas tells to within some millimetres only; the tissue itself
shows it. Fat and its blurred borders are left aside, so that a muscle's rim is not taken for less dense.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pipeline.domain.image import BoxedMask
from pipeline.steps.grid import margin_voxels, pool_steps
from pipeline.steps.place import Surroundings
from pipeline.steps.voxels import HU, Voxels, distance_to_mm

SOFT_HU = (-20.0, 120.0)
"""Soft tissue with its noise."""
BORDER_MM = 1.2
"""So near to anything else it is blurred with that."""
SHELL_MM = (3.0, 7.0)
"""Where around something the tissue it lies in is looked at, beyond its own blur."""
FEWEST_MM3 = 250.0
"""Less pure tissue than this tells nothing: its mean is uncertain by noise."""
SAMPLE_MM = 3.0
"""The muscles of a scan are looked at in these steps."""
FEWEST_SAMPLES = 300


def muscle_level_hu(around: Surroundings) -> float | None:
    """Density of the scan's muscle: of pure soft tissue below the hip joints, where there is little else.

    None where no pelvis was recognised, or the scan shows too little below it.
    """
    if around.pelvis is None:
        return None
    steps = pool_steps(around.smooth.geometry, target_mm=SAMPLE_MM)
    heights_mm = around.smooth.geometry.to_lps_mm(
        np.arange(around.body.shape[0])[:, None] * np.array([1.0, 0.0, 0.0])
    )[:, 2]
    below = slice(0, int(np.count_nonzero(heights_mm < around.pelvis.roof_mm)), steps[0])
    box = (below, slice(None, None, steps[1]), slice(None, None, steps[2]))
    hu = around.smooth.hu[box]
    pure = _soft(hu, around.body[box] & ~around.solid[box])
    pure = ndimage.binary_erosion(pure, structure=np.ones((1, 3, 3), dtype=bool))
    return float(np.median(hu[pure])) if np.count_nonzero(pure) >= FEWEST_SAMPLES else None


def tissue_around_hu(mask: BoxedMask, around: Surroundings) -> float | None:
    """Density of the pure soft tissue around something; None where there is too little of it."""
    spacing = mask.geometry.spacing_mm
    wide = mask.padded(margin_voxels(spacing, SHELL_MM[1] + BORDER_MM))
    hu = around.smooth.hu[wide.box]
    away = distance_to_mm(wide.voxels, spacing)
    reach = tuple(2 * max(1, round(BORDER_MM / s)) + 1 for s in spacing[1:])
    soft = _soft(hu, ~around.solid[wide.box])
    pure = ndimage.binary_erosion(soft, structure=np.ones((1, *reach), dtype=bool), border_value=1)
    shell = pure & (away >= SHELL_MM[0]) & (away <= SHELL_MM[1])
    enough = np.count_nonzero(shell) * mask.geometry.voxel_volume_mm3 >= FEWEST_MM3
    return float(np.median(hu[shell])) if enough else None


def _soft(hu: HU, where: Voxels) -> Voxels:
    return np.asarray(where & (hu >= SOFT_HU[0]) & (hu <= SOFT_HU[1]))
