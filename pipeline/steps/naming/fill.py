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

WIDEST_MM2 = MappingProxyType(
    {
        **dict.fromkeys(BONES, 100.0),
        **dict.fromkeys(FEMORA, 700.0),
        **dict.fromkeys(HIP_BONES, 500.0),
    }
)
"""Holes of a slice up to this size are filled: the obturator foramen of a child of six has 500 mm² and more,
the spinal canal 150."""


def fill_bones(named: NDArray[np.uint8], core: Voxels, spacing_mm: Float3) -> NDArray[np.uint8]:
    """Names of the blocks that lie within bones.

    Parameters
    ----------
    named : ndarray
        uint8 [k, j, i], places in `BONES` from 1; 0 where there is no bone.
    core : ndarray
        bool [k, j, i], blocks that are bone for the most part.

    Returns
    -------
    ndarray
        uint8 [k, j, i]: `named` where a block and all that touch it by a face are bone or filled, else 0.
    """
    inner = np.zeros_like(named)
    for value, box in enumerate(ndimage.find_objects(named), start=1):
        if box is not None:
            own = (named[box] == value) & core[box]
            filled = (own | _holes(own, spacing_mm, WIDEST_MM2[BONES[value - 1]])) & (
                (named[box] == value) | (named[box] == 0)
            )
            deep = ndimage.binary_erosion(filled, border_value=1)
            inner[box][deep | (filled & ~own)] = value
    return inner


def _holes(own: Voxels, spacing_mm: Float3, most_mm2: float) -> Voxels:
    """Holes of the slices along every axis."""
    holes = np.zeros_like(own)
    for axis in range(3):
        pixel_mm2 = np.prod(spacing_mm) / spacing_mm[axis]
        for plane, hole in zip(np.moveaxis(own, axis, 0), np.moveaxis(holes, axis, 0), strict=True):
            if plane.any():
                hole |= small_holes(plane, int(most_mm2 / pixel_mm2))
    return holes
