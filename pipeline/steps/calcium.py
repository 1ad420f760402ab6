"""How much calcium a lesion holds: an estimate of its mass, and the Agatston score."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pipeline.domain.lesion import VolumeEstimate
from pipeline.domain.scan import Acquisition
from pipeline.steps.threshold import calcium_factor
from pipeline.steps.volumes.measure import Scene, taken_around
from pipeline.steps.voxels import label_components

HYDROXYAPATITE_MG_CM3_PER_HU = 0.78
"""At 120 kVp, above the tissue around: 200 mg/cm³ of hydroxyapatite read about 256 HU more than water.
General knowledge, no measured calibration; how one is measured: McCollough et al., Radiology 2007;243:527."""
AGATSTON_KVP = 120.0
AGATSTON_SLICE_MM = 3.0
"""Slice the score is defined on; thinner ones are scaled to it, as is the custom."""
SLICE_SLACK_MM = 0.05
AGATSTON_HU = 130.0
AGATSTON_MM2 = 1.0
BESIDE_VOXELS = (0, 2, 2)
"""How far beyond its outline a lesion's spots reach, along k, j, i."""
AGATSTON_STEPS_HU = (200.0, 300.0, 400.0)
"""Peaks from which a spot counts 2, 3 and 4 times. Agatston et al., J Am Coll Cardiol 1990;15:827."""


def calcium_mass_mg(estimate: VolumeEstimate | None, kvp: float | None) -> float | None:
    """Mass of hydroxyapatite, an estimate without a calibration phantom; None where the voltage is unknown.

    Contrast times volume does not depend on blur, nor on how both are told apart.
    """
    if kvp is None or estimate is None or estimate.contrast_hu is None:
        return None
    per_hu = HYDROXYAPATITE_MG_CM3_PER_HU / calcium_factor(kvp)
    return max(0.0, estimate.contrast_hu) * estimate.volume_mm3.value / 1000.0 * per_hu


def agatston_applies(acquisition: Acquisition, spacing_mm: float, *, enhanced: bool) -> bool:
    """Whether the score is defined: 120 kVp, slices of at most 3 mm, no contrast agent declared or seen."""
    thickness = acquisition.slice_thickness_mm or spacing_mm
    thin = max(thickness, spacing_mm) <= AGATSTON_SLICE_MM + SLICE_SLACK_MM
    return acquisition.kvp == AGATSTON_KVP and thin and not enhanced


def agatston_score(around: Scene, number: int) -> float:
    """Agatston score of one lesion, where it is defined: area times weight of each spot in each slice.

    Spots are 8-connected, have 130 HU and more and at least 1 mm². The lesion's own voxels count, and
    those within two pixels of them in the slice that are neither bone nor another lesion's, since an
    outline may lie above 130 HU.
    """
    spacing = around.volume.geometry.spacing_mm
    padded = around.masks[number].padded(BESIDE_VOXELS)
    near = ndimage.binary_dilation(padded.voxels, np.ones([2 * n + 1 for n in BESIDE_VOXELS]))
    hu = np.asarray(around.volume.hu[padded.box], dtype=np.float32)
    taken = taken_around(around, number, padded.box)
    bright = (hu >= AGATSTON_HU) & near
    if taken is not None:
        bright &= ~taken
    total = 0.0
    for own, spots, values in zip(padded.voxels, bright, hu, strict=True):
        labels = label_components(spots[None], connectivity=26)[0]
        for label in np.unique(labels[own & spots]):
            spot = labels == label
            area_mm2 = int(np.count_nonzero(spot)) * spacing[1] * spacing[2]
            if area_mm2 >= AGATSTON_MM2:
                total += area_mm2 * (1 + sum(float(values[spot].max()) >= step for step in AGATSTON_STEPS_HU))
    return total * spacing[0] / AGATSTON_SLICE_MM
