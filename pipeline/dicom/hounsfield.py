"""Stored numbers to Hounsfield units, slice by slice: rescale, padding, the top of the scale."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipeline.dicom.headers import SliceHeader
from pipeline.dicom.pixels import Stored
from pipeline.dicom.plausible import HU_UNVERIFIED, SAMPLES_PER_AXIS, Sample, Watch
from pipeline.domain.scan import QualityFlag
from pipeline.errors import InputRefused

AIR_HU = -1024.0
"""What everything below becomes: padding, the corners outside the circle, undershoot in air."""

SLOPE_RANGE = (1e-3, 100.0)
INTERCEPT_LIMIT = 20000.0
"""Wider than any scanner's scale; extended metal scales use slope 10 and intercept -10240."""

PADDING_HU = -900.0
"""A declared padding value above this lies among tissues, so that it cannot be told from them."""

SATURATED_VOXELS = 5
SATURATION_HU = 3071
"""Top of 12 bits with intercept -1024."""


def check_rescale(header: SliceHeader) -> None:
    """Refuse a slice whose numbers cannot be taken to HU.

    Raises
    ------
    InputRefused
        NO_RESCALE, HU_IMPLAUSIBLE.
    """
    slope, intercept = header.slope, header.intercept
    if slope is None or intercept is None:
        raise InputRefused("NO_RESCALE", "rescale slope or intercept is missing on at least one slice")
    if not math.isfinite(slope) or not SLOPE_RANGE[0] <= slope <= SLOPE_RANGE[1]:
        raise InputRefused("HU_IMPLAUSIBLE", f"expected a rescale slope near 1, found {slope}")
    if not math.isfinite(intercept) or abs(intercept) > INTERCEPT_LIMIT:
        raise InputRefused("HU_IMPLAUSIBLE", f"expected a rescale intercept near -1024, found {intercept}")


def holds_int16(slices: Iterable[SliceHeader]) -> bool:
    """Whether HU are whole numbers: slope 1 and a whole intercept on all slices."""
    return all(s.slope == 1 and s.intercept is not None and s.intercept == int(s.intercept) for s in slices)


class HounsfieldWriter:
    """Fills a volume with HU one slice after the other, watching what goes in.

    Parameters
    ----------
    volume : ndarray
        [slice, row, column] in the order of the source; int16 or float32.
    """

    def __init__(self, volume: NDArray[np.generic]) -> None:
        self._volume = volume
        self._watch = Watch()
        self._top_hu, self._top_count = -math.inf, 0
        self._padding_ignored = False

    def write(self, n: int, stored: Stored, header: SliceHeader) -> None:
        """Put in slice `n`.

        Raises
        ------
        InputRefused
            HU_IMPLAUSIBLE if the body's HU jump against the slices before.
        """
        slope, intercept = header.slope or 1.0, header.intercept or 0.0
        if self._volume.dtype == np.int16:
            self._volume[n] = whole_hu(stored, int(intercept))
        else:
            hu = np.multiply(stored, slope, dtype=np.float64) + intercept
            self._volume[n] = np.maximum(hu, AIR_HU)
        self._mend_padding(n, stored, header)
        self._sample(n, stored, slope, intercept)

    def finish(self) -> tuple[QualityFlag, ...]:
        """Judge the whole volume.

        Raises
        ------
        InputRefused
            HU_IMPLAUSIBLE.
        """
        padding_share, verified = self._watch.judge()
        flags = [] if verified else [HU_UNVERIFIED]
        if padding_share > 0:
            message = f"{padding_share:.0%} of the voxels are padding outside the image: taken as air"
            flags.append(QualityFlag("PADDING", "info", message))
        if self._padding_ignored:
            message = "the declared padding value is that of a tissue: not treated as padding"
            flags.append(QualityFlag("PADDING_IGNORED", "warning", message))
        if self._top_hu >= SATURATION_HU and self._top_count >= SATURATED_VOXELS:
            message = (
                f"{self._top_count} voxels at the top of the scale ({self._top_hu:.0f} HU): too low there"
            )
            flags.append(QualityFlag("SATURATED", "warning", message))
        return tuple(flags)

    def _mend_padding(self, n: int, stored: Stored, header: SliceHeader) -> None:
        padding = header.pixels.padding
        if padding is None:
            return
        padding_hu = padding * (header.slope or 1.0) + (header.intercept or 0.0)
        if padding_hu > PADDING_HU:
            self._padding_ignored = True
        elif padding_hu > AIR_HU:
            self._volume[n][stored == padding] = AIR_HU

    def _sample(self, n: int, stored: Stored, slope: float, intercept: float) -> None:
        rows, columns = (max(1, size // SAMPLES_PER_AXIS) for size in stored.shape)
        hu = stored[::rows, ::columns].astype(np.float32) * np.float32(slope) + np.float32(intercept)
        self._watch.see(Sample(hu, slope, intercept))
        self._note_top(n)

    def _note_top(self, n: int) -> None:
        top = float(self._volume[n].max())
        if top < max(self._top_hu, SATURATION_HU):
            return
        count = int(np.count_nonzero(self._volume[n] == top))
        self._top_count = count + (self._top_count if top == self._top_hu else 0)
        self._top_hu = top


def whole_hu(stored: Stored, intercept: int) -> NDArray[np.integer]:
    """HU of stored whole numbers under slope 1, held between -1024 and the top of int16."""
    limits = np.iinfo(stored.dtype)
    low = max(limits.min, int(AIR_HU) - intercept)
    high = min(limits.max, np.iinfo(np.int16).max - intercept)
    clipped: NDArray[np.integer] = np.clip(stored, low, high)
    return np.add(clipped, intercept, dtype=np.int32) if intercept else clipped
