"""Bones drawn at their own surface.

What is searched for bone is drawn wide, so that no rim of cortex is left over to look like calcium, and takes
in soft tissue that bone surrounds: the vertebral canal, discs, joints. What is shown and measured against is
drawn here: the border at half the height of the cortex, and soft tissue taken out again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.geometry import Box, Float3, grow_box
from pipeline.domain.image import CTVolume
from pipeline.steps.grid import bounding_box, expand, margin_voxels
from pipeline.steps.naming.field import REACH_MM
from pipeline.steps.naming.places import Blocks
from pipeline.steps.voxels import HU, Voxels, small_holes

TISSUE_HU = 60.0
PEEL_MM = 1.4
"""How far blur carries a border outwards, at least one voxel."""
FINE_MM = 1.6
"""Along axes coarser than this one voxel is more than blur, and nothing is peeled."""
PORE_MM2 = 25.0
"""Holes of a slice of bone up to this size are noise."""


@dataclass(frozen=True, eq=False, slots=True)
class Canvas:
    """The part of a scan that bones are drawn in, and what drawing needs of it whatever they are named."""

    box: Box
    blocks: Blocks
    dim: Voxels  #: [k, j, i], less than half as high as the cortex next to it
    spacing_mm: Float3

    @classmethod
    def around(cls, solid: Voxels, smooth: CTVolume) -> Canvas | None:
        """With room around the bones for what the atlas adds; None where there is no bone."""
        found = bounding_box(solid)
        if found is None:
            return None
        spacing_mm = smooth.geometry.spacing_mm
        box = grow_box(found, margin_voxels(spacing_mm, REACH_MM), solid.shape)
        inner = smooth.crop(box)
        blocks = Blocks.of(inner)
        half_hu = expand(_half_height_hu(blocks.peak_hu), blocks.steps, blocks.shape)
        return cls(box, blocks, inner.hu < half_hu, spacing_mm)


def draw_bones(solid: Voxels, canvas: Canvas, tissue: Voxels) -> Voxels:
    """Bones at their own surface.

    Parameters
    ----------
    solid : ndarray
        bool [k, j, i], bones drawn wide, on the grid of the canvas.
    tissue : ndarray
        bool [k, j, i] on the blocks, soft tissue to be taken out.
    """
    blocks, dim = canvas.blocks, canvas.dim
    drawn = solid & ~(expand(tissue, blocks.steps, blocks.shape) & dim)
    for axis, spacing in enumerate(canvas.spacing_mm):
        if spacing <= FINE_MM:
            drawn &= ~(_rim(drawn, axis, max(1, round(PEEL_MM / spacing))) & dim)
    return drawn


def _half_height_hu(peak_hu: HU) -> NDArray[np.int16]:
    """Halfway between soft tissue and the densest block next to each block."""
    cross = ndimage.generate_binary_structure(3, 1)
    plateau = ndimage.maximum_filter(peak_hu, footprint=cross, mode="nearest")
    return np.asarray((plateau + TISSUE_HU) / 2, dtype=np.int16)


def _rim(voxels: Voxels, axis: int, width: int) -> Voxels:
    """Voxels at most `width` from the end of a run along one axis; the grid's edge is no end."""
    inner = voxels.copy()
    ahead, behind = np.moveaxis(inner, axis, 0), np.moveaxis(voxels, axis, 0)
    for step in range(1, width + 1):
        ahead[step:] &= behind[:-step]
        ahead[:-step] &= behind[step:]
    return voxels & ~inner


def without_pores(drawn: Voxels, spacing_mm: Float3) -> Voxels:
    """Bones with the smallest holes of each axial slice filled."""
    most = round(PORE_MM2 / (spacing_mm[1] * spacing_mm[2]))
    for plane in drawn:
        if plane.any():
            plane |= small_holes(plane, most)
    return drawn
