"""Compressed frames in their fragments (PS3.5 A.4): found by offsets, read one at a time."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from pipeline.dicom.elements import ITEM, SEQUENCE_END
from pipeline.errors import InputRefused

MAX_FRAME_BYTES = 2**26
"""A frame of the largest matrix holds 32 MB uncompressed; no lossless codec doubles it."""

MAX_FRAGMENTS = 100_000
OFFSET_BYTES = 4


@dataclass(frozen=True, slots=True)
class Fragment:
    """Where a fragment's bytes lie in the stream, and its place as offset tables count."""

    start: int
    length: int
    offset: int


def read_frame(body: BinaryIO, index: int, frame_count: int) -> bytes:
    """Read the codestream of one frame.

    Parameters
    ----------
    body : BinaryIO
        Standing at the first item of the encapsulated pixel data.

    Raises
    ------
    InputRefused
        TRUNCATED, RESOURCE_LIMIT.
    """
    table, fragments = _fragments(body)
    own = (
        _only_frame(body, table, fragments)
        if frame_count == 1
        else _of_frame(table, fragments, frame_count)[index]
    )
    if sum(f.length for f in own) > MAX_FRAME_BYTES:
        raise InputRefused("RESOURCE_LIMIT", f"a compressed frame is larger than {MAX_FRAME_BYTES >> 20} MB")
    return b"".join(_bytes_of(body, f) for f in own)


def _fragments(body: BinaryIO) -> tuple[bytes, list[Fragment]]:
    """The offset table and the place of every fragment, checked against the stream's length."""
    at = body.tell()
    size = body.seek(0, os.SEEK_END)
    items: list[Fragment] = []
    while len(items) <= MAX_FRAGMENTS:
        body.seek(at)
        head = body.read(8)
        if len(head) < 8:
            raise InputRefused("TRUNCATED", "the compressed pixel data end without their delimiter")
        group, element, length = struct.unpack("<HHI", head)
        tag, at = (group << 16) | element, at + 8
        if tag == SEQUENCE_END:
            return _with_offsets(body, items)
        if tag != ITEM or at + length > size:
            raise InputRefused("TRUNCATED", "the compressed pixel data are cut or damaged")
        items.append(Fragment(at, length, 0))
        at += length
    raise InputRefused("RESOURCE_LIMIT", f"the pixel data hold more than {MAX_FRAGMENTS} fragments")


def _with_offsets(body: BinaryIO, items: list[Fragment]) -> tuple[bytes, list[Fragment]]:
    if len(items) < 2 or not items[1].length:
        raise InputRefused("TRUNCATED", "the compressed pixel data are empty")
    table, *rest = items
    if table.length > OFFSET_BYTES * MAX_FRAGMENTS:
        raise InputRefused("RESOURCE_LIMIT", "the table of frame offsets is longer than any series")
    first = rest[0].start
    return _bytes_of(body, table), [Fragment(f.start, f.length, f.start - first) for f in rest]


def _bytes_of(body: BinaryIO, fragment: Fragment) -> bytes:
    body.seek(fragment.start)
    return body.read(fragment.length)


def _only_frame(body: BinaryIO, table: bytes, fragments: list[Fragment]) -> list[Fragment]:
    """All fragments, if none but the first begins as a frame does."""
    starts = [_bytes_of(body, Fragment(f.start, min(4, f.length), 0)) for f in fragments]
    if len(table) > OFFSET_BYTES or starts[0] in starts[1:]:
        raise InputRefused("TRUNCATED", "expected one compressed frame, found several")
    return fragments


def _of_frame(table: bytes, fragments: list[Fragment], frame_count: int) -> list[list[Fragment]]:
    """The fragments of each frame: one each, or from one offset to the next."""
    if len(fragments) == frame_count:
        return [[f] for f in fragments]
    offsets = struct.unpack(
        f"<{len(table) // OFFSET_BYTES}I", table[: len(table) // OFFSET_BYTES * OFFSET_BYTES]
    )
    known = {f.offset for f in fragments}
    if len(offsets) != frame_count or list(offsets) != sorted(set(offsets)) or not known.issuperset(offsets):
        found = f"{len(fragments)} fragments and {len(offsets)} offsets"
        raise InputRefused("TRUNCATED", f"expected {frame_count} compressed frames, found {found}")
    bounds = [*offsets, fragments[-1].offset + 8 + fragments[-1].length]
    return [[f for f in fragments if low <= f.offset < high] for low, high in pairwise(bounds)]
