"""Between the scan's grid and a coarser one: pooling, expanding, moving boxes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Box, Float3, Geometry, Index3
from pipeline.domain.image import BoxedMask, LabelMap

LARGE_VOXELS = 2_000_000
"""Smaller grids are pooled as quickly by one thread."""


def pool_steps(geometry: Geometry, *, target_mm: float) -> Index3:
    """Voxels of each axis to take together so that they come to about `target_mm`."""
    k, j, i = (max(1, round(target_mm / spacing)) for spacing in geometry.spacing_mm)
    return k, j, i


def _offsets(steps: Index3) -> list[Index3]:
    """Places within a block."""
    return [(k, j, i) for k, j, i in product(*(range(step) for step in steps))]


def _leading(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    return values[: shape[0], : shape[1], : shape[2]]


def _in_halves(
    pool: Callable[[NDArray[Any], Index3], NDArray[Any]], values: NDArray[Any], steps: Index3
) -> NDArray[Any]:
    """Pool a large grid in two halves side by side, parted between blocks."""
    middle = values.shape[0] // 2 // steps[0] * steps[0]
    if values.size < LARGE_VOXELS or middle == 0:
        return pool(values, steps)
    with ThreadPoolExecutor(max_workers=2) as threads:
        return np.concatenate(list(threads.map(pool, (values[:middle], values[middle:]), (steps, steps))))


def pool_mean(values: NDArray[Any], steps: Index3) -> NDArray[np.float32]:
    """Mean over blocks of `steps` voxels; an incomplete block at the end counts with what it has."""
    return _in_halves(_pool_mean, values, steps)


def _pool_mean(values: NDArray[Any], steps: Index3) -> NDArray[np.float32]:
    exact = np.int32 if values.dtype.kind in "biu" else np.float32
    total = _reduced(np.add, values, steps, exact).astype(np.float32)
    if steps == (1, 1, 1):
        return total
    filled = [_filled(size, step) for size, step in zip(values.shape, steps, strict=True)]
    total /= np.einsum("k,j,i->kji", *filled)
    return total


def _filled(size: int, step: int) -> NDArray[np.float32]:
    """Voxels in each block along an axis."""
    return np.minimum(np.arange(size, 0, -step), step).astype(np.float32)


def pool_max(values: NDArray[Any], steps: Index3) -> NDArray[Any]:
    """Maximum over blocks of `steps` voxels; the values themselves where a block is one voxel."""
    return values if steps == (1, 1, 1) else _in_halves(_pool_max, values, steps)


def _pool_max(values: NDArray[Any], steps: Index3) -> NDArray[Any]:
    return _reduced(np.maximum, values, steps, values.dtype.type)


def _reduced(combine: np.ufunc, values: NDArray[Any], steps: Index3, dtype: type[np.generic]) -> NDArray[Any]:
    """Blocks taken together axis by axis, the slowest first, so that long rows are read as they lie."""
    for axis, step in enumerate(steps):
        whole = np.moveaxis(values, axis, 0)
        if step == 1:
            continue
        taken = whole[::step].astype(dtype)
        for n in range(1, step):
            part = whole[n::step]
            combine(taken[: len(part)], part, out=taken[: len(part)], dtype=dtype)
        values = np.moveaxis(taken, 0, axis)
    return values.astype(dtype, copy=values.base is not None)


def sample(values: NDArray[Any], steps: Index3) -> NDArray[Any]:
    """The voxel in the middle of each block, as a view; the last one where a block is short."""
    k, j, i = (
        slice(min(step // 2, (size - 1) % step), None, step)
        for step, size in zip(steps, values.shape, strict=True)
    )
    return values[k, j, i]


def expand(values: NDArray[Any], steps: Index3, shape: Index3) -> NDArray[Any]:
    """The pooled grid's values at every voxel of the fine grid of `shape`."""
    rows = np.empty((*values.shape[:2], shape[2]), dtype=values.dtype)
    for offset in range(min(steps[2], shape[2])):
        part = rows[:, :, offset :: steps[2]]
        part[...] = values[:, :, : part.shape[2]]
    fine = np.empty(shape, dtype=values.dtype)
    for k, j, _ in _offsets((steps[0], steps[1], 1)):
        part = fine[k :: steps[0], j :: steps[1]]
        part[...] = _leading(rows, part.shape)
    return fine


def fine_box(box: Box, steps: Index3, shape: Index3) -> Box:
    """The voxels of the fine grid of `shape` that a box of blocks stands for."""
    k, j, i = (
        slice(s.start * step, min(s.stop * step, size))
        for s, step, size in zip(box, steps, shape, strict=True)
    )
    return k, j, i


def bounding_box(voxels: NDArray[np.bool_]) -> Box | None:
    """Smallest box that holds all set voxels; None if there are none."""
    slices = np.flatnonzero(voxels.any(axis=(1, 2)))
    if not len(slices):
        return None
    k = slice(int(slices[0]), int(slices[-1]) + 1)
    flat = np.bitwise_or.reduce(voxels[k].view(np.uint8), axis=0)
    rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    return k, slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def margin_voxels(spacing_mm: Float3, margin_mm: float) -> Index3:
    """Voxels along each axis that cover a distance."""
    k, j, i = (int(np.ceil(margin_mm / spacing)) for spacing in spacing_mm)
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
