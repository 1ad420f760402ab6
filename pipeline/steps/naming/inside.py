"""The inside of bones, where the atlas expects it and the ridge of the cortex bounds it.

The atlas knows to a few millimetres what is bone; deep in its bones lies marrow, well outside of them soft
tissue, however thin the cortex is on this scan. From both sides the answer spreads up to the ridge of the
cortex. So the vertebral canal and the joints are told from marrow, which looks like them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from skimage.segmentation import watershed

from pipeline.domain.geometry import Geometry
from pipeline.steps.grid import expand, pool_max
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.naming.places import CORTEX_HU, NEAR_MM, coarse_steps
from pipeline.steps.voxels import Voxels, depth_mm, distance_to_mm, label_components

MARROW_MM = 5.0
"""So deep inside a bone of the atlas is bone,"""
FOUND_MM = 2.0
"""and so deep what was found to be bone anyway."""
TISSUE_MM = 4.0
"""So far outside is soft tissue."""
REACH_MM = 10.0
"""Further from the atlas and from bone nothing is asked."""
SOFT_HU = 110.0
"""Canal, disc and joint stay below this, blurred cortex above."""

SPONGY_HU = 120.0
"""Brighter than any soft tissue without contrast medium,"""
BESIDE_MM = 3.0
"""and this near to where the atlas has bone: spongiosa, however thin the cortex around it."""
PASSAGE_MM = 2.5
"""Soft tissue reaches in from outside through openings of at least this radius,"""
LEAK = 0.03
"""unless it reaches this share of the marrow: then the cortex is too thin on this scan to hold it."""

UNKNOWN, BONE, TISSUE = 0, 1, 2


def bone_and_tissue(
    solid: Voxels, mean_hu: NDArray[np.float32], geometry: Geometry, fit: AtlasFit
) -> tuple[Voxels, Voxels]:
    """What the atlas adds to the bones found, and what it takes from them.

    Parameters
    ----------
    solid : ndarray
        bool [k, j, i], bones drawn wide, on a coarse grid.
    mean_hu : ndarray
        The scan on that grid.

    Returns
    -------
    inside, tissue : ndarray
        bool [k, j, i] on that grid: within the ridge of the cortex, and soft tissue outside of it.
    """
    markers, height_mm = _markers(solid, mean_hu, geometry, fit)
    basins = watershed(  # type: ignore[no-untyped-call]
        np.clip(mean_hu, *CORTEX_HU), np.maximum(markers, 0), mask=markers >= 0, connectivity=1
    )
    inside = np.asarray(basins == BONE)
    reached = _reached_from_outside(mean_hu, inside | solid, geometry)
    tissue = (basins == TISSUE) | (reached & (height_mm >= _floor_mm(reached, height_mm)))
    spongy = (mean_hu >= SPONGY_HU) & (height_mm <= BESIDE_MM)
    tissue &= ~spongy
    return (inside | spongy) & ~tissue, tissue & (mean_hu < SOFT_HU)


def _floor_mm(reached: Voxels, height_mm: NDArray[np.float32]) -> float:
    """From which height on what is reached from outside is tissue: not into bones whose cortex leaks."""
    deep = height_mm <= -MARROW_MM
    leaking = np.count_nonzero(reached & deep) > LEAK * np.count_nonzero(deep)
    return TISSUE_MM if leaking else 1 - MARROW_MM


def _reached_from_outside(mean_hu: NDArray[np.float32], bone: Voxels, geometry: Geometry) -> Voxels:
    """Soft tissue that hangs together with that around the bones, by openings that a ball passes."""
    soft = mean_hu < SOFT_HU
    wide = depth_mm(soft, geometry.spacing_mm) >= PASSAGE_MM
    labels = label_components(wide, connectivity=6)
    outside = np.bincount(labels[wide & ~bone], minlength=2)
    outside[0] = 0
    reached = labels == int(outside.argmax())
    return soft & (distance_to_mm(reached, geometry.spacing_mm) < PASSAGE_MM)


def _markers(
    solid: Voxels, mean_hu: NDArray[np.float32], geometry: Geometry, fit: AtlasFit
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """What is sure, `UNKNOWN` where it is asked, -1 where it is not; and the height over the atlas."""
    steps = coarse_steps(geometry)
    coarse = geometry.coarsen(steps)
    blocks = np.asarray(pool_max(solid, steps))
    asked = blocks | _near_atlas(coarse, fit)
    distance, height = _height(coarse.to_lps_mm(np.argwhere(asked)), fit)
    away = np.full(asked.shape, np.inf, dtype=np.float32)
    high = np.full(asked.shape, np.inf, dtype=np.float32)
    away[asked], high[asked] = distance, height
    away, high = (expand(one, steps, geometry.shape) for one in (away, high))
    markers = np.where(expand(asked, steps, geometry.shape), UNKNOWN, -1).astype(np.int32)
    markers[(markers == UNKNOWN) & (high >= TISSUE_MM) & (~solid | (mean_hu < SOFT_HU))] = TISSUE
    markers[(high <= -MARROW_MM) | (solid & ((high <= -FOUND_MM) | (away > NEAR_MM)))] = BONE
    return markers, high


def _near_atlas(geometry: Geometry, fit: AtlasFit) -> Voxels:
    index = np.rint(geometry.to_index(fit.points)).astype(int)
    index = index[((index >= 0) & (index < geometry.shape)).all(axis=1)]
    there = np.zeros(geometry.shape, dtype=bool)
    there[tuple(index.T)] = True
    return distance_to_mm(there, geometry.spacing_mm) <= REACH_MM


def _height(places: NDArray[np.float64], fit: AtlasFit) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distance to the nearest point of the atlas, and how far a place lies outside of the surface there."""
    distance, found = KDTree(fit.points).query(places, workers=-1)
    height = np.einsum("ij,ij->i", places - fit.points[found], fit.normals[found])
    return np.asarray(distance, dtype=np.float32), np.asarray(height, dtype=np.float32)
