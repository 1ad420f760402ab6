"""How noisy a scan is, and where."""

from __future__ import annotations

import math
from collections.abc import Callable
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
APART_MM = 2.0
"""Slices nearer than this are not independent, however thin they are;"""
LEAST_SHARE = 0.5
"""nor are those of a scan where they differ by less than this share of what differs within them."""
MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


_Pairs = tuple[HU, HU, Voxels]
"""[k, j, i], HU here and there, and where both are the patient."""


@dataclass(frozen=True, eq=False, slots=True)
class LocalNoise:
    """Standard deviation of the noise in soft tissue, block by block."""

    block_hu: NDArray[np.float32]  #: NaN throughout where the scan shows no soft tissue
    within_hu: NDArray[np.float32]  #: the same within slices alone: noise, and borders between tissues
    steps: Index3  #: voxels of a block along k, j, i

    def at_hu(self, index: Index, clear: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
        """At some voxels; with the borders between tissues where they are not clear of other things."""
        k, j, i = (axis // step for axis, step in zip(index, self.steps, strict=True))
        noise = self.block_hu[k, j, i]
        return noise if clear is None else np.where(clear, noise, self.within_hu[k, j, i])

    @property
    def median_hu(self) -> float | None:
        """Within slices, over the scan; None where it is unknown."""
        known = self.within_hu[np.isfinite(self.within_hu)]
        return float(np.median(known)) if known.size else None


def local_noise(volume: CTVolume, body: Mask, slice_thickness_mm: float | None = None) -> LocalNoise:
    """Standard deviation of the noise in soft tissue, block by block.

    From differences between voxels a few millimetres apart, by their median absolute deviation, so that
    edges of organs do not count. Along rows and columns the larger of the two stands, since streaks run
    along one of them. Between muscles and the fat in them most pairs straddle a border, which is no noise;
    such borders go on from slice to slice, so the difference between slices stands where it is less; not on
    a scan resampled to coarse pixels, where borders are as wide as what is looked for.
    A block without soft tissue takes the scan's median.

    Parameters
    ----------
    slice_thickness_mm : float, optional
        Slices nearer to each other than this share their noise; their spacing if not given.
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
    if max(volume.geometry.spacing_mm[1:]) > NOISE_PIXEL_MM:
        return LocalNoise(noise, noise, (k, j, i))
    lag = _slices_apart(volume.geometry, slice_thickness_mm)
    between = _noise_between_slices(volume, body, (k, j, i), strides, lag=lag)
    told = between[np.isfinite(between)]
    independent = told.size and known.size and np.median(told) >= LEAST_SHARE * np.median(known)
    return LocalNoise(np.fmin(noise, between) if independent else noise, noise, (k, j, i))


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
    """By block, between voxels a few millimetres apart along an axis of the slices."""
    stride = strides[axis]
    lag = max(2 if stride == 1 else 1, round(NOISE_LAG_MM / volume.geometry.spacing_mm[axis] / stride))
    here, there = [slice(None)] * 3, [slice(None)] * 3
    here[axis], there[axis] = slice(None, -lag), slice(lag, None)

    def pairs(slab: slice) -> _Pairs:
        part = (slab, slice(None, None, strides[1]), slice(None, None, strides[2]))
        hu, inside = volume.hu[part], body.voxels[part]
        return hu[tuple(here)], hu[tuple(there)], inside[tuple(here)] & inside[tuple(there)]

    return _by_block(pairs, volume.geometry.shape, steps, strides)


def _noise_between_slices(
    volume: CTVolume, body: Mask, steps: Index3, strides: Index3, *, lag: int
) -> NDArray[np.float32]:
    """By block, between each slice and one further up; at the top between it and one further down."""
    depth = volume.geometry.shape[0]
    if depth < 2 * lag:
        return np.full(_blocks(volume.geometry.shape, steps), np.nan, dtype=np.float32)

    def pairs(slab: slice) -> _Pairs:
        own = np.arange(depth)[slab]
        other = np.where(own + lag < depth, own + lag, own - lag)
        rows, columns = slice(None, None, strides[1]), slice(None, None, strides[2])
        hu, inside = volume.hu[:, rows, columns], body.voxels[:, rows, columns]
        return hu[own], hu[other], inside[own] & inside[other]

    return _by_block(pairs, volume.geometry.shape, steps, strides)


def _slices_apart(geometry: Geometry, slice_thickness_mm: float | None) -> int:
    """How many slices apart noise is independent."""
    apart_mm = max(slice_thickness_mm or 0.0, APART_MM)
    return max(1, math.ceil(apart_mm / geometry.spacing_mm[0] - 1e-3))


def _blocks(shape: Index3, steps: Index3) -> tuple[int, ...]:
    return tuple(-(-size // step) for size, step in zip(shape, steps, strict=True))


def _by_block(
    pairs: Callable[[slice], _Pairs], shape: Index3, steps: Index3, strides: Index3
) -> NDArray[np.float32]:
    """Standard deviation in each block of what pairs say of a slab of slices."""
    within = (steps[1] // strides[1], steps[2] // strides[2])
    depth, rows, columns = _blocks(shape, steps)
    noise = np.full((depth, rows, columns), np.nan, dtype=np.float32)
    for k in range(depth):
        found = pairs(slice(k * steps[0], (k + 1) * steps[0], strides[0]))
        noise[k] = _deviation(*_soft_pairs(*found, within, columns), rows * columns).reshape(rows, columns)
    return noise


def _soft_pairs(
    here: HU, there: HU, inside: Voxels, within: tuple[int, int], columns: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of soft-tissue voxels: the number of the block, and the difference in whole HU."""
    low, high = SOFT_TISSUE_HU
    soft = inside & (here > low) & (here < high) & (there > low) & (there < high)
    _, row, column = np.unravel_index(np.flatnonzero(soft), soft.shape)
    difference = there[soft].astype(np.float32) - here[soft]
    return row // within[0] * columns + column // within[1], np.rint(difference).astype(np.int64)


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
