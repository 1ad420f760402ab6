"""The header of a NIfTI file, checked before anything is read for it (nifti1.h, nifti2.h).

The NIfTI library mends in silence what is contradictory, missing or cut; a measurement must not.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipeline.dicom.stack import PIXEL_RANGE_MM
from pipeline.errors import GeometryError, InputRefused

HEADER_BYTES = {1: 348, 2: 540}
LEAST_START = {1: 352, 2: 544}
"""Values start here at the earliest: after the header and four bytes that name extensions."""

MAGIC = {1: (b"n+1\0",), 2: (b"n+2\0\r\n\032\n",)}
STORED = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
"""Codes of ``datatype`` that hold one real number for each voxel."""

UNIT_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Codes of ``xyzt_units``: unknown (millimetres by custom), metre, millimetre, micrometre."""

LENGTH_TOLERANCE = 3e-4
"""Largest difference of a step from the spacing, as a part of it: 0.1 % of a volume on three axes."""
DIRECTION_TOLERANCE = 1e-3
"""Largest difference of the two orientations, as a part of the spacing: quaternions are rounded."""
PLACE_TOLERANCE_MM = 0.1

SLOPE_RANGE = (1e-6, 1e6)
INTERCEPT_LIMIT = 20_000.0
"""Beyond these a scale is damage: HU are of the order of the stored numbers."""

MAX_VOXELS = 2**30
MAX_VOLUME_BYTES = 2**32
"""As in the DICOM reader; values of 64 bits are read up to half of it."""

CHUNK_BYTES = 2**24


@dataclass(frozen=True, slots=True)
class NiftiHeader:
    """What the header says, in its own units."""

    version: int
    magic: bytes
    stored: np.dtype[np.generic] | None  #: None where it is not one real number for each voxel
    bits: int
    sizes: tuple[int, ...]
    start: float
    scale: tuple[float, float]  #: slope, intercept
    unit: int
    pixdim: tuple[float, ...]
    codes: tuple[int, int]  #: of qform and sform; 0 where there is none
    quaternion: tuple[float, ...]  #: b, c, d, then the offset
    rows: tuple[float, ...]  #: of the sform, row by row

    @property
    def count(self) -> int:
        """Number of values."""
        return math.prod(max(1, size) for size in self.sizes)


def check_nifti(path: Path) -> None:
    """Refuse a file whose geometry, scale or length cannot be trusted.

    Raises
    ------
    InputRefused
        UNREADABLE, NOT_A_VOLUME, RESOURCE_LIMIT, HU_IMPLAUSIBLE, TRUNCATED.
    GeometryError
        BAD_GEOMETRY.
    """
    try:
        with _open(path) as file:
            header = _read_header(file)
        _check_form(header)
        _check_scale(header)
        _check_geometry(header)
        with _open(path) as file:
            _check_values(file, header)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise InputRefused("UNREADABLE", "the file cannot be read as NIfTI") from error


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def _read_header(file: BinaryIO) -> NiftiHeader:
    """Of NIfTI-1 or 2; the header's own length tells which, and the byte order."""
    data = file.read(HEADER_BYTES[2])
    for version, size in HEADER_BYTES.items():
        for order in "<>":
            if len(data) >= size and struct.unpack_from(order + "i", data)[0] == size:
                return _first(data, order) if version == 1 else _second(data, order)
    raise InputRefused("UNREADABLE", "the file is not NIfTI or ends inside its header")


def _first(data: bytes, order: str) -> NiftiHeader:
    def at(offset: int, form: str) -> tuple[float, ...]:
        return struct.unpack_from(order + form, data, offset)

    return NiftiHeader(
        version=1,
        magic=data[344:348],
        stored=_dtype(int(at(70, "h")[0]), order),
        bits=int(at(72, "h")[0]),
        sizes=_sizes(at(40, "8h")),
        start=at(108, "f")[0],
        scale=(at(112, "f")[0], at(116, "f")[0]),
        unit=data[123] & 7,
        pixdim=at(76, "8f")[:4],
        codes=(int(at(252, "h")[0]), int(at(254, "h")[0])),
        quaternion=at(256, "6f"),
        rows=at(280, "12f"),
    )


def _second(data: bytes, order: str) -> NiftiHeader:
    def at(offset: int, form: str) -> tuple[float, ...]:
        return struct.unpack_from(order + form, data, offset)

    return NiftiHeader(
        version=2,
        magic=data[4:12],
        stored=_dtype(int(at(12, "h")[0]), order),
        bits=int(at(14, "h")[0]),
        sizes=_sizes(at(16, "8q")),
        start=at(168, "q")[0],
        scale=(at(176, "d")[0], at(184, "d")[0]),
        unit=int(at(500, "i")[0]) & 7,
        pixdim=at(104, "8d")[:4],
        codes=(int(at(344, "i")[0]), int(at(348, "i")[0])),
        quaternion=at(352, "6d"),
        rows=at(400, "12d"),
    )


def _dtype(code: int, order: str) -> np.dtype[np.generic] | None:
    return np.dtype(order + STORED[code]) if code in STORED else None


def _sizes(dim: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(int(size) for size in dim[1 : 1 + int(dim[0])]) if 1 <= dim[0] <= 7 else ()


def _check_form(header: NiftiHeader) -> None:
    """Refuse what is no single volume of real numbers, before anything is allocated for it."""
    if header.magic not in MAGIC[header.version]:
        raise InputRefused("UNREADABLE", "expected one file of header and values, found another kind")
    if header.stored is None:
        raise InputRefused("NOT_A_VOLUME", "expected one real number for each voxel, found another type")
    if header.bits != 8 * header.stored.itemsize:
        raise InputRefused("UNREADABLE", "the header contradicts itself on the size of a value")
    if len(header.sizes) < 3 or any(size > 1 for size in header.sizes[3:]):
        raise InputRefused("NOT_A_VOLUME", f"expected 3 axes, found sizes {header.sizes}")
    if any(size < 1 for size in header.sizes):
        raise InputRefused("NOT_A_VOLUME", f"expected positive sizes, found {header.sizes}")
    if header.count > MAX_VOXELS or header.count * header.stored.itemsize > MAX_VOLUME_BYTES:
        raise InputRefused(
            "RESOURCE_LIMIT", f"{header.count / 2**20:.0f} million voxels are beyond what is read"
        )
    if not math.isfinite(header.start) or header.start < LEAST_START[header.version]:
        raise InputRefused("UNREADABLE", "the header names no place for the values")


def _check_scale(header: NiftiHeader) -> None:
    """Refuse a scale that the NIfTI library would leave out; 0, and NaN by custom, stand for none."""
    slope, intercept = header.scale
    if (slope == 0 and intercept == 0) or math.isnan(slope):
        return
    if not (SLOPE_RANGE[0] <= abs(slope) <= SLOPE_RANGE[1] and abs(intercept) <= INTERCEPT_LIMIT):
        raise InputRefused("HU_IMPLAUSIBLE", f"expected the scale of a CT, found {slope:g} and {intercept:g}")


def _check_geometry(header: NiftiHeader) -> None:
    """Refuse spacing and orientations that are malformed or contradict each other."""
    quaternion_code, sform_code = header.codes
    if quaternion_code <= 0 and sform_code <= 0:
        raise GeometryError("the file names no orientation: neither sform nor qform")
    unit = UNIT_MM.get(header.unit, math.nan)
    spacing = np.array(header.pixdim[1:]) * unit
    low, high = PIXEL_RANGE_MM
    if not np.isfinite(spacing).all() or spacing.min() < low or spacing.max() > high:
        raise GeometryError(f"expected voxels from {low} to {high:g} mm, found {spacing.tolist()} mm")
    named = [_affine_of_sform(header) * unit] if sform_code > 0 else []
    named += [_affine_of_quaternion(header) * unit] if quaternion_code > 0 else []
    for affine in named:
        _check_affine(affine, spacing)
    if len(named) == 2:
        _check_alike(named[0], named[1], spacing)


def _check_affine(affine: NDArray[np.float64], spacing: NDArray[np.float64]) -> None:
    if not np.isfinite(affine).all():
        raise GeometryError("an orientation holds values that are not finite")
    lengths = np.linalg.norm(affine[:, :3], axis=0)
    if (np.abs(lengths - spacing) > LENGTH_TOLERANCE * spacing).any():
        raise GeometryError(
            f"an orientation steps by {lengths.round(4).tolist()} mm, the spacing is {spacing.tolist()}"
        )


def _check_alike(one: NDArray[np.float64], other: NDArray[np.float64], spacing: NDArray[np.float64]) -> None:
    difference = np.abs(one - other)
    if difference[:, :3].max() > DIRECTION_TOLERANCE * spacing.max():
        raise GeometryError("sform and qform name different orientations")
    if difference[:, 3].max() > PLACE_TOLERANCE_MM:
        raise GeometryError("sform and qform name different places")


def _affine_of_sform(header: NiftiHeader) -> NDArray[np.float64]:
    return np.array(header.rows, dtype=np.float64).reshape(3, 4)


def _affine_of_quaternion(header: NiftiHeader) -> NDArray[np.float64]:
    """Rotation, spacing and offset of a quaternion whose first part is left out (nifti1.h, method 2)."""
    b, c, d = header.quaternion[:3]
    square = b * b + c * c + d * d
    if not square <= 1 + DIRECTION_TOLERANCE:
        raise GeometryError("the qform is no rotation")
    a = math.sqrt(max(0.0, 1 - square))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    handed = -1.0 if header.pixdim[0] < 0 else 1.0
    steps = np.array(header.pixdim[1:]) * (1.0, 1.0, handed)
    return np.column_stack([rotation * steps, header.quaternion[3:]])


def _check_values(file: BinaryIO, header: NiftiHeader) -> None:
    """Refuse values that are cut or not finite: the NIfTI library would make them 0 HU, which is water."""
    if header.stored is None:
        raise InputRefused("NOT_A_VOLUME", "expected one real number for each voxel, found another type")
    skip = int(header.start)
    left = header.count * header.stored.itemsize
    while skip > 0 and (part := file.read(min(skip, CHUNK_BYTES))):
        skip -= len(part)
    while left > 0 and (part := file.read(min(left, CHUNK_BYTES))):
        left -= len(part)
        if header.stored.kind == "f":
            values = np.frombuffer(part, dtype=header.stored, count=len(part) // header.stored.itemsize)
            if not np.isfinite(values).all():
                raise InputRefused("HU_IMPLAUSIBLE", "the volume holds values that are not finite")
    if skip > 0 or left > 0:
        raise InputRefused("TRUNCATED", f"the file ends {left} bytes before its values do")
    if file.read(1):
        raise InputRefused("TRUNCATED", f"the file holds more than the {header.count} values it names")
