"""How noisy a scan is, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry, Index3
from pipeline.domain.image import CTVolume, Mask
from pipeline.steps.voxels import HU, Index, Voxels

SOFT_TISSUE_HU = (-150, 150)
"""Fat, muscle and organs: where noise can be told from structure."""
NOISE_BLOCK_MM = 16.0
"""Noise is estimated in blocks of this size: streaks are local."""
NOISE_LAG_MM = 3.0
"""Two voxels this far apart have independent noise; CT noise is correlated over 1 to 2 mm."""
NOISE_SLICE_MM = 3.0
"""Thinner slices are not all looked at,"""
NOISE_PIXEL_MM = 1.7
"""nor are finer pixels: neighbours tell nothing new."""
FEWEST_PAIRS = 40
"""Blocks with fewer soft-tissue pairs take the scan's own figure."""
MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True, eq=False, slots=True)
class LocalNoise:
    """Standard deviation of the noise in soft tissue, block by block."""

    block_hu: NDArray[np.float32]  #: NaN throughout where the scan shows no soft tissue
    steps: Index3  #: voxels of a block along k, j, i

    def at_hu(self, index: Index) -> NDArray[np.float32]:
        """At some voxels."""
        k, j, i = (axis // step for axis, step in zip(index, self.steps, strict=True))
        return self.block_hu[k, j, i]

    @property
    def median_hu(self) -> float | None:
        """Over the scan; None where it is unknown."""
        known = self.block_hu[np.isfinite(self.block_hu)]
        return float(np.median(known)) if known.size else None


def local_noise(volume: CTVolume, body: Mask) -> LocalNoise:
    """Standard deviation of the noise in soft tissue, block by block.

    From differences between voxels a few millimetres apart along rows and columns, by their median
    absolute deviation, so that edges of organs do not count. The larger of the two directions stands,
    since streaks run along one of them. A block without soft tissue takes the scan's median.
    """
    strides = _strides(volume.geometry)
    k, j, i = (
        stride * max(1, round(NOISE_BLOCK_MM / spacing / stride))
        for spacing, stride in zip(volume.geometry.spacing_mm, strides, strict=True)
    )
    noise = np.fmax(*(_lagged_noise(volume, body, (k, j, i), strides, axis=axis) for axis in (1, 2)))
    known = noise[np.isfinite(noise)]
    if known.size:
        noise[~np.isfinite(noise)] = np.median(known)
    return LocalNoise(noise, (k, j, i))


def _strides(geometry: Geometry) -> Index3:
    """Which slices, rows and columns are looked at: every so many."""
    k, j, i = geometry.spacing_mm
    return (
        max(1, round(NOISE_SLICE_MM / k)),
        max(1, int(NOISE_PIXEL_MM / j)),
        max(1, int(NOISE_PIXEL_MM / i)),
    )


def _lagged_noise(
    volume: CTVolume, body: Mask, steps: Index3, strides: Index3, *, axis: int
) -> NDArray[np.float32]:
    stride = strides[axis]
    lag = max(2 if stride == 1 else 1, round(NOISE_LAG_MM / volume.geometry.spacing_mm[axis] / stride))
    within = (steps[1] // strides[1], steps[2] // strides[2])
    blocks = [-(-size // step) for size, step in zip(volume.geometry.shape, steps, strict=True)]
    noise = np.full(blocks, np.nan, dtype=np.float32)
    for k in range(blocks[0]):
        slab = slice(k * steps[0], (k + 1) * steps[0], strides[0])
        part = (slab, slice(None, None, strides[1]), slice(None, None, strides[2]))
        block, difference = _soft_pairs(volume.hu[part], body.voxels[part], within, lag=lag, axis=axis)
        noise[k] = _deviation(block, difference, blocks[1] * blocks[2]).reshape(blocks[1:])
    return noise


def _soft_pairs(
    hu: HU, body: Voxels, within: tuple[int, int], *, lag: int, axis: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of soft-tissue voxels a lag apart: the number of the block, and the difference in whole HU."""
    low, high = SOFT_TISSUE_HU
    soft = body & (hu > low) & (hu < high)
    here, there = [slice(None)] * 3, [slice(None)] * 3
    here[axis], there[axis] = slice(None, -lag), slice(lag, None)
    pairs = soft[tuple(here)] & soft[tuple(there)]
    _, rows, columns = np.unravel_index(np.flatnonzero(pairs), pairs.shape)
    across = -(-hu.shape[2] // within[1])
    difference = hu[tuple(there)][pairs].astype(np.float32) - hu[tuple(here)][pairs]
    return rows // within[0] * across + columns // within[1], np.rint(difference).astype(np.int64)


def _deviation(block: NDArray[np.int64], difference: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """Standard deviation of a voxel in each block, by its median absolute deviation; NaN if unknown."""
    span = 2 * (SOFT_TISSUE_HU[1] - SOFT_TISSUE_HU[0])
    middle = np.rint(_median(block, difference + span // 2, count, span + 1)).astype(np.int64) - span // 2
    away = np.abs(difference - middle[block])
    deviation = MAD_TO_SD * _median(block, away, count, span + 1) / np.sqrt(2)
    known = np.bincount(block, minlength=count) >= FEWEST_PAIRS
    return np.where(known, deviation, np.nan).astype(np.float32)


def _median(block: NDArray[np.int64], value: NDArray[np.int64], count: int, bins: int) -> NDArray[np.float64]:
    """Median of whole numbers in each block, each standing for what was rounded to it; 0 if there is none."""
    histogram = np.bincount(block * bins + value, minlength=count * bins).reshape(count, bins)
    below = np.cumsum(histogram, axis=1)
    half = below[:, -1] / 2
    at = np.minimum((below < half[:, None]).sum(axis=1), bins - 1)
    row = np.arange(count)
    own = np.maximum(histogram[row, at], 1)
    low = np.maximum(at - 0.5, 0.0)
    return np.asarray(low + (at + 0.5 - low) * (half - (below[row, at] - histogram[row, at])) / own)
