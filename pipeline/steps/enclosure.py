"""Cortex around a less dense inside: the mark of bone, measured along straight lines.

A voxel is enclosed where, in most of the 26 directions of the grid, something clearly denser is
met within reach. Marrow and spongiosa are; muscle, bowel and the inside of a lump of calcium,
which is dense throughout, are not.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Float3, Index3

DIRECTIONS: tuple[Index3, ...] = tuple(
    (k, j, i) for k, j, i in product((-1, 0, 1), repeat=3) if (k, j, i) != (0, 0, 0)
)
CUT_WEIGHT = 0.35
"""What a direction counts that leaves the scan before anything dense is met: unknown, less than half."""
NOTHING_HU = np.int16(-32000)


def enclosed_fraction(
    mean_hu: NDArray[np.float32],
    peak_hu: NDArray[np.float32],
    *,
    spacing_mm: Float3,
    reach_mm: float,
    floor_hu: float,
    contrast_hu: float,
    cut: tuple[tuple[bool, bool], ...] = ((True, True), (True, True), (True, True)),
) -> NDArray[np.float32]:
    """Share of directions in which a voxel at least `contrast_hu` denser is met within `reach_mm`.

    Parameters
    ----------
    mean_hu, peak_hu : ndarray
        [k, j, i], mean and maximum over the blocks of a pooled grid: the mean stands for the
        inside, the maximum for a cortex thinner than a block.
    floor_hu : float
        A cortex is at least this dense.
    cut : tuple of pairs
        For each axis, whether the scan goes no further beyond the low and the high edge, so that
        nothing is known of what lies there. False where the array is a box cut from a scan and
        what lies outside is known not to count.

    Returns
    -------
    ndarray
        float32, 0 to 1.
    """
    needed = np.clip(mean_hu + contrast_hu, floor_hu, np.iinfo(np.int16).max).astype(np.int16)
    peak = peak_hu.astype(np.int16)
    score = np.zeros(mean_hu.shape, dtype=np.float32)
    for direction in DIRECTIONS:
        stride_mm = float(np.linalg.norm(np.multiply(direction, spacing_mm)))
        length = max(1, int(reach_mm / stride_mm))
        met = _densest_ahead(peak, direction, length) >= needed
        score += met
        for face in _cut_faces(direction, length, cut):
            score[face] += CUT_WEIGHT * ~met[face]
    return np.minimum(score / len(DIRECTIONS), 1)


def _densest_ahead(values: NDArray[np.int16], direction: Index3, length: int) -> NDArray[np.int16]:
    """Maximum over the next 1 … `length` voxels along a direction, by doubling."""
    densest = _shifted(values, direction)
    covered = 1
    while covered < length:
        stride = min(covered, length - covered)
        k, j, i = (stride * d for d in direction)
        np.maximum(densest, _shifted(densest, (k, j, i)), out=densest)
        covered += stride
    return densest


def _shifted(values: NDArray[np.int16], offset: Index3) -> NDArray[np.int16]:
    """The values `offset` voxels further on; nothing beyond the edge."""
    moved = np.full_like(values, NOTHING_HU)
    if all(abs(step) < size for step, size in zip(offset, values.shape, strict=True)):
        moved[_overlap(offset, values.shape, sign=-1)] = values[_overlap(offset, values.shape, sign=1)]
    return moved


def _overlap(offset: Index3, shape: tuple[int, ...], *, sign: int) -> tuple[slice, ...]:
    return tuple(
        slice(max(0, sign * step), size + min(0, sign * step))
        for step, size in zip(offset, shape, strict=True)
    )


def _cut_faces(
    direction: Index3, length: int, cut: tuple[tuple[bool, bool], ...]
) -> list[tuple[slice, slice, slice]]:
    """Disjoint parts of the grid from which a line of `length` voxels runs out of it."""
    faces = []
    inner = [slice(None)] * 3
    for axis, step in enumerate(direction):
        if step == 0 or not cut[axis][step > 0]:
            continue
        face = list(inner)
        face[axis] = slice(-length, None) if step > 0 else slice(None, length)
        faces.append((face[0], face[1], face[2]))
        inner[axis] = slice(None, -length) if step > 0 else slice(length, None)
    return faces
