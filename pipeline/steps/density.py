"""How dense a lesion is."""

from __future__ import annotations

import numpy as np

from pipeline.domain.image import BoxedMask, CTVolume
from pipeline.domain.lesion import Density


def measure_density(volume: CTVolume, mask: BoxedMask) -> Density:
    """HU over all voxels of a lesion, on the scan as it was acquired."""
    hu = volume.hu[mask.box][mask.voxels].astype(np.float64)
    return Density(
        mean_hu=float(hu.mean()),
        sd_hu=float(hu.std()),
        p95_hu=float(np.percentile(hu, 95)),
        max_hu=float(hu.max()),
    )
