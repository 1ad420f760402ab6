"""Answers spread from where they are sure, up to the ridges of the cortex."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

from pipeline.steps.voxels import Voxels, with_neighbours

CORTEX_HU = (-200.0, 900.0)
"""Heights of the landscape that answers spread over."""


def spread(sure: NDArray[np.uint8], mean_hu: NDArray[np.float32], asked: Voxels) -> NDArray[np.uint8]:
    """Flood the open blocks from the sure ones.

    Sure blocks that touch no open one have nothing to spread, and are left out of the flood.

    Parameters
    ----------
    sure : ndarray
        uint8 [k, j, i], 0 where open.
    asked : ndarray
        bool [k, j, i], where answers may spread.
    """
    shore = asked & with_neighbours(asked & (sure == 0))
    flooded = watershed(  # type: ignore[no-untyped-call]
        np.clip(mean_hu, *CORTEX_HU), np.where(shore, sure, 0).astype(np.int32), mask=shore, connectivity=1
    )
    return np.where(shore, flooded, sure).astype(np.uint8)
