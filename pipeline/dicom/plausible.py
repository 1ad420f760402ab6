"""Whether numbers called HU can be HU at all: slice against slice as they come in, then the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.dicom.tissues import check_tissues
from pipeline.domain.scan import QualityFlag
from pipeline.errors import InputRefused

JUMP_LIMIT_HU = 75.0
"""Largest median change of the body from one slice to the next. Neighbours of nine real
scans differ by 8 at most; a slope wrong by 10 % moves soft tissue by 100."""

BODY_HU = -500.0
MIN_BODY_SAMPLES = 50
BIN_HU = 10
LOWEST_HU, HIGHEST_HU = -40000, 70000

TRACE = 1e-3
"""Part of the voxels that is taken for nothing."""

LOWEST_NOISE_HU = -1100
"""Below this a single value that is frequent is padding."""

IMPOSSIBLE_HU = -1500
"""Air with the noise of the sharpest kernel (sd 150 HU) does not reach below."""

MAX_IMPOSSIBLE_SHARE = 0.05
SCALE_HU = (-1500, 3000)
"""Where air, fat, muscle and what is mistaken for them are looked for."""

SAMPLES_PER_AXIS = 128
"""Enough to judge a volume by."""

MAX_BONE_SHARE = 0.2
"""Bone above 700 HU fills less of any crop; without its intercept all tissue lies above."""


HU_UNVERIFIED = QualityFlag(
    "HU_UNVERIFIED", "warning", "neither fat nor muscle is in view: the HU scale could not be checked"
)


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """Every few voxels of a slice, before anything is clipped."""

    hu: NDArray[np.float32]
    slope: float
    intercept: float


class Watch:
    """Sees the slices of a volume one after the other and refuses what cannot be HU."""

    def __init__(self) -> None:
        self._histogram = np.zeros((HIGHEST_HU - LOWEST_HU) // BIN_HU + 1, dtype=np.int64)
        self._recent: list[Sample] = []

    def see(self, sample: Sample) -> None:
        """Take in the next slice.

        Raises
        ------
        InputRefused
            HU_IMPLAUSIBLE if the body's HU jump against the slices before.
        """
        self._histogram += _histogram(sample.hu)
        self._recent = [*self._recent[-2:], sample]
        if len(self._recent) >= 2:
            check_step(*self._recent[-2:])
        if len(self._recent) == 3:
            check_spike(*self._recent)

    def judge(self) -> tuple[float, bool]:
        """Padding, and whether the scale was seen to be right; see `check_plausible`."""
        return check_plausible(self._histogram)


def check_step(before: Sample, now: Sample) -> None:
    """Refuse a body that jumps where the rescale changes; without change it may just begin or end."""
    same_scale = (before.slope, before.intercept) == (now.slope, now.intercept)
    if not same_scale and abs(jump_hu(before.hu, now.hu)) > JUMP_LIMIT_HU:
        raise InputRefused("HU_IMPLAUSIBLE", "the body's HU jump where the rescale changes between slices")


def check_spike(before: Sample, middle: Sample, after: Sample) -> None:
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


def check_plausible(histogram: NDArray[np.int64]) -> tuple[float, bool]:
    """Refuse what plainly is no HU scale; say what is padding, and whether the scale was seen to be right.

    Returns
    -------
    padding_share : float
        Part of the voxels that is padding.
    verified : bool
        Whether fat or muscle is in view, where it should be.

    Raises
    ------
    InputRefused
        HU_IMPLAUSIBLE.
    """
    total = max(1, int(histogram.sum()))
    if _share(histogram, 20000, HIGHEST_HU) > TRACE:
        raise InputRefused("HU_IMPLAUSIBLE", "values above 20000 HU: signed numbers read as unsigned")
    constant = int(histogram[: _bin(LOWEST_NOISE_HU)].max(initial=0))
    varied = int(histogram[: _bin(IMPOSSIBLE_HU)].sum()) - constant
    if varied > MAX_IMPOSSIBLE_SHARE * total:
        raise InputRefused("HU_IMPLAUSIBLE", "many values far below air: the intercept was applied twice")
    seen = histogram.copy()
    seen[: _bin(LOWEST_NOISE_HU)] = 0
    if _share(seen, LOWEST_HU, BODY_HU) < TRACE and _share(seen, 700, 2000) > MAX_BONE_SHARE:
        raise InputRefused("HU_IMPLAUSIBLE", "no air, and much above 700 HU: the intercept is missing")
    span = slice(_bin(SCALE_HU[0]), _bin(SCALE_HU[1]))
    verified = check_tissues(seen[span], SCALE_HU[0], BIN_HU)
    return (constant / total if constant > TRACE * total else 0.0), verified


def check_volume(hu: NDArray[np.generic]) -> bool:
    """Judge a volume that comes as a whole; see `check_plausible`."""
    steps = tuple(slice(None, None, max(1, size // SAMPLES_PER_AXIS)) for size in hu.shape)
    return check_plausible(_histogram(hu[steps]))[1]


def _histogram(hu: NDArray[np.generic]) -> NDArray[np.int64]:
    wide = np.asarray(hu, dtype=np.float32)
    bins = (np.clip(wide, LOWEST_HU, HIGHEST_HU) - LOWEST_HU).astype(np.int32) // BIN_HU
    return np.bincount(bins.ravel(), minlength=(HIGHEST_HU - LOWEST_HU) // BIN_HU + 1)


def _bin(hu: float) -> int:
    return int(hu - LOWEST_HU) // BIN_HU


def _share(histogram: NDArray[np.int64], low_hu: float, high_hu: float) -> float:
    return float(histogram[_bin(low_hu) : _bin(high_hu) + 1].sum()) / max(1, int(histogram.sum()))
