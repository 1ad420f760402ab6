"""Stored numbers of one slice, as they are in the file: lengths checked, spare bits removed."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipeline.dicom.codecs import COMPRESSED, EITHER, is_irreversible
from pipeline.dicom.decoders import decode_frame
from pipeline.dicom.elements import UNDEFINED_LENGTH
from pipeline.dicom.encapsulated import read_frame
from pipeline.dicom.headers import PixelFormat, SliceHeader
from pipeline.dicom.parse import (
    DEFLATED,
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    inflate,
    uid_name,
)
from pipeline.errors import InputRefused

Stored = NDArray[np.int16] | NDArray[np.uint16]
"""(rows, columns), the numbers as they are in the file."""

NATIVE = (IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN, DEFLATED)

MAX_PIXELS = 2**24
"""4096 x 4096, four times the largest matrix of a CT scanner in each direction."""

MAX_VOXELS = 2**30
"""4096 slices of 512 x 512, or 2 GB."""


OTHER_QUANTITIES = ("OD", "PCT", "Z_EFF", "ED", "EDW", "MGML")
"""Rescale types (PS3.3 C.11.1.1.2) that are no HU: optical density, atomic number, electron density, …"""


def check_size(headers: Sequence[SliceHeader]) -> None:
    """Refuse a matrix or a series that no scanner makes, before anything is allocated for it.

    Raises
    ------
    InputRefused
        RESOURCE_LIMIT.
    """
    total = 0
    for header in headers:
        rows, columns = header.grid.rows or 0, header.grid.columns or 0
        total += rows * columns
        if rows * columns > MAX_PIXELS:
            raise InputRefused("RESOURCE_LIMIT", f"a slice of {rows} x {columns} pixels is beyond any CT")
    if total > MAX_VOXELS:
        raise InputRefused("RESOURCE_LIMIT", f"{total / 2**20:.0f} million voxels are beyond what is read")


def check_format(pixels: PixelFormat, *, multi_frame: bool = False) -> None:
    """Refuse pixels that are not the 12 to 16 bit grey values of a CT (PS3.3 C.8.2.1).

    Raises
    ------
    InputRefused
        UNSUPPORTED_CODEC, NOT_CT_HU, TRUNCATED.
    """
    syntax = pixels.transfer_syntax_uid
    if syntax not in NATIVE and syntax not in COMPRESSED:
        raise InputRefused("UNSUPPORTED_CODEC", f"no decoder for the transfer syntax {uid_name(syntax)}")
    if pixels.samples != 1 or pixels.photometric != "MONOCHROME2":
        raise InputRefused(
            "NOT_CT_HU", "expected one sample per pixel as MONOCHROME2, found colour or inverted grey"
        )
    if pixels.has_modality_lut:
        raise InputRefused("NOT_CT_HU", "expected rescale slope and intercept, found a modality lookup table")
    if pixels.rescale_type in OTHER_QUANTITIES:
        raise InputRefused("NOT_CT_HU", f"expected HU, found the rescale type {pixels.rescale_type}")
    if not pixels.says_sign:
        raise InputRefused("NOT_CT_HU", "whether the stored numbers have a sign is not said")
    stored, high = pixels.bits_stored, pixels.high_bit
    if pixels.bits_allocated != 16 or stored is None or not 12 <= stored <= 16 or high is None:
        found = f"{stored} of {pixels.bits_allocated}"
        raise InputRefused("NOT_CT_HU", f"expected 12 to 16 bits stored of 16, found {found}")
    if not stored - 1 <= high <= 15:
        raise InputRefused("NOT_CT_HU", f"high bit {high} does not fit {stored} bits stored")
    if pixels.frames != 1 and not multi_frame:
        raise InputRefused("TRUNCATED", f"expected one frame in a CT image, found {pixels.frames}")


def read_stored(stream: BinaryIO, header: SliceHeader) -> Stored:
    """Read the stored numbers of a slice whose format was checked.

    Returns
    -------
    ndarray
        (rows, columns), int16 or uint16 as the header says, unused bits removed.

    Raises
    ------
    InputRefused
        TRUNCATED, DECODER_FAILED.
    """
    syntax = header.pixels.transfer_syntax_uid
    body: BinaryIO = inflate(stream) if syntax == DEFLATED else stream
    body.seek(header.pixel_offset)
    length = _pixel_length(body, syntax)
    rows, columns = header.grid.rows or 0, header.grid.columns or 0
    if syntax in NATIVE:
        values = _native(body, length, rows * columns, header)
    else:
        if length != UNDEFINED_LENGTH:
            raise InputRefused(
                "TRUNCATED", "expected encapsulated pixels of a compressed syntax, found plain ones"
            )
        frame = read_frame(body, header.frame, header.pixels.frames)
        values = decode_frame(frame, (rows, columns), header.pixels).ravel()
    return _without_unused_bits(values, header.pixels).reshape(rows, columns)


def is_lossy(stream: BinaryIO, header: SliceHeader) -> bool:
    """Whether the codestream of a slice in a syntax that may be either was made with loss.

    Raises
    ------
    InputRefused
        TRUNCATED.
    """
    syntax = header.pixels.transfer_syntax_uid
    if syntax not in EITHER:
        return False
    stream.seek(header.pixel_offset)
    _pixel_length(stream, syntax)
    return is_irreversible(read_frame(stream, header.frame, header.pixels.frames))


def _pixel_length(body: BinaryIO, syntax: str) -> int:
    """Length of the pixel data's value; the stream is left at its start."""
    order = ">" if syntax == EXPLICIT_BIG_ENDIAN else "<"
    head = body.read(8)
    if len(head) < 8:
        raise InputRefused("TRUNCATED", "an image has no pixel data")
    group, element, length = struct.unpack(order + "HHI", head)
    if (group, element) != (0x7FE0, 0x0010):
        raise InputRefused("NOT_CT_HU", "expected integer pixel data, found floating-point ones")
    if syntax == IMPLICIT_LITTLE_ENDIAN:
        return int(length)
    rest = body.read(4)
    if len(rest) < 4:
        raise InputRefused("TRUNCATED", "an image ends before its pixel data")
    return int(struct.unpack(order + "I", rest)[0])


def _native(body: BinaryIO, length: int, count: int, header: SliceHeader) -> NDArray[np.uint16]:
    size, pixels = 2 * count, header.pixels
    expected = size * pixels.frames
    if length != expected:
        raise InputRefused("TRUNCATED", f"expected {expected} bytes of pixel data, the header names {length}")
    body.seek(size * header.frame, os.SEEK_CUR)
    data = bytearray(size)
    if body.readinto(data) != size:  # type: ignore[attr-defined]
        raise InputRefused("TRUNCATED", f"expected {expected} bytes of pixel data, the file ends before")
    order = ">" if pixels.transfer_syntax_uid == EXPLICIT_BIG_ENDIAN else "<"
    return np.frombuffer(data, dtype=order + "u2").astype(np.uint16, copy=False)


def _without_unused_bits(values: NDArray[np.uint16], pixels: PixelFormat) -> Stored:
    """Shift out what is not pixel value (overlays lived there), and carry the sign."""
    stored, high = pixels.bits_stored or 16, pixels.high_bit or 15
    typed = values.view(np.int16) if pixels.signed else values
    if stored == 16:
        return typed
    return np.right_shift(np.left_shift(typed, 15 - high), 16 - stored)
