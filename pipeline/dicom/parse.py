"""One DICOM file as its raw header fields, read without trusting any of them.

Values are taken as the bytes in the file and turned into numbers and texts here, so that an odd
value becomes "not known" instead of a warning, and a file is parsed once and quickly.
"""

from __future__ import annotations

import math
import re
import struct
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from pipeline.errors import InputRefused

PREAMBLE_BYTES = 128
MAGIC = b"DICM"
DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"

INFLATED_LIMIT_BYTES = 256 * 2**20
"""A deflated CT slice of 2048 x 2048 holds 8 MB; more than 256 MB is a bomb."""

PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)

PARSE_ERRORS = (
    InvalidDicomError,
    BytesLengthException,
    EOFError,
    OSError,
    struct.error,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    zlib.error,
)
"""What pydicom was seen to raise on bytes that are not a well-formed dataset."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The header of one file, by tag; what is absent or malformed is None."""

    values: Mapping[int, bytes]
    transfer_syntax_uid: str
    pixel_offset: int  #: where the pixel data element starts, after inflating
    media_class_uid: str = ""  #: what the file's meta information says it holds

    def has(self, tag: int) -> bool:
        """Whether the element is there, even if empty."""
        return tag in self.values

    def text(self, tag: int) -> str:
        """The value without padding; empty if absent. May hold anything, patient text included."""
        raw = self.values.get(tag, b"")
        try:
            return raw.decode("utf-8").strip(" \0")
        except UnicodeDecodeError:
            return raw.decode("latin-1").strip(" \0")

    def uid(self, tag: int) -> str:
        """A UID; empty if absent or holding anything but digits and dots."""
        text = self.text(tag)
        return text if re.fullmatch(r"[0-9.]{1,64}", text) else ""

    def texts(self, tag: int) -> tuple[str, ...]:
        """The values of a multi-valued text."""
        text = self.text(tag)
        return tuple(part.strip() for part in text.split("\\")) if text else ()

    def numbers(self, tag: int) -> tuple[float, ...] | None:
        """Values of a decimal string; NaN where malformed; None if absent or empty."""
        texts = self.texts(tag)
        return tuple(_number(text) for text in texts) if texts else None

    def number(self, tag: int) -> float | None:
        """The one value of a decimal string; NaN where malformed; None if absent or empty."""
        values = self.numbers(tag)
        if values is None:
            return None
        return values[0] if len(values) == 1 else math.nan

    def integer(self, tag: int, *, signed: bool = False) -> int | None:
        """A 16-bit binary value; None if absent or of another length."""
        raw = self.values.get(tag, b"")
        if len(raw) != 2:
            return None
        big = self.transfer_syntax_uid == EXPLICIT_BIG_ENDIAN
        return int.from_bytes(raw, "big" if big else "little", signed=signed)


def uid_name(uid: str) -> str:
    """Name of a UID from a file; the UID itself where unknown; nothing of it where it is no UID."""
    if not re.fullmatch(r"[0-9.]{1,64}", uid):
        return "a malformed UID"
    return UID(uid, validation_mode=config.IGNORE).name


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def parse_header(stream: BinaryIO, tags: tuple[int, ...]) -> Fields | None:
    """Read the named fields of a file up to its pixels.

    Returns
    -------
    Fields or None
        None if the file is not DICOM.

    Raises
    ------
    InputRefused
        UNREADABLE, RESOURCE_LIMIT.
    """
    head = stream.read(PREAMBLE_BYTES + 1024)
    if not _looks_like_dicom(head):
        return None
    stream.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd values are judged here, by the checks
            return _parse(stream, tags, deflated=is_deflated(head))
    except PARSE_ERRORS as error:
        raise InputRefused(
            "UNREADABLE", f"a DICOM header cannot be parsed ({type(error).__name__})"
        ) from error


def _parse(stream: BinaryIO, tags: tuple[int, ...], *, deflated: bool) -> Fields:
    if deflated:
        body = inflate(stream)
        dataset = read_dataset(
            body, False, True, stop_when=lambda tag, _vr, _length: tag in PIXEL_TAGS, specific_tags=list(tags)
        )
        return Fields(_raw_values(dataset), DEFLATED, body.tell())
    file = dcmread(stream, stop_before_pixels=True, specific_tags=list(tags), force=True)
    named = file.file_meta.get("TransferSyntaxUID")
    syntax = str(named) if named else _syntax_of(file)
    holds = str(file.file_meta.get("MediaStorageSOPClassUID", ""))
    return Fields(_raw_values(file), syntax, stream.tell(), holds)


def _raw_values(dataset: Dataset) -> dict[int, bytes]:
    """The bytes of each element; none for a sequence."""
    values: dict[int, bytes] = {}
    for element in dataset.elements():
        value = element.value
        if isinstance(value, str):
            value = value.encode()
        values[int(element.tag)] = value if isinstance(value, bytes) else b""
    return values


def _syntax_of(dataset: Dataset) -> str:
    """The native syntax a file without meta information was found to have."""
    implicit, little = dataset.original_encoding
    if implicit:
        return IMPLICIT_LITTLE_ENDIAN
    return EXPLICIT_LITTLE_ENDIAN if little else EXPLICIT_BIG_ENDIAN


def _looks_like_dicom(head: bytes) -> bool:
    """Magic word, or (without preamble) a first element of group 0002 or 0008."""
    if head[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == MAGIC:
        return True
    return len(head) > 8 and head[:2] in (b"\x02\x00", b"\x08\x00") and head[3] == 0


def is_deflated(head: bytes) -> bool:
    """Whether a file's first kilobyte names the deflated syntax."""
    return head[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == MAGIC and DEFLATED.encode() in head


def inflate(stream: BinaryIO) -> BytesIO:
    """The dataset of a deflated file (PS3.5 A.5), up to a limit.

    Raises
    ------
    InputRefused
        RESOURCE_LIMIT, UNREADABLE.
    """
    stream.seek(PREAMBLE_BYTES + len(MAGIC))
    group_length = struct.unpack("<8xI", stream.read(12))[0]
    stream.seek(group_length, 1)
    try:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream.read(), INFLATED_LIMIT_BYTES)
    except zlib.error as error:
        raise InputRefused("UNREADABLE", "a deflated file is damaged") from error
    if len(data) >= INFLATED_LIMIT_BYTES:
        raise InputRefused("RESOURCE_LIMIT", f"a deflated file grows beyond {INFLATED_LIMIT_BYTES >> 20} MB")
    return BytesIO(data)
