"""Several acquisitions sent as one series: told apart by number, never stacked into each other."""

from __future__ import annotations

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
        AMBIGUOUS_SERIES, with the number of slices of each acquisition.
    """
    order = np.argsort(positions_mm(slices), kind="stable")
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
