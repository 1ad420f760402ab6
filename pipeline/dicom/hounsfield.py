"""Stored numbers to Hounsfield units, slice by slice, and whether the result can be HU at all."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.dicom.headers import SliceHeader
from pipeline.dicom.pixels import Stored
from pipeline.domain.scan import QualityFlag
from pipeline.errors import InputRefused

AIR_HU = -1024.0
"""What everything below becomes: padding, the corners outside the circle, undershoot in air."""

SLOPE_RANGE = (1e-3, 100.0)
INTERCEPT_LIMIT = 20000.0
"""Wider than any scanner's scale; extended metal scales use slope 10 and intercept -10240."""

PADDING_HU = -900.0
"""A declared padding value above this lies among tissues, so that it cannot be told from them."""

JUMP_LIMIT_HU = 75.0
"""Largest median change of the body from one slice to the next. Neighbours of real scans differ by
less than 30; a slope wrong by 10 % moves soft tissue by 100."""

BODY_HU = -500.0
MIN_BODY_SAMPLES = 50
SATURATED_VOXELS = 5
SATURATION_HU = 3071
"""Top of 12 bits with intercept -1024."""

SAMPLES_PER_AXIS = 128
BIN_HU = 10
LOWEST_HU, HIGHEST_HU = -40000, 70000


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


@dataclass(frozen=True, eq=False, slots=True)
class _Sample:
    """Every few voxels of a slice, before anything is clipped."""

    hu: NDArray[np.float32]
    slope: float
    intercept: float


class HounsfieldWriter:
    """Fills a volume with HU one slice after the other, watching what goes in.

    Parameters
    ----------
    volume : ndarray
        [slice, row, column] in the order of the source; int16 or float32.
    """

    def __init__(self, volume: NDArray[np.generic]) -> None:
        self._volume = volume
        self._histogram = np.zeros((HIGHEST_HU - LOWEST_HU) // BIN_HU + 1, dtype=np.int64)
        self._recent: list[_Sample] = []
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
        self._watch(n, stored, slope, intercept)

    def finish(self) -> tuple[QualityFlag, ...]:
        """Judge the whole volume.

        Raises
        ------
        InputRefused
            HU_IMPLAUSIBLE.
        """
        padding_share = check_plausible(self._histogram)
        flags = []
        if padding_share > 0:
            message = f"{padding_share:.0%} of the voxels are padding outside the image: taken as air"
            flags.append(QualityFlag("PADDING", "info", message))
        if self._padding_ignored:
            message = "the declared padding value is that of a tissue: not treated as padding"
            flags.append(QualityFlag("PADDING_IGNORED", "warning", message))
        if self._top_hu >= SATURATION_HU and self._top_count >= SATURATED_VOXELS:
            message = f"{self._top_count} voxels at the top of the scale, {self._top_hu:.0f} HU: density is too low there"
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

    def _watch(self, n: int, stored: Stored, slope: float, intercept: float) -> None:
        rows, columns = (max(1, size // SAMPLES_PER_AXIS) for size in stored.shape)
        hu = stored[::rows, ::columns].astype(np.float32) * np.float32(slope) + np.float32(intercept)
        bins = (np.clip(hu, LOWEST_HU, HIGHEST_HU) - LOWEST_HU).astype(np.int32) // BIN_HU
        self._histogram += np.bincount(bins.ravel(), minlength=self._histogram.size)
        self._note_top(n)
        self._recent = [*self._recent[-2:], _Sample(hu, slope, intercept)]
        if len(self._recent) >= 2:
            _check_step(*self._recent[-2:])
        if len(self._recent) == 3:
            _check_spike(*self._recent)

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


def _check_step(before: _Sample, now: _Sample) -> None:
    """Refuse a body that jumps where the rescale changes; without change it may just begin or end."""
    same_scale = (before.slope, before.intercept) == (now.slope, now.intercept)
    if not same_scale and abs(jump_hu(before.hu, now.hu)) > JUMP_LIMIT_HU:
        raise InputRefused("HU_IMPLAUSIBLE", "the body's HU jump where the rescale changes between slices")


def _check_spike(before: _Sample, middle: _Sample, after: _Sample) -> None:
    """Refuse one slice that differs as a whole from both neighbours, which agree."""
    up, down = jump_hu(before.hu, middle.hu), jump_hu(middle.hu, after.hu)
    if up * down >= 0 or min(abs(up), abs(down)) <= JUMP_LIMIT_HU:
        return
    if abs(jump_hu(before.hu, after.hu)) < JUMP_LIMIT_HU:
        raise InputRefused("HU_IMPLAUSIBLE", f"one slice's body lies {up:.0f} HU beside both its neighbours")


def jump_hu(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Median change of the body from one slice to another; 0 where there is too little of it."""
    body = (before > BODY_HU) | (after > BODY_HU)
    if np.count_nonzero(body) < MIN_BODY_SAMPLES:
        return 0.0
    return float(np.median((after - before)[body]))


def check_plausible(histogram: NDArray[np.int64]) -> float:
    """Refuse what plainly is no HU scale; say which part is padding.

    Only the obvious is judged here: whether air, fat and muscle lie where they should is a question
    for the step that knows the body.

    Returns
    -------
    float
        Part of the voxels that is padding.

    Raises
    ------
    InputRefused
        HU_IMPLAUSIBLE.
    """
    total = max(1, int(histogram.sum()))
    if _share(histogram, 20000, HIGHEST_HU) > 1e-3:
        raise InputRefused("HU_IMPLAUSIBLE", "values above 20000 HU: signed numbers read as unsigned")
    low = histogram[: _bin(-1100)]
    constant = int(low.max(initial=0))
    if low.sum() - constant > 0.05 * total and _share(histogram, LOWEST_HU, -1500) > 0.05:
        raise InputRefused(
            "HU_IMPLAUSIBLE", "many different values below -1100 HU: the intercept was applied twice"
        )
    if _share(histogram, -2000, -500) < 1e-3 and _share(histogram, 700, 2000) > 0.2:
        raise InputRefused("HU_IMPLAUSIBLE", "no air, and much above 700 HU: the intercept is missing")
    return constant / total if constant > 0.001 * total else 0.0


def _bin(hu: float) -> int:
    return int(hu - LOWEST_HU) // BIN_HU


def _share(histogram: NDArray[np.int64], low_hu: float, high_hu: float) -> float:
    return float(histogram[_bin(low_hu) : _bin(high_hu) + 1].sum()) / max(1, int(histogram.sum()))
