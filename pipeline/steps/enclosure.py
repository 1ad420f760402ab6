"""Cortex around a less dense inside: the mark of bone, measured along straight lines.

A voxel is enclosed where, in most of the 26 directions of the grid, something clearly denser is
met within reach. Marrow and spongiosa are; muscle, bowel and the inside of a lump of calcium,
which is dense throughout, are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Float3, Index3
from pipeline.steps.voxels import HU, SMALL_VOXELS

DIRECTIONS: tuple[Index3, ...] = tuple(
    (k, j, i) for k, j, i in product((-1, 0, 1), repeat=3) if (k, j, i) != (0, 0, 0)
)
CUT_WEIGHT = 0.35
"""What a direction counts that leaves the scan before anything dense is met: unknown, less than half."""
SLAB_VOXELS = 200_000
"""As many fit into a processor's cache."""
NOTHING_HU = np.int16(-32000)


def enclosed_fraction(
    mean_hu: NDArray[np.float32],
    peak_hu: HU,
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
    level = mean_hu + np.float32(contrast_hu)
    needed = np.clip(level, floor_hu, np.iinfo(np.int16).max, out=level).astype(np.int16)
    del level
    peak = peak_hu.astype(np.int16, copy=False)
    return _share(*_directions_met(needed, peak, spacing_mm, reach_mm, cut))


def _directions_met(
    needed: NDArray[np.int16],
    peak: NDArray[np.int16],
    spacing_mm: Float3,
    reach_mm: float,
    cut: tuple[tuple[bool, bool], ...],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """In how many directions enough is met, and how many others leave the scan."""

    def met_in(directions: Sequence[Index3]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        seen = np.zeros(peak.shape, dtype=np.uint8)
        unknown = np.zeros(peak.shape, dtype=np.uint8)
        densest = np.empty(peak.shape, dtype=np.int16)
        met = np.empty(peak.shape, dtype=bool)
        for direction in directions:
            stride_mm = float(np.linalg.norm(np.multiply(direction, spacing_mm)))
            length = max(1, int(reach_mm / stride_mm))
            _look_ahead(peak, direction, length, densest)
            np.greater_equal(densest, needed, out=met)
            seen += met
            for face in _cut_faces(direction, length, cut):
                unknown[face] += ~met[face]
        return seen, unknown

    if peak.size < SMALL_VOXELS:
        return met_in(DIRECTIONS)
    with ThreadPoolExecutor(max_workers=2) as threads:
        (seen, unknown), (more, more_unknown) = threads.map(met_in, (DIRECTIONS[::2], DIRECTIONS[1::2]))
    return seen + more, unknown + more_unknown


def _share(seen: NDArray[np.uint8], unknown: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of the directions, from how many met something and how many left the scan."""
    score = unknown.astype(np.float32)
    score *= np.float32(CUT_WEIGHT)
    score += seen
    score /= np.float32(len(DIRECTIONS))
    return np.minimum(score, np.float32(1), out=score)


def _look_ahead(
    values: NDArray[np.int16], direction: Index3, length: int, densest: NDArray[np.int16]
) -> None:
    """Fill `densest` with the maximum over the next 1 … `length` voxels along a direction, by doubling."""
    densest[...] = NOTHING_HU
    if all(abs(step) < size for step, size in zip(direction, values.shape, strict=True)):
        here, there = (_overlap(direction, values.shape, sign=sign) for sign in (-1, 1))
        densest[here] = values[there]
    covered = 1
    while covered < length:
        stride = min(covered, length - covered)
        k, j, i = (stride * d for d in direction)
        _raise_to_ahead(densest, (k, j, i))
        covered += stride


def _raise_to_ahead(densest: NDArray[np.int16], offset: Index3) -> None:
    """Raise values to those `offset` voxels further on, in place: slab after slab along the offset."""
    k, size = offset[0], densest.shape[0]
    slab = max(1, SLAB_VOXELS // densest[0].size)
    if any(abs(step) >= length for step, length in zip(offset, densest.shape, strict=True)):
        return
    here, there = (_overlap((0, *offset[1:]), densest.shape, sign=sign)[1:] for sign in (-1, 1))
    starts = range(max(0, -k), size - max(0, k), slab)
    for start in starts if k >= 0 else reversed(starts):
        stop = min(start + slab, size - max(0, k))
        low = densest[start:stop, *here]
        np.maximum(low, densest[start + k : stop + k, *there], out=low)


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
