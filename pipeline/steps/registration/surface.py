"""The surfaces of the named bones, drawn between the voxels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import marching_cubes

from pipeline.domain.geometry import Box, Geometry, grow_box
from pipeline.domain.image import LabelMap
from pipeline.steps.grid import pool_mean, pool_steps
from pipeline.steps.naming.surface import ScanSurface, Surface
from pipeline.steps.voxels import Voxels

GRID_MM = 1.8
"""Blocks that a bone is averaged over: its surface between them is known to a tenth of one."""
SMOOTHING_MM = 1.5
"""Gaussian sigma: steps of slices and noise go, corners stay within a millimetre."""
FACE_MM = 4.0
"""Points this near to a face of the scan lie where the scan cuts the bone, and are no surface."""
MOST_POINTS = 10_000
PAIRED_POINTS = 2500
FEWEST_POINTS = 200


def surfaces_of(bones: LabelMap, names: Sequence[str]) -> dict[str, ScanSurface]:
    """Surface of each named bone that a scan shows enough of: points in LPS mm with outward normals."""
    boxes: Sequence[Any] = ndimage.find_objects(bones.values)
    found = {}
    for value, name in sorted(bones.names.items()):
        if name not in names or value > len(boxes):
            continue
        box = boxes[value - 1]
        if box is not None:
            box = grow_box(box, (1, 1, 1), bones.geometry.shape)
            found[name] = _surface(bones.values[box] == value, bones.geometry, box)
    return {name: surface for name, surface in found.items() if surface is not None}


def surface_of_all(bones: LabelMap) -> ScanSurface | None:
    """Surface of all bones together; None if the scan shows too little of it."""
    geometry = bones.geometry
    return _surface(bones.values > 0, geometry, tuple(slice(0, n) for n in geometry.shape))  # type: ignore[arg-type]


def _surface(solid: Voxels, scan: Geometry, box: Box) -> ScanSurface | None:
    """Surface of the voxels in a box of the scan; None if that is too little."""
    geometry = scan.crop(box)
    steps = pool_steps(geometry, target_mm=GRID_MM)
    geometry = geometry.coarsen(steps)
    share = np.asarray(pool_mean(solid, steps), dtype=np.float32)
    field = np.pad(ndimage.gaussian_filter(share, [SMOOTHING_MM / mm for mm in geometry.spacing_mm]), 1)
    if field.max() <= 0.5:
        return None
    index, _, slopes, _ = marching_cubes(field, 0.5)  # type: ignore[no-untyped-call]
    points = geometry.to_lps_mm(index.astype(np.float64) - 1)
    normals = (slopes / np.asarray(geometry.spacing_mm)) @ geometry.directions.T
    low, high = scan.bounds_lps_mm()
    kept = np.flatnonzero(((points > low + FACE_MM) & (points < high - FACE_MM)).all(axis=1))
    if len(kept) < FEWEST_POINTS:
        return None
    kept = kept[_evenly(len(kept), MOST_POINTS)]
    normals = normals[kept] / (np.linalg.norm(normals[kept], axis=1, keepdims=True) + 1e-9)
    return ScanSurface(Surface.of(points[kept], normals), _evenly(len(kept), PAIRED_POINTS), low, high)


def _evenly(count: int, most: int) -> NDArray[np.intp]:
    """Positions of at most so many of some points, evenly taken from their order."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.intp)
