"""Where air, fat and muscle lie in a histogram of HU, and whether they can lie there.

Air is -1000 HU by definition; fat lies about -100 and muscle about 55 at all tube voltages in
use (ICRU 44 compositions; Schneider et al. 1996). A scale that is shifted or stretched moves their
peaks to where no tissue is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputRefused

AIR_HU = (-1060, -900)
FAT_HU = (-130, -50)
MUSCLE_HU = (20, 90)
"""Where a peak must lie to be taken for the tissue."""

BODY_HU = -500
EMPTY_HU = (-450, -160)
"""No tissue has its peak here: above lung, below fat."""

MISPLACED_HU = 300
"""Above contrast-filled vessels and organs; bone is too varied to have a peak as sharp."""

WHOLE_BODY_HU = 400
FAT_TO_MUSCLE_HU = (110, 220)
"""Distance of the two peaks of a body, on a scale stretched by up to a third."""

NEAR_HU = 50
"""Half the width that a peak is counted over."""

SMOOTHING = np.array([1, 4, 6, 4, 1]) / 16
"""Over bins of 10 HU: a fluctuation is no peak."""

SUBSTANTIAL = 0.05
DOMINANT = 0.2
NARROW = 0.6
TRACE = 0.01
MIN_SAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Peak:
    """A local maximum of the histogram."""

    hu: float
    mass: float  #: number of voxels within 50 HU


def check_tissues(histogram: NDArray[np.int64], lowest_hu: int, bin_hu: int) -> bool:
    """Refuse a scale on which air or the body's tissues lie elsewhere.

    Parameters
    ----------
    histogram : ndarray
        Of all voxels but padding, from `lowest_hu` in bins of `bin_hu`.

    Returns
    -------
    bool
        Whether fat or muscle is in view, and right; air alone shows no slope. False for very few voxels.

    Raises
    ------
    InputRefused
        HU_IMPLAUSIBLE.
    """
    total = int(histogram.sum())
    if total < MIN_SAMPLES:
        return False
    centres_hu = lowest_hu + bin_hu * (np.arange(histogram.size) + 0.5)
    peaks = find_peaks(histogram, centres_hu)
    low = [p for p in peaks if p.hu < BODY_HU and p.mass > TRACE * total]
    _check_air(low, histogram[centres_hu < BODY_HU].sum(), total)
    body = int(histogram[centres_hu >= BODY_HU].sum())
    tissues = [p for p in peaks if p.hu >= BODY_HU and p.mass > TRACE * body]
    _check_body(tissues, body)
    large = [p for p in tissues if p.mass > SUBSTANTIAL * body]
    return any(_within(p, FAT_HU) or _within(p, MUSCLE_HU) for p in large)


def find_peaks(histogram: NDArray[np.int64], centres_hu: NDArray[np.floating]) -> list[Peak]:
    """Local maxima of the smoothed histogram, each the highest within 50 HU, in order of HU."""
    smooth = np.convolve(histogram, SMOOTHING, mode="same")
    reach = round(NEAR_HU / float(centres_hu[1] - centres_hu[0]))
    peaks: list[Peak] = []
    for n in np.flatnonzero(smooth):
        near = slice(max(0, n - reach), n + reach + 1)
        if smooth[n] >= smooth[near].max():
            weights = histogram[near]
            mass = float(weights.sum())
            if mass and (not peaks or centres_hu[n] - peaks[-1].hu > NEAR_HU):
                peaks.append(Peak(float(centres_hu[n]), mass))
    return peaks


def _check_air(low: list[Peak], mass: float, total: int) -> None:
    """Refuse one sharp peak below the body that is not where air is; lung is broad."""
    if not low or any(_within(p, AIR_HU) for p in low) or mass < SUBSTANTIAL * total:
        return
    highest = max(low, key=lambda p: p.mass)
    if highest.mass > NARROW * mass:
        raise InputRefused("HU_IMPLAUSIBLE", f"expected air at -1000 HU, found a peak at {highest.hu:.0f} HU")


def _check_body(tissues: list[Peak], body: int) -> None:
    """Refuse a body without fat and muscle whose peaks lie where tissues do not."""
    large = sorted((p for p in tissues if p.mass > SUBSTANTIAL * body), key=lambda p: -p.mass)
    found = " and ".join(f"{p.hu:.0f}" for p in sorted(large[:2], key=lambda p: p.hu))
    expected = "expected fat near -100 and muscle near 55 HU, found peaks at"
    if any(_within(p, EMPTY_HU) for p in large):
        raise InputRefused("HU_IMPLAUSIBLE", f"{expected} {found} HU")
    if any(_within(p, FAT_HU) for p in large):
        return
    muscle = any(_within(p, MUSCLE_HU) for p in large)
    if not muscle and large and large[0].hu > MISPLACED_HU and large[0].mass > DOMINANT * body:
        raise InputRefused("HU_IMPLAUSIBLE", f"{expected} {found} HU")
    if len(large) >= 2:
        low, high = sorted(large[:2], key=lambda p: p.hu)
        apart = FAT_TO_MUSCLE_HU[0] <= high.hu - low.hu <= FAT_TO_MUSCLE_HU[1]
        enhanced = muscle and high.mass < DOMINANT * body  # muscle, and organs full of contrast agent
        if high.hu < WHOLE_BODY_HU and apart and not enhanced:
            raise InputRefused("HU_IMPLAUSIBLE", f"{expected} {found} HU")


def _within(peak: Peak, range_hu: tuple[int, int]) -> bool:
    return range_hu[0] <= peak.hu <= range_hu[1]
