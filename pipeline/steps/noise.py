"""How noisy a scan is, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry, Index3
from pipeline.domain.image import CTVolume, Mask
from pipeline.steps.voxels import Index

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

    From differences between voxels a few millimetres apart along rows and columns, by their
    median absolute deviation, so that edges of organs do not count. The larger of the two
    directions stands, since streaks run along one of them.

    A block without soft tissue takes the scan's median.
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
    low, high = SOFT_TISSUE_HU
    within = (steps[1] // strides[1], steps[2] // strides[2])
    blocks = [-(-size // step) for size, step in zip(volume.geometry.shape, steps, strict=True)]
    noise = np.full(blocks, np.nan, dtype=np.float32)
    for k in range(blocks[0]):
        slab = slice(k * steps[0], (k + 1) * steps[0], strides[0])
        part = (slab, slice(None, None, strides[1]), slice(None, None, strides[2]))
        hu = np.moveaxis(volume.hu[part], axis, 0)
        soft = np.moveaxis(body.voxels[part], axis, 0) & (hu > low) & (hu < high)
        difference = np.full(hu.shape, np.nan, dtype=np.float32)
        pairs = soft[lag:] & soft[:-lag]
        difference[:-lag][pairs] = hu[lag:][pairs].astype(np.float32) - hu[:-lag][pairs]
        noise[k] = _block_deviation(np.moveaxis(difference, 0, axis), within)
    return noise


def _block_deviation(difference: NDArray[np.float32], steps: tuple[int, int]) -> NDArray[np.float32]:
    """Robust deviation over in-plane blocks of one slab of differences."""
    rows = -(-difference.shape[1] // steps[0])
    columns = -(-difference.shape[2] // steps[1])
    out = np.full((rows, columns), np.nan, dtype=np.float32)
    for row in range(rows):
        for column in range(columns):
            block = difference[
                :, row * steps[0] : (row + 1) * steps[0], column * steps[1] : (column + 1) * steps[1]
            ]
            known = block[np.isfinite(block)]
            if known.size >= FEWEST_PAIRS:
                middle = _median(known)
                out[row, column] = MAD_TO_SD * _median(np.abs(known - middle)) / np.sqrt(2)
    return out


def _median(values: NDArray[np.float32]) -> np.float32:
    """As numpy's, without what it checks for each of thousands of blocks."""
    low, high = (len(values) - 1) // 2, len(values) // 2
    parted = np.partition(values, (low, high))
    return np.float32((parted[low] + parted[high]) / 2)
