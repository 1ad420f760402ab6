"""Holes of each bone filled by what the bone around them says.

Where slices are thick or marrow is fatty, parts of the inside look like soft tissue that has leaked in. What
one bone alone encloses in a slice, seen from any of three sides, is its inside; the canal of the spine
and the holes for nerves are enclosed in this way too, so there only small holes are filled.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import Float3
from pipeline.steps.naming.atlas import FEMORA, HIP_BONES
from pipeline.steps.voxels import Voxels, small_holes

FORAMEN_MM2 = 100.0
"""Holes of a slice up to this size are filled in any bone; the spinal canal has 150 mm² and more."""
WIDEST_MM2 = MappingProxyType(dict.fromkeys(FEMORA, 700.0) | dict.fromkeys(HIP_BONES, 500.0))
"""Wider ones where a bone has no canal: the obturator foramen of a child of six has 500 mm² and more."""
MARROW_HU = 70.0
"""Elsewhere what is brighter than the contents of the canal,"""
MARROW_MM2 = 800.0
"""in holes up to this size."""


def fill_bones(
    named: NDArray[np.uint8], core: Voxels, mean_hu: NDArray[np.float32], spacing_mm: Float3
) -> NDArray[np.uint8]:
    """Names of the blocks that lie within bones.

    Parameters
    ----------
    named : ndarray
        uint8 [k, j, i], places in `BONES` from 1; 0 where there is no bone.
    core : ndarray
        bool [k, j, i], blocks that are bone for the most part.
    mean_hu : ndarray
        The scan on these blocks.

    Returns
    -------
    ndarray
        uint8 [k, j, i]: the name where a block and all that touch it by a face are bone or filled, else 0.
    """
    inner = np.zeros_like(named)
    for value, box in enumerate(ndimage.find_objects(named), start=1):
        if box is not None:
            own = (named[box] == value) & core[box]
            free = (named[box] == value) | (named[box] == 0)
            filled = own | (free & _inside(own, mean_hu[box], BONES[value - 1], spacing_mm))
            deep = ndimage.binary_erosion(filled, border_value=1)
            inner[box][deep | (filled & ~own)] = value
    return inner


def _inside(own: Voxels, mean_hu: NDArray[np.float32], bone: str, spacing_mm: Float3) -> Voxels:
    """The inside of a bone as far as its name and its density allow."""
    inside = _holes(own, spacing_mm, WIDEST_MM2.get(bone, FORAMEN_MM2))
    if bone not in WIDEST_MM2:
        marrow = ndimage.uniform_filter(mean_hu, 3, mode="nearest") >= MARROW_HU
        inside |= marrow & _holes(own, spacing_mm, MARROW_MM2)
    return inside


def _holes(own: Voxels, spacing_mm: Float3, most_mm2: float) -> Voxels:
    """Holes of the slices along every axis."""
    holes = np.zeros_like(own)
    for axis in range(3):
        pixel_mm2 = np.prod(spacing_mm) / spacing_mm[axis]
        for plane, hole in zip(np.moveaxis(own, axis, 0), np.moveaxis(holes, axis, 0), strict=True):
            if plane.any():
                hole |= small_holes(plane, int(most_mm2 / pixel_mm2))
    return holes
