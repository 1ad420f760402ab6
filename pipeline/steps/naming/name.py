"""Names carried from the fitted atlas to every voxel of bone.

Deep inside a bone, or far nearer to one bone than to any other, the atlas is sure. From there the names
spread through the marrow first: two bones meet where the ridge of their cortices runs, which the scan knows
better than the atlas.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import Geometry
from pipeline.steps.grid import expand, pool_max
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.naming.places import CORTEX_HU, NEAR_MM, coarse_steps
from pipeline.steps.voxels import Voxels

OTHER_BONE = "other_bone"
VALUES = MappingProxyType({name: value for value, name in enumerate(BONES, start=1)})
"""What each bone is called in a label map."""

NEARER_MM = 16.0
"""So much nearer to one bone than to the next is sure."""
DEEP_MM = 7.0
"""So deep inside a bone's surface is sure."""
LUMBAR_MM = 185.0
"""Height of five vertebrae with their discs, in the reference patient."""


def name_blocks(
    solid: Voxels, mean_hu: NDArray[np.float32], geometry: Geometry, fit: AtlasFit
) -> NDArray[np.uint8]:
    """Name every block of bone.

    Parameters
    ----------
    solid : ndarray
        bool [k, j, i], bone on a coarse grid.
    mean_hu : ndarray
        The scan on that grid.
    geometry : Geometry
        Of that grid.

    Returns
    -------
    ndarray
        uint8 [k, j, i], as in `VALUES`; 0 where there is no bone.
    """
    sure = expand(_sure_names(solid, geometry, fit), coarse_steps(geometry), geometry.shape)
    markers = np.where(solid, sure, 0).astype(np.int32)
    height = np.clip(mean_hu, *CORTEX_HU)
    spread = watershed(height, markers, mask=solid, connectivity=1)  # type: ignore[no-untyped-call]
    named = np.asarray(spread, dtype=np.uint8)
    named[solid & (named == 0)] = VALUES[OTHER_BONE]
    return named


def _coarse_places(solid: Voxels, geometry: Geometry) -> tuple[Voxels, NDArray[np.float64]]:
    """Blocks of blocks with bone in them, and where they lie, LPS mm."""
    steps = coarse_steps(geometry)
    blocks = np.asarray(pool_max(solid, steps))
    return blocks, geometry.coarsen(steps).to_lps_mm(np.argwhere(blocks))


def _nearest_two(
    places: NDArray[np.float64], fit: AtlasFit
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    """Distance to the nearest bone and to the second, height over the nearest, and which that is."""
    distance, height = fit.distances_mm(places, within_mm=NEAR_MM + NEARER_MM + 1)
    order = np.argsort(distance, axis=0, kind="stable")[:2]
    nearest, second = np.take_along_axis(distance, order, axis=0)
    return nearest, second, np.take_along_axis(height, order[:1], axis=0)[0], order[0]


def _sure_names(solid: Voxels, geometry: Geometry, fit: AtlasFit) -> NDArray[np.uint8]:
    """Names where the atlas is sure, 0 elsewhere, on a grid coarser still."""
    blocks, places = _coarse_places(solid, geometry)
    nearest, second, height, bone = _nearest_two(places, fit)
    sure = (nearest <= NEAR_MM) & ((second - nearest >= NEARER_MM) | (height <= -DEEP_MM))
    values = np.array([VALUES[name] for name in fit.atlas.names], dtype=np.uint8)
    found = np.where(sure, values[bone], 0).astype(np.uint8)
    found[_is_another(places, nearest, fit)] = VALUES[OTHER_BONE]
    names = np.zeros(blocks.shape, dtype=np.uint8)
    names[blocks] = found
    return names


def _is_another(
    places: NDArray[np.float64], nearest_mm: NDArray[np.float32], fit: AtlasFit
) -> NDArray[np.bool_]:
    """What is far from the atlas within its range along the body, or above the highest lumbar vertebra."""
    z, own = places[:, 2], fit.points[:, 2]
    covered = (z > own.min() + NEAR_MM) & (z < own.max() - NEAR_MM)
    sacrum = own[fit.atlas.of("sacrum")]
    return np.asarray((covered & (nearest_mm > NEAR_MM)) | (z > sacrum.max() + LUMBAR_MM * fit.size))
