"""Compressed frames to stored numbers, each syntax by the one decoder named for it.

Runs in a child process only (see `decoders`): the libraries below are written in C, and a
damaged frame makes some of them crash, loop or ask for any amount of memory.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

JPEG_2000 = tuple(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203))
"""JPEG 2000 and HTJ2K, lossless or not: decoded by openjpeg."""

RLE = "1.2.840.10008.1.2.5"

PLUGINS = {
    RLE: "pydicom",
    "1.2.840.10008.1.2.4.50": "gdcm",  # JPEG baseline: holds 8 bits, so that its format is refused
    "1.2.840.10008.1.2.4.57": "gdcm",  # JPEG lossless
    "1.2.840.10008.1.2.4.70": "gdcm",  # JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.80": "pyjpegls",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.81": "pyjpegls",  # JPEG-LS near-lossless
}
"""Transfer syntax → pydicom plugin; another one is never tried instead."""

COMPRESSED = (*JPEG_2000, *PLUGINS)

LOSSY = tuple(f"1.2.840.10008.1.2.4.{n}" for n in (50, 81))
"""Syntaxes that are never lossless; JPEG 2000 (91) and HTJ2K (203) may be either (PS3.5 A.4)."""

SIZ_MARKER = b"\xff\x4f\xff\x51"
"""Start of a JPEG 2000 codestream and of its size (ISO 15444-1 A.5.1)."""

COD_MARKER = b"\xff\x52\x00"
"""Start of how it is coded; its length is below 256 without precincts of many sizes."""

EITHER = tuple(f"1.2.840.10008.1.2.4.{n}" for n in (91, 203))
"""Syntaxes that are lossless or not as the codestream says."""

JPEG_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
"""Markers that give the size of a JPEG (ISO 10918-1 B.1.1.3) or JPEG-LS image (ISO 14495-1 C.1.1)."""


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """What a header says about one compressed frame."""

    transfer_syntax_uid: str
    rows: int
    columns: int
    bits_stored: int
    signed: bool


def decode(frame: bytes, form: FrameFormat) -> NDArray[np.uint16]:
    """Decode one frame of a syntax in `COMPRESSED`.

    Returns
    -------
    ndarray
        (rows, columns): the 16 bits of each stored number, whatever their sign.

    Raises
    ------
    ValueError
        If the frame holds another image than the header says.
    Exception
        Whatever a decoder raises on a damaged frame.
    """
    shape = (form.rows, form.columns)
    if form.transfer_syntax_uid != RLE and codestream_shape(frame, form.transfer_syntax_uid) != shape:
        raise ValueError("the codestream is of another size than the header")
    openjpeg = form.transfer_syntax_uid in JPEG_2000
    array = _openjpeg(frame, form) if openjpeg else _plugin(frame, form)
    if array.shape != shape or array.dtype.itemsize != 2:
        raise ValueError("another size or depth than the header")
    return np.ascontiguousarray(array).view(np.uint16)


def codestream_shape(frame: bytes, transfer_syntax_uid: str) -> tuple[int, int] | None:
    """Rows and columns that a codestream claims, before anything is allocated for them."""
    if transfer_syntax_uid in JPEG_2000:
        at = frame.find(SIZ_MARKER)
        if at < 0 or at + 24 > len(frame):
            return None
        right, bottom, left, top = struct.unpack_from(">4I", frame, at + 8)
        return bottom - top, right - left
    return _jpeg_shape(frame)


def is_irreversible(frame: bytes) -> bool:
    """Whether a JPEG 2000 codestream was made with the wavelet that loses (ISO 15444-1 A.6.1)."""
    at = frame.find(COD_MARKER)
    return 0 <= at < len(frame) - 13 and frame[at + 13] == 0


def _jpeg_shape(frame: bytes) -> tuple[int, int] | None:
    """Walk the marker segments up to the first that gives a size."""
    at = 2
    while at + 9 <= len(frame) and frame[at] == 0xFF:
        marker, length = frame[at + 1], int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker in JPEG_FRAMES:
            rows, columns = struct.unpack_from(">2H", frame, at + 5)
            return rows, columns
        at += 1 if marker == 0xFF else 2 + max(2, length)
    return None


def _plugin(frame: bytes, form: FrameFormat) -> NDArray[Any]:
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    options: dict[str, Any] = {
        "rows": form.rows,
        "columns": form.columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 16,
        "bits_stored": form.bits_stored,
        "pixel_representation": int(form.signed),
        "pixel_keyword": "PixelData",
    }
    decoder = get_decoder(UID(form.transfer_syntax_uid))
    plugin = PLUGINS[form.transfer_syntax_uid]
    array, _ = decoder.as_array(encapsulate([frame]), raw=True, decoding_plugin=plugin, **options)
    return array


def _openjpeg(frame: bytes, form: FrameFormat) -> NDArray[Any]:
    """Decode JPEG 2000; where its sign differs from the header's, the header's is right."""
    from openjpeg.utils import decode, get_parameters

    array: NDArray[Any] = decode(frame)
    stated = get_parameters(frame)
    if bool(stated["is_signed"]) == form.signed or array.dtype.itemsize != 2:
        return array
    spare = 16 - int(stated["precision"])
    bits = np.left_shift(array.view(np.uint16), spare)
    return np.right_shift(bits.view(np.int16 if form.signed else np.uint16), spare)


def encode_jpeg_2000(stored: NDArray[np.uint16], *, bits_stored: int) -> bytes:
    """Encode one frame without loss."""
    from openjpeg.utils import encode_array

    return bytes(encode_array(stored, bits_stored=bits_stored))
