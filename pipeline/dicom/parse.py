"""One DICOM file as its raw header fields, read without trusting any of them.

Values are taken as the bytes in the file and turned into numbers and texts here, so that an odd
value becomes "not known" instead of a warning, and a file is parsed once and quickly.
"""

from __future__ import annotations

import math
import os
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from pydicom import config
from pydicom.uid import UID

from pipeline.dicom.elements import VRS, Encoding, Walk
from pipeline.errors import InputRefused

PREAMBLE_BYTES = 128
MAGIC = b"DICM"
DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"

INFLATED_LIMIT_BYTES = 256 * 2**20
"""A deflated CT slice of 2048 x 2048 holds 8 MB; more than 256 MB is a bomb."""

TRANSFER_SYNTAX_UID = 0x00020010
MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
CT_CLASSES = "1.2.840.10008.5.1.4.1.1.2"
"""CT Image; the enhanced kinds continue it."""

META_TAGS = frozenset((TRANSFER_SYNTAX_UID, MEDIA_STORAGE_SOP_CLASS_UID))

EXECUTABLE_MAGIC = (b"MZ", b"\x7fELF", b"#!", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""First bytes of programs of Windows, Linux, a shell and macOS; TIFF is allowed (PS3.10 7.1)."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The header of one file, by tag; what is absent or malformed is None."""

    values: Mapping[int, bytes]
    transfer_syntax_uid: str
    pixel_offset: int  #: where the pixel data element starts, after inflating
    media_class_uid: str = ""  #: what the file's meta information says it holds
    executable_preamble: bool = False  #: the file is a program too

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

    def double(self, tag: int) -> float | None:
        """A 64-bit binary value; None if absent or of another length."""
        raw = self.values.get(tag, b"")
        if len(raw) != 8:
            return None
        (value,) = struct.unpack(">d" if self.transfer_syntax_uid == EXPLICIT_BIG_ENDIAN else "<d", raw)
        return float(value)


def uid_name(uid: str) -> str:
    """Name of a UID from a file; the UID itself where unknown; nothing of it where it is no UID."""
    if not re.fullmatch(r"[0-9.]{1,64}", uid):
        return "a malformed UID"
    return UID(uid, validation_mode=config.IGNORE).name


DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""A decimal string (PS3.5 6.2); Python's own numbers may hold underscores and digits of any script."""


def _number(text: str) -> float:
    return float(text) if DECIMAL.fullmatch(text) else math.nan


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
    has_preamble = head[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == MAGIC
    stream.seek(PREAMBLE_BYTES + len(MAGIC) if has_preamble else 0)
    meta = Walk(stream, Encoding(), META_TAGS, group=2)
    meta.run()
    named = Fields(meta.values, EXPLICIT_LITTLE_ENDIAN, 0)
    syntax = named.text(TRANSFER_SYNTAX_UID) or _syntax_of(stream)
    body: BinaryIO = inflate(stream) if syntax == DEFLATED else stream
    media_class_uid = named.text(MEDIA_STORAGE_SOP_CLASS_UID)
    walk = Walk(body, encoding_of(syntax), frozenset(tags))
    try:
        walk.run()
    except InputRefused as refusal:
        if refusal.code != "RESOURCE_LIMIT" or may_be_ct(media_class_uid):
            raise  # any other object may well hold more: the directory of a CD, contours, segments
    return Fields(
        walk.values,
        syntax,
        walk.offset,
        media_class_uid,
        has_preamble and head.startswith(EXECUTABLE_MAGIC),
    )


def may_be_ct(media_class_uid: str) -> bool:
    """Whether the meta information says that a file holds CT, or says nothing."""
    return media_class_uid in ("", CT_CLASSES) or media_class_uid.startswith(f"{CT_CLASSES}.")


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """How a syntax writes its elements; all but three are explicit little endian (PS3.5 A)."""
    return Encoding(
        implicit=transfer_syntax_uid == IMPLICIT_LITTLE_ENDIAN, big=transfer_syntax_uid == EXPLICIT_BIG_ENDIAN
    )


def _syntax_of(stream: BinaryIO) -> str:
    """The native little-endian syntax of a file without meta information, by its first element."""
    start = stream.tell()
    kind = stream.read(6)[4:]
    stream.seek(start)
    return EXPLICIT_LITTLE_ENDIAN if kind in VRS else IMPLICIT_LITTLE_ENDIAN


def _looks_like_dicom(head: bytes) -> bool:
    """Magic word, or (without preamble) a first element of group 0002 or 0008."""
    if head[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == MAGIC:
        return True
    return len(head) > 8 and head[:2] in (b"\x02\x00", b"\x08\x00") and head[3] == 0


def inflate(stream: BinaryIO) -> BytesIO:
    """The dataset of a deflated file (PS3.5 A.5), up to a limit.

    Raises
    ------
    InputRefused
        RESOURCE_LIMIT, UNREADABLE.
    """
    stream.seek(PREAMBLE_BYTES + len(MAGIC))
    head = stream.read(12)  # the length of the meta information is its first element
    stream.seek(int.from_bytes(head[8:], "little"), os.SEEK_CUR)
    try:
        packed = stream.read(INFLATED_LIMIT_BYTES)
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, INFLATED_LIMIT_BYTES)
    except zlib.error as error:
        raise InputRefused("UNREADABLE", "a deflated file is damaged") from error
    if len(data) >= INFLATED_LIMIT_BYTES:
        raise InputRefused("RESOURCE_LIMIT", f"a deflated file grows beyond {INFLATED_LIMIT_BYTES >> 20} MB")
    return BytesIO(data)
