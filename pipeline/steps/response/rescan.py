"""By how much two scans of the same calcium may differ."""

from __future__ import annotations

from math import hypot

from pipeline.config import RespondSettings
from pipeline.domain.lesion import Interval
from pipeline.steps.match import Technique


def rescan_limit_mm3(
    old: Interval,
    new: Interval,
    settings: RespondSettings,
    *,
    surface_mm2: float = 0.0,
    shift_mm: float = 0.0,
) -> float:
    """Half width of the 95 % limits of no change between two scans of the same calcium.

    From the limits of both volumes, in quadrature, but never less than repeat scans of phantoms
    show; where limits are unknown, from the coronary prior.

    Parameters
    ----------
    surface_mm2 : float
        Of the calcium.
    shift_mm : float
        How far its border may have moved by another kernel or thickness.
    """
    root = max(old.value, new.value) ** 0.5
    halves = [_half_mm3(old), _half_mm3(new)]
    known = [half for half in halves if half is not None]
    if len(known) < len(halves):
        return float(settings.rescan_factor * root + surface_mm2 * shift_mm)
    return float(max(hypot(*known), settings.repeat_factor * root) + surface_mm2 * shift_mm)


def _half_mm3(one: Interval) -> float | None:
    """Half of the distance between the limits; nothing has none."""
    if one.value == 0:
        return 0.0
    return None if one.lower is None or one.upper is None else (one.upper - one.lower) / 2


def border_shift_mm(one: Technique, other: Technique, settings: RespondSettings) -> float:
    """How far kernel and thickness may move the border of a lesion between two scans."""
    by_kernel = settings.kernel_shift_mm if one.other_kernel(other) else 0.0
    return by_kernel + settings.thickness_shift * one.thickness_difference_mm(other)
