"""The inside of bones, where the atlas expects it and the ridge of the cortex bounds it.

The atlas knows to a few millimetres what is bone; deep in its bones lies marrow, well outside of them soft
tissue, however thin the cortex is on this scan. From both sides the answer spreads up to the ridge of the
cortex. So the vertebral canal and the joints are told from marrow, which looks like them.
"""

from __future__ import annotations

from dataclasses import dataclass

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
OPEN = 0.2
"""Where it reaches so much, an atlas that lies beside a bone does not explain it: the bones are open."""
WALL_HU = 130.0
"""Cortex so thin is still brighter than soft tissue,"""
WALL_MM = 10.0
"""and the atlas, laid into what little was found, is off by no more than this."""

UNKNOWN, BONE, TISSUE = 0, 1, 2


@dataclass(frozen=True, eq=False, slots=True)
class Insides:
    """What the atlas says of the bones found. Arrays are bool [k, j, i] on a coarse grid."""

    inside: Voxels  #: within the ridge of the cortex
    tissue: Voxels  #: soft tissue outside of it
    thin_wall: Voxels | None  #: what may be wall, where the cortex is too thin to hold the marrow; else None


def bone_and_tissue(
    solid: Voxels, mean_hu: NDArray[np.float32], spacing_mm: Float3, field: AtlasField
) -> Insides:
    """What the atlas adds to the bones found, and what it takes from them.

    Parameters
    ----------
    solid : ndarray
        bool [k, j, i], bones drawn wide, on a coarse grid.
    mean_hu : ndarray
        The scan on that grid.
    field : AtlasField
        Of the atlas to these bones.
    """
    dim = mean_hu < SOFT_HU
    asked = expand(field.asked, field.steps, solid.shape)
    basins = spread(_markers(solid, mean_hu, dim, field), mean_hu, asked)
    inside = basins == BONE
    reached = _reached_from_outside(dim, inside | solid, spacing_mm)
    leak = _leak(reached, field)
    tissue = (basins == TISSUE) | (reached & _over(_floor_mm(leak), field, solid.shape))
    spongy = (mean_hu >= SPONGY_HU) & _within(BESIDE_MM, field, solid.shape)
    tissue &= ~spongy
    wall = (mean_hu >= WALL_HU) & _within(WALL_MM, field, solid.shape) if leak > OPEN else None
    return Insides((inside | spongy) & ~tissue, tissue & dim, wall)


def _over(height_mm: float, field: AtlasField, shape: Index3) -> Voxels:
    return expand(field.height_mm >= height_mm, field.steps, shape)


def _within(height_mm: float, field: AtlasField, shape: Index3) -> Voxels:
    return expand(field.height_mm <= height_mm, field.steps, shape)


def _leak(reached: Voxels, field: AtlasField) -> float:
    """Share of the marrow that soft tissue outside seems to reach."""
    deep = _within(-MARROW_MM, field, reached.shape)
    return float(reached[deep].mean()) if deep.any() else 0.0


def _floor_mm(leak: float) -> float:
    """From which height on what is reached from outside is tissue: not into bones whose cortex leaks."""
    return TISSUE_MM if leak > LEAK else 1 - MARROW_MM


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
