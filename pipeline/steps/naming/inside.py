"""The inside of bones, where the atlas expects it and the ridge of the cortex bounds it.

The atlas knows to a few millimetres what is bone; deep in its bones lies marrow, well outside of them soft
tissue, however thin the cortex is on this scan. From both sides the answer spreads up to the ridge of the
cortex. So the vertebral canal and the joints are told from marrow, which looks like them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Float3, Index3
from pipeline.steps.grid import expand
from pipeline.steps.naming.field import AtlasField
from pipeline.steps.naming.places import NEAR_MM
from pipeline.steps.naming.spread import spread
from pipeline.steps.voxels import Voxels, deeper_than_mm, label_components, within_mm

MARROW_MM = 4.0
"""So deep inside a bone of the atlas is bone"""
LEAST_HU = -60.0
"""where it is brighter than fat (fatty marrow is known by the bone around it),"""
FOUND_MM = 2.0
"""and so deep what was found to be bone anyway."""
TISSUE_MM = 4.0
"""So far outside is soft tissue."""
SOFT_HU = 110.0
"""Canal, disc and joint stay below this, blurred cortex above."""

SPONGY_HU = 120.0
"""Brighter than any soft tissue without contrast medium,"""
BESIDE_MM = 4.0
"""and this near to where the atlas has bone: spongiosa, however thin the cortex around it."""
PASSAGE_MM = 2.5
"""Soft tissue reaches in from outside through openings of at least this radius,"""
LEAK = 0.03
"""unless it reaches this share of the marrow: then the cortex is too thin on this scan to hold it."""

UNKNOWN, BONE, TISSUE = 0, 1, 2


def bone_and_tissue(
    solid: Voxels, mean_hu: NDArray[np.float32], spacing_mm: Float3, field: AtlasField
) -> tuple[Voxels, Voxels]:
    """What the atlas adds to the bones found, and what it takes from them.

    Parameters
    ----------
    solid : ndarray
        bool [k, j, i], bones drawn wide, on a coarse grid.
    mean_hu : ndarray
        The scan on that grid.
    field : AtlasField
        Of the atlas to these bones.

    Returns
    -------
    inside, tissue : ndarray
        bool [k, j, i] on that grid: within the ridge of the cortex, and soft tissue outside of it.
    """
    dim = mean_hu < SOFT_HU
    asked = expand(field.asked, field.steps, solid.shape)
    basins = spread(_markers(solid, mean_hu, dim, field), mean_hu, asked)
    inside = basins == BONE
    reached = _reached_from_outside(dim, inside | solid, spacing_mm)
    tissue = (basins == TISSUE) | (reached & _over(_floor_mm(reached, field), field, solid.shape))
    spongy = (mean_hu >= SPONGY_HU) & _within(BESIDE_MM, field, solid.shape)
    tissue &= ~spongy
    return (inside | spongy) & ~tissue, tissue & dim


def _over(height_mm: float, field: AtlasField, shape: Index3) -> Voxels:
    return expand(field.height_mm >= height_mm, field.steps, shape)


def _within(height_mm: float, field: AtlasField, shape: Index3) -> Voxels:
    return expand(field.height_mm <= height_mm, field.steps, shape)


def _floor_mm(reached: Voxels, field: AtlasField) -> float:
    """From which height on what is reached from outside is tissue: not into bones whose cortex leaks."""
    deep = _within(-MARROW_MM, field, reached.shape)
    leaking = np.count_nonzero(reached & deep) > LEAK * np.count_nonzero(deep)
    return TISSUE_MM if leaking else 1 - MARROW_MM


def _markers(
    solid: Voxels, mean_hu: NDArray[np.float32], dim: Voxels, field: AtlasField
) -> NDArray[np.uint8]:
    """What is sure, `UNKNOWN` elsewhere."""
    sure = np.zeros(solid.shape, dtype=np.uint8)
    sure[_over(TISSUE_MM, field, solid.shape) & (~solid | dim)] = TISSUE
    found = (field.height_mm <= -FOUND_MM) | ((field.distance_mm > NEAR_MM) & field.asked)
    sure[_within(-MARROW_MM, field, solid.shape) & (mean_hu >= LEAST_HU)] = BONE
    sure[solid & expand(found, field.steps, solid.shape)] = BONE
    return sure


def _reached_from_outside(dim: Voxels, bone: Voxels, spacing_mm: Float3) -> Voxels:
    """Soft tissue that hangs together with that around the bones, by openings that a ball passes."""
    wide = deeper_than_mm(dim, spacing_mm, PASSAGE_MM)
    labels = label_components(wide, connectivity=6)
    outside = np.bincount(labels[wide & ~bone], minlength=2)
    outside[0] = 0
    return dim & within_mm(labels == int(outside.argmax()), spacing_mm, PASSAGE_MM)
