"""Damage done to the files of a series: seeded, small, and named for the report."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from pydicom.tag import Tag

DEFLATED_UID = b"1.2.840.10008.1.2.1.99"
PIXEL_DATA = 0x7FE00010
PER_FRAME_GROUPS = 0x52009230

KEYWORDS = [
    "TransferSyntaxUID",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyDate",
    "Modality",
    "PatientID",
    "PatientBirthDate",
    "SliceThickness",
    "KVP",
    "SpacingBetweenSlices",
    "PatientPosition",
    "SeriesInstanceUID",
    "AcquisitionNumber",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "PixelSpacing",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleIntercept",
    "RescaleSlope",
    "PixelData",
]
TEXTS = [
    b"",
    b"0",
    b"-1",
    b"NaN",
    b"inf",
    b"1e400",
    b"1e-400",
    b"0,5",
    b"9" * 16,
    b"\\" * 6,
    b"\x1b\r\n",
    b"\xff\xfe",
]
NUMBERS = [0, 1, 2, 7, 8, 13, 15, 16, 31, 255, 0x7FFF, 0x8000, 0xFFFF, 0xFFFFFFFE, 0xFFFFFFFF]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged series."""

    files: list[bytes]
    kind: str
    alike: bool  #: the same tag was changed in every slice
    pixels: bool  #: stored pixel bytes were changed


def mutate(files: list[bytes], rng: random.Random) -> Mutant:
    """Damage one file of a series, or one tag of all."""
    kind = rng.choice(list(KINDS))
    if kind in ("value", "length") and rng.random() < 0.25:
        seed = rng.random()
        changed = [_damaged(data, kind, random.Random(seed)) for data in files]
        return Mutant(changed, f"{kind} of all", True, _pixels_differ(files, changed))
    victim = rng.randrange(len(files))
    changed = list(files)
    if kind == "remove":
        del changed[victim]
        return Mutant(changed, kind, False, False)
    if kind == "repeat":
        changed.append(files[victim])
        return Mutant(changed, kind, False, False)
    changed[victim] = _damaged(files[victim], kind, rng)
    alike = _is_shared(files[victim], changed[victim])
    return Mutant(changed, kind, alike, _pixels_differ(files, changed))


def _is_shared(before: bytes, after: bytes) -> bool:
    """Whether only what all frames of a multi-frame object share was changed."""
    at = before.find(_tag_bytes(PER_FRAME_GROUPS, "<"))
    return at >= 0 and before[at:] == after[at:]


def _damaged(data: bytes, kind: str, rng: random.Random) -> bytes:
    """Damage a file; a deflated one is opened first, except for raw bytes half of the time."""
    if not is_deflated(data) or (kind in ("byte", "truncate") and rng.random() < 0.5):
        return KINDS[kind](data, rng)
    start = 144 + int.from_bytes(data[140:144], "little")
    body = KINDS[kind](zlib.decompress(data[start:], -15), rng)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return data[:start] + packer.compress(body) + packer.flush()


def is_deflated(data: bytes) -> bool:
    """Whether the file names the deflated syntax."""
    return DEFLATED_UID in data[:600]


def _plain(data: bytes) -> bytes:
    """The file, inflated where it is deflated."""
    if not is_deflated(data):
        return data
    start = 144 + int.from_bytes(data[140:144], "little")
    try:
        return zlib.decompressobj(-15).decompress(data[start:], 2**24)
    except zlib.error:
        return b""


def _pixel_start(data: bytes) -> int:
    """Where the pixel data element starts; the end if it is not found."""
    found = [at for order in "<>" if (at := data.find(_tag_bytes(PIXEL_DATA, order))) >= 0]
    return min(found, default=len(data))


def _values_start(data: bytes) -> int:
    """Where the value of the pixel data starts: its head is shorter where it names no kind."""
    start = _pixel_start(data)
    return start + (12 if data[start + 4 : start + 6] in (b"OW", b"OB") else 8)


def _pixels_differ(before: list[bytes], after: list[bytes]) -> bool:
    """Whether stored pixel bytes were changed; a cut is no such change, for it must be seen."""
    for one, other in zip(before, after, strict=True):
        if one == other:
            continue
        old, new = _plain(one), _plain(other)
        pixels, others = old[_values_start(old) :], new[_values_start(new) :]
        if len(others) >= len(pixels) and others[: len(pixels)] != pixels:
            return True
    return False


def _tag_bytes(tag: int, order: str) -> bytes:
    return struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)


def _element(data: bytes, rng: random.Random) -> tuple[int, int, str]:
    """Start and value length of a known element, and the byte order; (0, 0, "<") if it is not there."""
    tag = int(Tag(rng.choice(KEYWORDS)))
    for order in "<>":
        at = data.find(_tag_bytes(tag, order))
        if at < 0:
            continue
        if data[at + 4 : at + 6].isalpha() and data[at + 4 : at + 6].isupper():
            length = struct.unpack_from(order + "H", data, at + 6)[0]
        else:
            length = struct.unpack_from(order + "I", data, at + 4)[0]
        return at, min(length, 64), order
    return 0, 0, "<"


def _value(data: bytes, rng: random.Random) -> bytes:
    """Another value of the same length: an odd text, a changed digit, or a number."""
    at, length, order = _element(data, rng)
    if not length:
        return _byte(data, rng)
    old = data[at + 8 : at + 8 + length]
    if length == 2 and rng.random() < 0.7:
        new = struct.pack(order + "H", rng.choice(NUMBERS) & 0xFFFF)
    elif rng.random() < 0.5:
        new = rng.choice(TEXTS)[:length].ljust(length, b" ")
    else:
        digit = rng.randrange(length)
        new = old[:digit] + rng.choice(b"0123456789.-\\ e").to_bytes(1, "big") + old[digit + 1 :]
    return data[: at + 8] + new + data[at + 8 + length :]


def _length(data: bytes, rng: random.Random) -> bytes:
    """Another length in an element's head."""
    at, length, order = _element(data, rng)
    if not at:
        return _byte(data, rng)
    wrong = rng.choice([*NUMBERS, length + 1, length + 2, max(0, length - 2)])
    place, form = rng.choice([(6, "H"), (4, "I"), (8, "I")])
    limit = 0xFFFF if form == "H" else 0xFFFFFFFF
    packed = struct.pack(order + form, min(wrong, limit))
    return data[: at + place] + packed + data[at + place + len(packed) :]


def _byte(data: bytes, rng: random.Random) -> bytes:
    """One to four bytes of the header changed."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(min(len(data), max(1, _pixel_start(data))))] = rng.randrange(256)
    return bytes(changed)


def _pixel(data: bytes, rng: random.Random) -> bytes:
    """One to four bytes of the pixel data changed, those of the codestream's head more often."""
    changed, start = bytearray(data), _pixel_start(data)
    for _ in range(rng.randint(1, 4)):
        reach = 160 if rng.random() < 0.6 else len(data)
        at = start + rng.randrange(max(1, min(reach, len(data) - start)))
        if at < len(changed):
            changed[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    return bytes(changed)


def _truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.choice([1, 2, 8, 64])) + data[at:]


def _cut_out(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice([1, 2, 8, 64]) :]


def _same(data: bytes, rng: random.Random) -> bytes:
    return data


KINDS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "value": _value,
    "length": _length,
    "byte": _byte,
    "pixel": _pixel,
    "truncate": _truncate,
    "insert": _insert,
    "cut out": _cut_out,
    "remove": _same,
    "repeat": _same,
}
