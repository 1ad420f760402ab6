"""Surfaces for the view in three dimensions, in the format MZ3 of Surfice, which niivue reads."""

from __future__ import annotations

import gzip
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import marching_cubes

from pipeline.domain.geometry import Geometry

MZ3_MAGIC = 0x5A4D
HAS_FACES, HAS_VERTICES = 1, 2
BONE_SPACING_MM = 3.0
SMOOTH_VOXELS = 0.6


def surface(inside: NDArray[Any], geometry: Geometry, *, spacing_mm: float) -> bytes | None:
    """The surface of a mask as a compressed MZ3 file in RAS mm; None if the mask is empty.

    For looking at: it is smoothed, and nothing is measured on it.
    """
    if not inside.any():
        return None
    steps = [max(1, round(spacing_mm / one)) for one in geometry.spacing_mm]
    coarse = _coarse(inside, steps)
    field = ndimage.gaussian_filter(np.pad(coarse, 2), SMOOTH_VOXELS)
    level = min(0.5, 0.6 * float(field.max()))
    vertices, faces, _, _ = marching_cubes(field, level)  # type: ignore[no-untyped-call]
    index = (vertices - 2 + 0.5) * steps - 0.5
    points = geometry.to_lps_mm(index)
    points[:, :2] *= -1
    return _mz3(points, faces)


def _coarse(inside: NDArray[Any], steps: list[int]) -> NDArray[np.float32]:
    """Share of each block that is inside."""
    pad = [(0, -n % s) for n, s in zip(inside.shape, steps, strict=True)]
    full = np.pad(inside, pad)
    shape = [part for n, s in zip(full.shape, steps, strict=True) for part in (n // s, s)]
    return np.asarray(full.reshape(shape).mean((1, 3, 5)), dtype=np.float32)


def _mz3(points: NDArray[np.float64], faces: NDArray[Any]) -> bytes:
    header = struct.pack("<HHIII", MZ3_MAGIC, HAS_FACES | HAS_VERTICES, len(faces), len(points), 0)
    data = header + faces.astype("<i4").tobytes() + points.astype("<f4").tobytes()
    return gzip.compress(data, compresslevel=6, mtime=0)
