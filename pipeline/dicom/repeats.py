"""The same image more than once: copies are dropped, contradictions refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipeline.dicom.headers import SliceHeader
from pipeline.dicom.pixels import Stored
from pipeline.dicom.stack import at_one_position
from pipeline.domain.scan import QualityFlag
from pipeline.errors import InputRefused

StoredOf = Callable[[SliceHeader], Stored]


def drop_repeats(
    slices: list[SliceHeader], stored_of: StoredOf
) -> tuple[list[SliceHeader], tuple[QualityFlag, ...]]:
    """Keep one of each image.

    Parameters
    ----------
    stored_of : callable
        Gives the stored numbers of a slice; asked only where two claim one UID or one position.

    Raises
    ------
    InputRefused
        UID_CONFLICT, DUPLICATE_POSITION.
    """
    kept = _one_per_uid(slices, stored_of)
    copies = len(slices) - len(kept)
    flags = []
    if copies:
        flags.append(QualityFlag("REPEATED_FILES", "info", f"{copies} copies of slices were left out"))
    unique = _one_per_position(kept, stored_of)
    if len(unique) < len(kept):
        number = len(kept) - len(unique)
        message = f"{number} slices with the same pixels at the same position were left out"
        flags.append(QualityFlag("REPEATED_SLICES", "warning", message))
    return unique, tuple(flags)


def _one_per_uid(slices: list[SliceHeader], stored_of: StoredOf) -> list[SliceHeader]:
    by_uid: dict[str, list[SliceHeader]] = defaultdict(list)
    for header in slices:
        by_uid[header.sop_instance_uid].append(header)
    for first, *others in by_uid.values():
        for other in others:
            if not _same_header(first, other) or not _same_pixels(first, other, stored_of):
                raise InputRefused("UID_CONFLICT", "two different images carry one SOP Instance UID")
    return [same[0] for same in by_uid.values()]


def _one_per_position(slices: list[SliceHeader], stored_of: StoredOf) -> list[SliceHeader]:
    dropped: set[str] = set()
    for one, other in at_one_position(slices):
        if not _same_pixels(one, other, stored_of):
            raise InputRefused("DUPLICATE_POSITION", "two slices with different pixels lie at one position")
        dropped.add(other.sop_instance_uid)
    return [s for s in slices if s.sop_instance_uid not in dropped]


def _same_header(one: SliceHeader, other: SliceHeader) -> bool:
    """Whether two headers agree, however the files are named and written."""
    syntax = one.pixels.transfer_syntax_uid
    alike = replace(
        other,
        name=one.name,
        pixel_offset=one.pixel_offset,
        pixels=replace(other.pixels, transfer_syntax_uid=syntax),
    )
    return one == alike


def _same_pixels(one: SliceHeader, other: SliceHeader, stored_of: StoredOf) -> bool:
    same_scale = (one.slope, one.intercept) == (other.slope, other.intercept)
    return same_scale and bool(np.array_equal(stored_of(one), stored_of(other)))
