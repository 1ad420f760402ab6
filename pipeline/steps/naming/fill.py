"""Holes of each bone filled by what the bone around them says.

Where slices are thick or marrow is fatty, parts of the inside look like soft tissue that has leaked in. What
one bone alone encloses in a slice, seen from any of three sides, is its inside; the canal of the spine
and the holes for nerves are enclosed in this way too, so there only small holes are filled.

Where the cortex of a scan is too thin to be followed, holes are open to all sides. There faint wall beside a
bone belongs to it, and so does what the bone surrounds in most directions.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.anatomy import BONES
from pipeline.domain.geometry import Float3, grow_box
from pipeline.steps.enclosure import enclosed_fraction
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

SURROUNDED = 0.65
"""A bone surrounds what it is met from in this share of the 26 directions,"""
REACH_MM = 20.0
"""so near."""
FATTY_HU = -60.0
"""Marrow surrounded so is brighter than fat alone;"""
CANAL_HU = MappingProxyType({"sacrum": 0.0, "coccyx": 0.0, "lumbar_vertebrae": MARROW_HU})
"""where there are holes for nerves, brighter than the fat in those; in vertebrae, than the canal."""
NO_CUT = ((False, False), (False, False), (False, False))
"""Beyond the box of a bone there is none of it."""


def fill_bones(
    named: NDArray[np.uint8],
    core: Voxels,
    mean_hu: NDArray[np.float32],
    spacing_mm: Float3,
    *,
    thin_wall: Voxels | None = None,
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
    thin_wall : ndarray, optional
        bool [k, j, i], what may be wall of the bone beside it, on a scan whose cortex is too thin to be
        followed; None on any other.

    Returns
    -------
    ndarray
        uint8 [k, j, i]: the name where a block and all that touch it by a face are bone or filled, else 0.
    """
    inner = np.zeros_like(named)
    for value, found in enumerate(ndimage.find_objects(named), start=1):
        if found is not None:
            box = grow_box((found[0], found[1], found[2]), (1, 1, 1), named.shape)
            own = (named[box] == value) & core[box]
            free = (named[box] == value) | (named[box] == 0)
            filled = own | (free & _inside(own, mean_hu[box], BONES[value - 1], spacing_mm))
            if thin_wall is not None:
                filled |= free & thin_wall[box] & ndimage.binary_dilation(filled)
                filled |= free & _surrounded(filled, mean_hu[box], BONES[value - 1], spacing_mm)
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


def _surrounded(
    own: Voxels, mean_hu: NDArray[np.float32], bone: str, spacing_mm: Float3
) -> NDArray[np.bool_]:
    """What a bone surrounds on most sides, and is no canal."""
    wall, nothing = own.astype(np.int16), np.zeros(own.shape, dtype=np.float32)
    met = enclosed_fraction(
        nothing, wall, spacing_mm=spacing_mm, reach_mm=REACH_MM, floor_hu=1.0, contrast_hu=1.0, cut=NO_CUT
    )
    return (met >= SURROUNDED) & (mean_hu >= CANAL_HU.get(bone, FATTY_HU))


def _holes(own: Voxels, spacing_mm: Float3, most_mm2: float) -> Voxels:
    """Holes of the slices along every axis."""
    holes = np.zeros_like(own)
    for axis in range(3):
        pixel_mm2 = np.prod(spacing_mm) / spacing_mm[axis]
        for plane, hole in zip(np.moveaxis(own, axis, 0), np.moveaxis(holes, axis, 0), strict=True):
            if plane.any():
                hole |= small_holes(plane, int(most_mm2 / pixel_mm2))
    return holes
