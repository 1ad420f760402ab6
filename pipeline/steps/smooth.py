"""The scan lightly smoothed, and how noisy it is where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.geometry import Index3
from pipeline.domain.image import CTVolume, Mask

SOFT_TISSUE_HU = (-150, 150)
"""Fat, muscle and organs: where noise can be told from structure."""
NOISE_BLOCK_MM = 16.0
"""Noise is estimated in blocks of this size: streaks are local."""
NOISE_LAG_MM = 3.0
"""Two voxels this far apart have independent noise; CT noise is correlated over 1 to 2 mm."""
NOISE_SLICE_MM = 3.0
"""Thinner slices are not all looked at."""
FEWEST_PAIRS = 40
"""Blocks with fewer soft-tissue pairs take the scan's own figure."""
MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


def smooth_volume(volume: CTVolume, *, sigma_mm: float) -> CTVolume:
    """Gaussian smoothing in plane and across slices, kept as int16 or float32 like the input.

    Never more than 0.4 of a voxel's own size along an axis, so that thick slices are not mixed.
    """
    sigma = [min(sigma_mm / spacing, 0.4) for spacing in volume.geometry.spacing_mm]
    hu = ndimage.gaussian_filter(volume.hu, sigma, mode="nearest", truncate=3.0)
    hu.setflags(write=False)
    return CTVolume(hu, volume.geometry)


def local_noise_hu(volume: CTVolume, body: Mask) -> tuple[NDArray[np.float32], Index3]:
    """Standard deviation of the noise in soft tissue, block by block.

    From differences between voxels a few millimetres apart along rows and columns, by their
    median absolute deviation, so that edges of organs do not count. The larger of the two
    directions stands, since streaks run along one of them.

    Returns
    -------
    noise_hu : ndarray
        float32, one value for each block; the scan's median where a block has no soft tissue;
        NaN throughout where the whole scan has none.
    steps : tuple of int
        Voxels of a block along k, j, i.
    """
    k, j, i = (max(1, round(NOISE_BLOCK_MM / spacing)) for spacing in volume.geometry.spacing_mm)
    steps = (k, j, i)
    noise = np.fmax(_lagged_noise(volume, body, steps, axis=1), _lagged_noise(volume, body, steps, axis=2))
    known = noise[np.isfinite(noise)]
    if known.size:
        noise[~np.isfinite(noise)] = np.median(known)
    return noise, steps


def noise_at_hu(
    noise_hu: NDArray[np.float32], steps: Index3, index_kji: tuple[NDArray[np.int64], ...]
) -> NDArray[np.float32]:
    """Block noise at some voxels, given by their indices along k, j, i."""
    k, j, i = (index // step for index, step in zip(index_kji, steps, strict=True))
    return noise_hu[k, j, i]


def _lagged_noise(volume: CTVolume, body: Mask, steps: Index3, *, axis: int) -> NDArray[np.float32]:
    lag = max(2, round(NOISE_LAG_MM / volume.geometry.spacing_mm[axis]))
    stride = max(1, round(NOISE_SLICE_MM / volume.geometry.spacing_mm[0]))
    low, high = SOFT_TISSUE_HU
    blocks = [-(-size // step) for size, step in zip(volume.geometry.shape, steps, strict=True)]
    noise = np.full(blocks, np.nan, dtype=np.float32)
    for k in range(blocks[0]):
        part = (slice(k * steps[0], (k + 1) * steps[0], stride), slice(None), slice(None))
        hu = np.moveaxis(volume.hu[part], axis, 0)
        soft = np.moveaxis(body.voxels[part], axis, 0) & (hu > low) & (hu < high)
        difference = np.full(hu.shape, np.nan, dtype=np.float32)
        pairs = soft[lag:] & soft[:-lag]
        difference[:-lag][pairs] = hu[lag:][pairs].astype(np.float32) - hu[:-lag][pairs]
        noise[k] = _block_deviation(np.moveaxis(difference, 0, axis), steps)
    return noise


def _block_deviation(difference: NDArray[np.float32], steps: Index3) -> NDArray[np.float32]:
    """Robust deviation over in-plane blocks of one slab of differences."""
    rows = -(-difference.shape[1] // steps[1])
    columns = -(-difference.shape[2] // steps[2])
    out = np.full((rows, columns), np.nan, dtype=np.float32)
    for row in range(rows):
        for column in range(columns):
            block = difference[
                :, row * steps[1] : (row + 1) * steps[1], column * steps[2] : (column + 1) * steps[2]
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
