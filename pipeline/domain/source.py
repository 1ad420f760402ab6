"""The images that a scan was read from, for objects that refer to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pipeline.domain.orientation import AxisOrder


@dataclass(frozen=True, slots=True)
class SourceImage:
    """One plane of the scan: an image, or a frame of one."""

    sop_class_uid: str
    sop_instance_uid: str
    frame_number: int | None = None  #: from 1; None for an image of one frame


@dataclass(frozen=True, eq=False, slots=True)
class Source:
    """The images of a scan in the order they were stacked, and whose they are.

    Nothing of it reaches a table, a picture or a page; only objects that go back to the archive that the
    images came from carry it.
    """

    images: tuple[SourceImage, ...]
    axes: AxisOrder  #: how the scan's axes lie in the stack of images
    header: Mapping[int, bytes] = field(repr=False)
    """Texts that name patient and study, by tag, as they stand in the file."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "header", MappingProxyType(dict(self.header)))
