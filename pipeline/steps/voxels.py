"""Components and distances on voxel grids, with every default that changes the answer written out."""

from __future__ import annotations

from itertools import product
from typing import Literal, TypeAlias

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.geometry import Box, Float3

SMALL_VOXELS = 100_000
"""On smaller grids starting threads takes longer than they save."""
MOST_CHORDS = 600
"""Chords of a ball beyond which the distance of every voxel is found as quickly."""
LONGEST_CHORD = 24
ROUNDING = 1e-6
"""Distances are sums of rounded numbers."""

Voxels: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = NDArray[np.uint32]
Index: TypeAlias = tuple[NDArray[np.int64], ...]
"""Voxels by their indices along k, j, i."""
HU: TypeAlias = NDArray[np.int16] | NDArray[np.float32]


def label_components(voxels: Voxels, *, connectivity: Literal[6, 26]) -> Labels:
    """Number the components from 1; 0 is nothing."""
    labels = cc3d.connected_components(voxels, connectivity=connectivity, out_dtype=np.uint32)
    return np.asarray(labels, dtype=np.uint32)


def label_background(pixels: Voxels) -> Labels:
    """Number the parts of a slice that are not set, neighbours by edges; 0 is what is set."""
    labels = cc3d.connected_components(~pixels, connectivity=4, out_dtype=np.uint32)
    return np.asarray(labels, dtype=np.uint32)


def small_holes(plane: Voxels, most_pixels: int) -> Voxels:
    """Holes of a slice with at most so many pixels: background that does not reach the border."""
    labels = label_background(np.pad(plane, 1))
    sizes = np.bincount(labels.ravel())
    small = sizes <= most_pixels
    small[labels[0, 0]] = False
    small[0] = False
    return np.asarray(small[labels][1:-1, 1:-1])


def component_statistics(labels: Labels) -> tuple[NDArray[np.int64], list[Box]]:
    """Voxel count and bounding box of each label, from label 0 on."""
    found = cc3d.statistics(labels)
    return np.asarray(found["voxel_counts"], dtype=np.int64), list(found["bounding_boxes"])


def component_boxes(labels: Labels) -> list[Box]:
    """Bounding box of each label, label 1 first."""
    return [(k, j, i) for k, j, i in ndimage.find_objects(labels)]


def depth_mm(voxels: Voxels, spacing_mm: Float3) -> NDArray[np.float32]:
    """How deep each set voxel lies: distance to the nearest unset one; the grid's edge does not count."""
    threads = 1 if voxels.size < SMALL_VOXELS else 0
    depth: NDArray[np.float32] = edt.edt(
        np.ascontiguousarray(voxels), anisotropy=spacing_mm, black_border=False, parallel=threads
    )
    return depth


def distance_to_mm(voxels: Voxels, spacing_mm: Float3) -> NDArray[np.float32]:
    """Distance of each voxel centre to the nearest set one; infinite where none is set."""
    return depth_mm(~voxels, spacing_mm)


def within_mm(voxels: Voxels, spacing_mm: Float3, reach_mm: float) -> Voxels:
    """Whether a set voxel lies within a distance of each voxel, centre to centre.

    The same as `distance_to_mm` compared with the distance, and many times quicker where that is a few
    voxels: rows are widened once for each half length of a chord of the ball, then laid over each other.
    """
    depth, height, _ = voxels.shape
    reach_mm *= 1 + ROUNDING
    k, j, i = (
        min(int(reach_mm / step), size - 1) for step, size in zip(spacing_mm, voxels.shape, strict=True)
    )
    if (2 * k + 1) * (2 * j + 1) > MOST_CHORDS or i > LONGEST_CHORD:
        return np.asarray(distance_to_mm(voxels, spacing_mm) <= reach_mm)
    rows = _widened_rows(voxels, i)
    near = np.zeros(voxels.shape, dtype=bool)
    for dk, dj in product(range(-k, k + 1), range(-j, j + 1)):
        chord_mm2 = reach_mm**2 - (dk * spacing_mm[0]) ** 2 - (dj * spacing_mm[1]) ** 2
        if chord_mm2 >= 0:
            from_ = rows[min(int(chord_mm2**0.5 / spacing_mm[2]), i)]
            to = near[max(0, dk) : depth + min(0, dk), max(0, dj) : height + min(0, dj)]
            to |= from_[max(0, -dk) : depth + min(0, -dk), max(0, -dj) : height + min(0, -dj)]
    return near


def _widened_rows(voxels: Voxels, most: int) -> list[Voxels]:
    """Set voxels, and those up to 0, 1, … `most` to either side along i."""
    rows = [voxels]
    for n in range(1, most + 1):
        row = rows[-1].copy()
        row[..., n:] |= voxels[..., :-n]
        row[..., :-n] |= voxels[..., n:]
        rows.append(row)
    return rows


def deeper_than_mm(voxels: Voxels, spacing_mm: Float3, depth_mm: float) -> Voxels:
    """Set voxels with no unset one within a distance; the grid's edge does not count."""
    return ~within_mm(~voxels, spacing_mm, depth_mm)


def opened(voxels: Voxels, spacing_mm: Float3, radius_mm: float) -> Voxels:
    """What a ball of this radius covers while it stays within the set voxels."""
    core = deeper_than_mm(voxels, spacing_mm, radius_mm)
    if not core.any():
        return core
    return voxels & within_mm(core, spacing_mm, radius_mm)


def distance_to_in_plane_mm(pixels: Voxels, spacing_mm: tuple[float, float]) -> NDArray[np.float32]:
    """The same in one slice."""
    distance: NDArray[np.float32] = edt.edt(
        np.ascontiguousarray(~pixels), anisotropy=spacing_mm, black_border=False, parallel=1
    )
    return distance


def with_neighbours(voxels: Voxels) -> Voxels:
    """Set voxels and all that touch them by face, edge or corner."""
    grown = voxels.copy()
    for axis in range(3):
        own, wide = np.moveaxis(grown.copy(), axis, 0), np.moveaxis(grown, axis, 0)
        wide[1:] |= own[:-1]
        wide[:-1] |= own[1:]
    return grown


def thickness_mm(voxels: Voxels, spacing_mm: Float3) -> float:
    """Diameter of the largest ball that fits in; what lies outside the grid is not set."""
    return 2.0 * float(depth_mm(np.pad(voxels, 1), spacing_mm).max())
