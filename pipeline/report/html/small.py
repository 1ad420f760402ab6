"""A scan and its masks, small enough for a page: cut to the body, on a coarser grid, in few grey levels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Box, Geometry, Index3
from pipeline.domain.image import BoxedMask

BODY_HU = -400
MARGIN_MM = 6.0
LOWEST_HU, STEP_HU = -400.0, 8.0
"""Grey levels of the picture: 256 steps of 8 HU, well below the noise."""
MOST_VOXELS = 12_000_000
"""Of all dates together: about 8 MB as text at most."""
MOST_COARSE = 8
"""Blocks are at most this many voxels high and wide."""


@dataclass(frozen=True, eq=False, slots=True)
class SmallScan:
    """What the viewer shows of one date."""

    geometry: Geometry
    grey: NDArray[np.uint8]  #: [k, j, i]; HU = 8 × grey - 400, clipped
    lesions: NDArray[np.uint8]  #: 1 definite, 2 indeterminate
    excluded: NDArray[np.uint8]  #: 1
    skeleton: NDArray[np.uint8]  #: 1


def shrink(analysis: Analysis, *, most_voxels: int) -> SmallScan:
    """A scan as the viewer shows it.

    Grey is the mean of a block of voxels; a mask holds a block of which it holds any voxel, so that
    nothing small is lost, and bone one of which it holds half.
    """
    box = _body_box(analysis)
    geometry = analysis.geometry.crop(box)
    steps = _steps(geometry, most_voxels)
    shape = geometry.coarsen(steps).shape
    lesions, excluded = (np.zeros(shape, dtype=np.uint8) for _ in range(2))
    for lesion in analysis.lesions:
        _paint(lesions, lesion.mask, box, steps, 1 if lesion.status == "definite" else 2)
    for one in analysis.excluded:
        _paint(excluded, one.mask, box, steps, 1)
    return SmallScan(
        geometry.coarsen(steps),
        _grey(analysis.scan.volume.hu[box], steps),
        lesions,
        excluded,
        _half(analysis.skeleton.values[box] > 0, steps),
    )


def _paint(small: NDArray[np.uint8], mask: BoxedMask, box: Box, steps: Index3, value: int) -> None:
    """Give every block that holds any voxel of a mask a value, unless it has a larger one."""
    index = np.stack(np.nonzero(mask.voxels)) + np.array([[own.start] for own in mask.box])
    index -= np.array([[s.start] for s in box])
    inside = ((index >= 0) & (index < np.array([[s.stop - s.start] for s in box]))).all(axis=0)
    k, j, i = index[:, inside] // np.array(steps)[:, None]
    small[k, j, i] = np.maximum(small[k, j, i], np.uint8(value))


def _body_box(analysis: Analysis) -> Box:
    """Around all that is no air, table and blanket included, with a margin; in full height."""
    hu = analysis.scan.volume.hu
    dense = hu[:: max(1, hu.shape[0] // 40)] > BODY_HU
    sides = [slice(0, hu.shape[0])]
    for axis in (1, 2):
        set_along = np.flatnonzero(dense.any(axis=(0, 3 - axis)))
        margin = int(np.ceil(MARGIN_MM / analysis.geometry.spacing_mm[axis]))
        first, last = (set_along[0], set_along[-1]) if set_along.size else (0, hu.shape[axis] - 1)
        sides.append(slice(max(0, int(first) - margin), min(hu.shape[axis], int(last) + 1 + margin)))
    k, j, i = sides
    return k, j, i


def _steps(geometry: Geometry, most_voxels: int) -> Index3:
    """The blocks that come nearest to cubes among the smallest ones that leave few enough voxels."""
    spacing = np.array(geometry.spacing_mm)
    fitting = [
        steps
        for steps in product(range(1, MOST_COARSE + 1), repeat=2)
        if np.prod(-(-np.array(geometry.shape) // np.array([steps[0], steps[1], steps[1]]))) <= most_voxels
    ]
    across, along = min(
        fitting,
        key=lambda one: (max(one[0] * spacing[0], one[1] * spacing[1]), one),
        default=(MOST_COARSE, MOST_COARSE),
    )
    return across, along, along


def _summed(values: NDArray[Any], steps: Index3) -> NDArray[Any]:
    """Sums over blocks, axis by axis, the last blocks filled up with the outermost voxels."""
    for axis, step in enumerate(steps):
        if step == 1:
            continue
        pad = [(0, -values.shape[axis] % step if n == axis else 0) for n in range(3)]
        full = np.moveaxis(np.pad(values, pad, mode="edge") if pad[axis][1] else values, axis, 0)
        total = full[::step].copy()
        for offset in range(1, step):
            total += full[offset::step]
        values = np.moveaxis(total, 0, axis)
    return values


def _grey(hu: NDArray[Any], steps: Index3) -> NDArray[np.uint8]:
    levels = np.empty([-(-n // s) for n, s in zip(hu.shape, steps, strict=True)], dtype=np.uint8)
    exact = np.int32 if hu.dtype.kind in "iu" else np.float32
    for k in range(levels.shape[0]):  # block by block along k: no wide copy of the whole
        total = _summed(hu[k * steps[0] : (k + 1) * steps[0]].astype(exact), steps)
        mean = total[0].astype(np.float32) / np.float32(np.prod(steps))
        levels[k] = np.clip(np.rint((mean - np.float32(LOWEST_HU)) / np.float32(STEP_HU)), 0, 255)
    return levels


def _half(inside: NDArray[np.bool_], steps: Index3) -> NDArray[np.uint8]:
    """1 for a block of which half is inside."""
    return np.asarray(2 * _summed(inside.astype(np.uint16), steps) >= np.prod(steps), dtype=np.uint8)
