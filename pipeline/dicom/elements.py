"""The elements of a dataset, walked one after the other within limits (PS3.5 chapter 7).

Nothing recurses and nothing is kept but what was asked for, so that a hostile header costs no
more than the limits say.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.errors import InputRefused

MAX_ELEMENTS = 500_000
"""An enhanced multi-frame CT of 3000 slices holds some 200 000; one slice holds 300."""

MAX_DEPTH = 32
"""Sequences within sequences: functional groups and codes reach 6."""

MAX_VALUE_BYTES = 2**16
"""Longest value that is kept; every text that is asked for is far shorter."""

PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
VRS = LONG_VRS | frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the elements of a dataset are written."""

    implicit: bool = False
    big: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """The head of one element; the stream stands at its value."""

    tag: int
    vr: bytes
    length: int


class Walk:
    """One pass over a dataset, up to its pixels.

    Parameters
    ----------
    stream : BinaryIO
        Standing at the first element.
    wanted : frozenset of int
        Tags whose values are kept, outside sequences only.
    group : int, optional
        Stop at the first element of another group.
    """

    def __init__(
        self, stream: BinaryIO, encoding: Encoding, wanted: frozenset[int], group: int | None = None
    ) -> None:
        self._stream, self._encoding, self._wanted, self._group = stream, encoding, wanted, group
        self._at = stream.tell()
        self._size = stream.seek(0, os.SEEK_END)
        self._open: list[tuple[int | None, Encoding]] = []  # end and outer encoding of what is entered
        self.values: dict[int, bytes] = {}
        self.offset = self._at  #: where the walk ended: the pixel data, or the end

    def run(self) -> None:
        """Walk to the end.

        Raises
        ------
        InputRefused
            RESOURCE_LIMIT, UNREADABLE.
        """
        self._stream.seek(self._at)
        for _ in range(MAX_ELEMENTS):
            self._leave_finished()
            self.offset = self._at
            element = self._next()
            if element is None:
                self._stream.seek(self.offset)
                return
            self._visit(element)
        raise InputRefused("RESOURCE_LIMIT", f"a header holds more than {MAX_ELEMENTS} elements")

    def _next(self) -> Element | None:
        """The next element's head; None where the walk ends."""
        head = self._stream.read(8)
        if not head and not self._open:
            return None
        if len(head) < 8:
            raise InputRefused("UNREADABLE", "a DICOM header ends inside an element")
        order = ">" if self._encoding.big else "<"
        group, number, length = struct.unpack(order + "HHI", head)
        tag = (group << 16) | number
        if not self._open and (tag in PIXEL_TAGS or self._group not in (None, group)):
            return None
        self._at += 8
        if self._encoding.implicit or group == 0xFFFE:
            return Element(tag, b"", length)
        return self._explicit(tag, head[4:6], head[6:8])

    def _explicit(self, tag: int, vr: bytes, rest: bytes) -> Element:
        if vr not in VRS:
            raise InputRefused("UNREADABLE", "a DICOM header holds an element of no known kind")
        order = ">" if self._encoding.big else "<"
        if vr not in LONG_VRS:
            return Element(tag, vr, struct.unpack(order + "H", rest)[0])
        length = self._stream.read(4)
        if len(length) < 4:
            raise InputRefused("UNREADABLE", "a DICOM header ends inside an element")
        self._at += 4
        return Element(tag, vr, struct.unpack(order + "I", length)[0])

    def _visit(self, element: Element) -> None:
        """Keep, enter or pass over one element."""
        if element.tag in (ITEM_END, SEQUENCE_END):
            self._leave()
            return
        if element.length != UNDEFINED_LENGTH and self._at + element.length > self._size:
            raise InputRefused("UNREADABLE", "a DICOM header names an element longer than the file")
        wanted = not self._open and element.tag in self._wanted
        if element.tag == ITEM or self._is_sequence(element):
            if wanted:
                self.values[element.tag] = b""
            self._enter(element)
        elif wanted and element.length <= MAX_VALUE_BYTES:
            self.values[element.tag] = self._stream.read(element.length)
            self._at += element.length
        else:
            self._at = self._stream.seek(element.length, os.SEEK_CUR)

    def _is_sequence(self, element: Element) -> bool:
        """Whether items follow: said so, or (without a kind) seen at the value's first bytes."""
        if element.vr == b"SQ" or element.length == UNDEFINED_LENGTH:
            return True
        if element.vr not in (b"", b"UN") or element.length < 8:
            return False
        first = self._stream.read(4)
        self._stream.seek(-len(first), os.SEEK_CUR)
        return first == b"\xfe\xff\x00\xe0"

    def _enter(self, element: Element) -> None:
        if len(self._open) >= 2 * MAX_DEPTH:
            raise InputRefused("RESOURCE_LIMIT", f"a header nests deeper than {MAX_DEPTH} sequences")
        end = None if element.length == UNDEFINED_LENGTH else self._at + element.length
        self._open.append((end, self._encoding))
        if element.vr == b"UN":
            self._encoding = Encoding(implicit=True)  # PS3.5 6.2.2, note 2

    def _leave(self) -> None:
        if not self._open:
            raise InputRefused("UNREADABLE", "a DICOM header ends a sequence that never began")
        _, self._encoding = self._open.pop()

    def _leave_finished(self) -> None:
        while self._open:
            end = self._open[-1][0]
            if end is None or self._at < end:
                return
            self._leave()
