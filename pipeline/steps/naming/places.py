"""What naming and filling share: the scan on blocks, how the atlas is asked, and what counts as near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry, Index3
from pipeline.domain.image import CTVolume
from pipeline.steps.grid import pool_max, pool_mean, pool_steps
from pipeline.steps.voxels import HU

GRID_MM = 1.6
"""Names and insides are told on blocks of about this size; surfaces on the scan's own voxels."""
NEAR_MM = 15.0
"""What lies further from every bone of the atlas than this, in the range it covers, is another bone."""
STRIDE = 2
"""The atlas is asked at every second block,"""
WIDEST_MM = 3.0
"""unless that would be more than this."""


@dataclass(frozen=True, eq=False, slots=True)
class Blocks:
    """A scan on blocks of its voxels."""

    mean_hu: NDArray[np.float32]  #: [k, j, i]
    peak_hu: HU  #: [k, j, i]
    geometry: Geometry
    steps: Index3  #: voxels of a block
    shape: Index3  #: of the scan

    @classmethod
    def of(cls, smooth: CTVolume) -> Blocks:
        """The blocks of a scan."""
        steps = pool_steps(smooth.geometry, target_mm=GRID_MM)
        return cls(
            pool_mean(smooth.hu, steps),
            pool_max(smooth.hu, steps),
            smooth.geometry.coarsen(steps),
            steps,
            smooth.geometry.shape,
        )


def coarse_steps(geometry: Geometry) -> Index3:
    """Blocks that are asked together."""
    k, j, i = (STRIDE if STRIDE * mm <= WIDEST_MM else 1 for mm in geometry.spacing_mm)
    return k, j, i
