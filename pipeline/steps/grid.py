"""Between the scan's grid and a coarser one: pooling, expanding, moving boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Box, Geometry, Index3
from pipeline.domain.image import BoxedMask, LabelMap


def pool_steps(geometry: Geometry, *, target_mm: float) -> Index3:
    """Voxels of each axis to take together so that they come to about `target_mm`."""
    k, j, i = (max(1, round(target_mm / spacing)) for spacing in geometry.spacing_mm)
    return k, j, i


def _starts(size: int, step: int) -> NDArray[np.int64]:
    return np.arange(0, size, step)


def pool_mean(values: NDArray[np.generic], steps: Index3) -> NDArray[np.float32]:
    """Mean over blocks of `steps` voxels; an incomplete block at the end counts with what it has."""
    pooled: NDArray[Any] = values
    for axis in (2, 1, 0):
        if steps[axis] > 1:
            pooled = np.add.reduceat(pooled, _starts(pooled.shape[axis], steps[axis]), axis, np.float32)
    counts = np.ones((), dtype=np.float32)
    for axis, step in enumerate(steps):
        starts = _starts(values.shape[axis], step)
        sizes = np.minimum(values.shape[axis] - starts, step).astype(np.float32)
        counts = counts * sizes.reshape([-1 if other == axis else 1 for other in range(3)])
    return np.asarray(pooled / counts, dtype=np.float32)


def pool_max(values: NDArray[np.generic], steps: Index3) -> NDArray[np.generic]:
    """Maximum over blocks of `steps` voxels."""
    pooled = values
    for axis, step in enumerate(steps):
        if step > 1:
            pooled = np.maximum.reduceat(pooled, _starts(pooled.shape[axis], step), axis)
    return pooled


def expand(values: NDArray[np.generic], steps: Index3, shape: Index3) -> NDArray[np.generic]:
    """The pooled grid's values at every voxel of the fine grid of `shape`."""
    fine = values
    for axis, (step, size) in enumerate(zip(steps, shape, strict=True)):
        if step > 1:
            fine = np.repeat(fine, step, axis=axis).take(np.arange(size), axis=axis)
    return fine


def bounding_box(voxels: NDArray[np.bool_]) -> Box | None:
    """Smallest box that holds all set voxels; None if there are none."""
    ranges = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        (found,) = np.nonzero(voxels.any(axis=others))
        if not len(found):
            return None
        ranges.append(slice(int(found[0]), int(found[-1]) + 1))
    return ranges[0], ranges[1], ranges[2]


def margin_voxels(geometry: Geometry, margin_mm: float) -> Index3:
    """Voxels along each axis that cover a distance."""
    k, j, i = (int(np.ceil(margin_mm / spacing)) for spacing in geometry.spacing_mm)
    return k, j, i


def embed_mask(mask: BoxedMask, box: Box, geometry: Geometry) -> BoxedMask:
    """A mask of a cropped grid, on the whole grid `geometry` that `box` was cut from."""
    k, j, i = (
        slice(own.start + outer.start, own.stop + outer.start)
        for own, outer in zip(mask.box, box, strict=True)
    )
    return BoxedMask(mask.voxels, (k, j, i), geometry)


def embed_labels(labels: LabelMap, box: Box, geometry: Geometry) -> LabelMap:
    """A label map of a cropped grid, on the whole grid `geometry` that `box` was cut from."""
    values = np.zeros(geometry.shape, dtype=labels.values.dtype)
    values[box] = labels.values
    values.setflags(write=False)
    return LabelMap(values, geometry, labels.names)
