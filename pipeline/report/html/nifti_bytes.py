"""A volume as the bytes of a NIfTI-1 file, for the viewer."""

from __future__ import annotations

import gzip
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry

HEADER_BYTES, DATA_OFFSET = 348, 352
DATATYPES = {np.dtype(np.uint8): (2, 8), np.dtype(np.uint16): (512, 16), np.dtype(np.int16): (4, 16)}
"""NIfTI-1 code and bits."""
MILLIMETRES = 2
SCANNER = 1
"""sform_code: scanner-based anatomical coordinates."""


def nifti_bytes(
    voxels: NDArray[Any], geometry: Geometry, *, slope: float = 1.0, intercept: float = 0.0
) -> bytes:
    """A compressed NIfTI-1 file; the same input gives the same bytes.

    Parameters
    ----------
    voxels : array [k, j, i] of uint8, uint16 or int16
    slope, intercept : float
        Value = slope × voxel + intercept.
    """
    code, bits = DATATYPES[voxels.dtype]
    k, j, i = geometry.spacing_mm
    header = bytearray(HEADER_BYTES)
    struct.pack_into("<i", header, 0, HEADER_BYTES)
    struct.pack_into("<8h", header, 40, 3, *voxels.shape[::-1], 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, code, bits)
    struct.pack_into("<8f", header, 76, 1.0, i, j, k, 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, DATA_OFFSET, slope, intercept)
    struct.pack_into("<B", header, 123, MILLIMETRES)
    struct.pack_into("<2h", header, 252, 0, SCANNER)
    struct.pack_into("<12f", header, 280, *_rows_ras(geometry))
    header[344:348] = b"n+1\0"
    data = np.ascontiguousarray(voxels, dtype=voxels.dtype.newbyteorder("<")).tobytes()
    return gzip.compress(bytes(header) + bytes(DATA_OFFSET - HEADER_BYTES) + data, compresslevel=6, mtime=0)


def _rows_ras(geometry: Geometry) -> list[float]:
    """The three rows that take (i, j, k, 1) to RAS mm."""
    matrix = geometry.affine[:3][:, [2, 1, 0, 3]].copy()
    matrix[:2] *= -1
    return [float(value) for value in matrix.ravel()]
