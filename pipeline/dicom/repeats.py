"""The same image more than once: copies are dropped, contradictions refused."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipeline.dicom.headers import SliceHeader
from pipeline.dicom.pixels import Stored
from pipeline.dicom.stack import MIN_SLICES, at_one_position, positions_mm
from pipeline.domain.scan import QualityFlag
from pipeline.errors import InputRefused

StoredOf = Callable[[SliceHeader], Stored]
Kept = tuple[list[SliceHeader], tuple[QualityFlag, ...]]


def drop_copies(slices: list[SliceHeader], stored_of: StoredOf) -> Kept:
    """Keep one of each SOP Instance UID.

    Parameters
    ----------
    stored_of : callable
        Gives the stored numbers of a slice; asked only where two claim one UID.

    Raises
    ------
    InputRefused
        UID_CONFLICT.
    """
    kept = _one_per_uid(slices, stored_of)
    if len(kept) == len(slices):
        return kept, ()
    message = f"{len(slices) - len(kept)} copies of slices were left out"
    return kept, (QualityFlag("REPEATED_FILES", "info", message),)


def drop_repeats(slices: list[SliceHeader], stored_of: StoredOf) -> Kept:
    """Keep one of each position, where the pixels are the same.

    Raises
    ------
    InputRefused
        DUPLICATE_POSITION; AMBIGUOUS_SERIES where all positions are there equally often.
    """
    kept = _one_per_position(slices, stored_of)
    if len(kept) == len(slices):
        return kept, ()
    message = f"{len(slices) - len(kept)} slices with the same pixels at the same position were left out"
    return kept, (QualityFlag("REPEATED_SLICES", "warning", message),)


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
            raise _contradiction(slices)
        dropped.add(other.sop_instance_uid)
    return [s for s in slices if s.sop_instance_uid not in dropped]


def _contradiction(slices: list[SliceHeader]) -> InputRefused:
    """Name the refusal: phases without numbers have every position equally often."""
    places = Counter(positions_mm(slices).round(2).tolist())
    times = set(places.values())
    if len(times) == 1 and len(places) >= MIN_SLICES:
        found = f"every position {times.pop()} times: phases that are not numbered"
        return InputRefused("AMBIGUOUS_SERIES", f"expected one volume, the series holds {found}")
    return InputRefused("DUPLICATE_POSITION", "two slices with different pixels lie at one position")


def _same_header(one: SliceHeader, other: SliceHeader) -> bool:
    """Whether two headers agree, however the files are named and written."""
    syntax = one.pixels.transfer_syntax_uid
    alike = replace(
        other,
        name=one.name,
        pixel_offset=one.pixel_offset,
        times=one.times,
        executable_preamble=one.executable_preamble,
        pixels=replace(other.pixels, transfer_syntax_uid=syntax),
    )
    return one == alike


def _same_pixels(one: SliceHeader, other: SliceHeader, stored_of: StoredOf) -> bool:
    same_scale = (one.slope, one.intercept) == (other.slope, other.intercept)
    return same_scale and bool(np.array_equal(stored_of(one), stored_of(other)))
