"""Several acquisitions sent as one series: told apart by number, never stacked into each other."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from itertools import groupby

import numpy as np

from pipeline.dicom.headers import SliceHeader
from pipeline.dicom.stack import positions_mm
from pipeline.domain.scan import QualityFlag
from pipeline.errors import InputRefused

CLEAR_MAJORITY = 2
"""An acquisition is taken before others only with twice their slices: they are monitoring or test
slices, not a second phase cut short."""

MIN_INTERLEAVED = 6
"""Fewer slices may alternate by chance."""


def choose_acquisition(
    slices: list[SliceHeader],
) -> tuple[list[SliceHeader], tuple[QualityFlag, ...]]:
    """Keep one acquisition where those of a series overlap along the body.

    Acquisitions that each have a range of their own are parts of one volume and stay together.

    Parameters
    ----------
    slices : list of SliceHeader
        Checked to agree, without copies of one file.

    Raises
    ------
    InputRefused
        AMBIGUOUS_SERIES, with the number of slices of each acquisition, or for two phases that are
        not numbered and lie between each other.
    """
    order = np.argsort(positions_mm(slices), kind="stable")
    _refuse_interleaved([slices[n] for n in order])
    runs = [key for key, _ in groupby(slices[n].acquisition for n in order)]
    if len(runs) == len(set(runs)):
        return slices, ()
    parts: dict[tuple[str, str], list[SliceHeader]] = defaultdict(list)
    for header in slices:
        parts[header.acquisition].append(header)
    sizes = sorted((len(part) for part in parts.values()), reverse=True)
    if sizes[0] < CLEAR_MAJORITY * sizes[1]:
        raise InputRefused(
            "AMBIGUOUS_SERIES",
            f"the series holds {len(sizes)} acquisitions of the same body part: {sizes} slices",
        )
    message = f"of {len(sizes)} overlapping acquisitions ({sizes} slices) the largest was taken"
    return max(parts.values(), key=len), (QualityFlag("ACQUISITIONS_SPLIT", "warning", message),)


def _refuse_interleaved(ordered: list[SliceHeader]) -> None:
    """Refuse slices whose times go back and forth from each to the next: two phases between each other."""
    if len({s.acquisition for s in ordered}) > 1 or len(ordered) < MIN_INTERLEAVED:
        return
    for times in zip(*(s.times for s in ordered), strict=True):
        seconds = np.array([_seconds(text) for text in times])
        steps = np.diff(seconds)
        if np.all(steps[1:] * steps[:-1] < 0):  # false where a time is unknown
            raise InputRefused(
                "AMBIGUOUS_SERIES",
                "the times of neighbouring slices alternate: two phases between each other",
            )


def _seconds(text: str) -> float:
    """A DICOM time (PS3.5 TM) as seconds of the day; NaN if it is none."""
    match = re.fullmatch(r"(\d{2}):?(\d{2}):?(\d{2}(?:\.\d+)?)", text)
    return 3600 * int(match[1]) + 60 * int(match[2]) + float(match[3]) if match else math.nan
