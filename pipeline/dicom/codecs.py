"""Compressed frames to stored numbers, each syntax by the one decoder named for it."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import decode, encode_array, get_parameters
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from pipeline.dicom.headers import PixelFormat
from pipeline.dicom.parse import uid_name
from pipeline.errors import InputRefused

JPEG_2000 = tuple(f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 201, 202, 203))
"""JPEG 2000 and HTJ2K, lossless or not: decoded by openjpeg."""

PLUGINS = {
    "1.2.840.10008.1.2.5": "pydicom",  # RLE lossless
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

DECODE_ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    struct.error,
)
"""What the decoders were seen to raise on damaged codestreams."""


def decode_frame(frame: bytes, shape: tuple[int, int], pixels: PixelFormat) -> NDArray[np.uint16]:
    """Decode one frame of a syntax in `COMPRESSED`.

    Returns
    -------
    ndarray
        (rows, columns): the 16 bits of each stored number, whatever their sign.

    Raises
    ------
    InputRefused
        DECODER_FAILED.
    """
    syntax = pixels.transfer_syntax_uid
    try:
        array = _openjpeg(frame, pixels) if syntax in JPEG_2000 else _plugin(frame, shape, pixels)
    except DECODE_ERRORS as error:
        found = f"{uid_name(syntax)}: {type(error).__name__}"
        raise InputRefused("DECODER_FAILED", f"the compressed pixels cannot be decoded ({found})") from error
    if array.shape != shape or array.dtype.itemsize != 2:
        found = f"{array.shape} of {8 * array.dtype.itemsize} bits"
        raise InputRefused("DECODER_FAILED", f"expected pixels {shape} of 16 bits, decoded {found}")
    return np.ascontiguousarray(array).view(np.uint16)


def _plugin(frame: bytes, shape: tuple[int, int], pixels: PixelFormat) -> NDArray[Any]:
    options: dict[str, Any] = {
        "rows": shape[0],
        "columns": shape[1],
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 16,
        "bits_stored": pixels.bits_stored,
        "pixel_representation": int(pixels.signed),
        "pixel_keyword": "PixelData",
    }
    plugin = PLUGINS[pixels.transfer_syntax_uid]
    decoder = get_decoder(UID(pixels.transfer_syntax_uid))
    array, _ = decoder.as_array(encapsulate([frame]), raw=True, decoding_plugin=plugin, **options)
    return array


def _openjpeg(frame: bytes, pixels: PixelFormat) -> NDArray[Any]:
    """Decode JPEG 2000; where its sign differs from the header's, the header's is right."""
    array: NDArray[Any] = decode(frame)
    stated = get_parameters(frame)
    if bool(stated["is_signed"]) == pixels.signed or array.dtype.itemsize != 2:
        return array
    spare = 16 - int(stated["precision"])
    bits = np.left_shift(array.view(np.uint16), spare)
    return np.right_shift(bits.view(np.int16 if pixels.signed else np.uint16), spare)


def encode_jpeg_2000(stored: NDArray[np.uint16], *, bits_stored: int) -> bytes:
    """Encode one frame without loss."""
    return bytes(encode_array(stored, bits_stored=bits_stored))
