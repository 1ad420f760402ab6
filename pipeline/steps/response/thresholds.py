"""Whether the dates of a comparison were looked through with the same threshold, and if not what follows.

Each scan is measured by itself, so that its numbers never depend on another one; nothing is looked for again
with the stricter threshold. What that one would have missed counts as missed instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.domain.analysis import Threshold
from pipeline.domain.change import CommonThreshold

ROUNDED_HU = 0.2
"""Levels at other tube voltages are rounded to a tenth."""
CONSEQUENCE = (
    "each scan keeps its own; what is too faint for the strictest of them and not seen there is "
    "not_evaluable there, neither resolved nor new"
)


class _Levels(NamedTuple):
    """What a scan was looked through with, as it would be at 120 kVp."""

    seed_hu: float
    edge_hu: float
    faint: bool  #: whether what is fainter but far out of the noise is looked for in all of the scan


def common_threshold(thresholds: Sequence[Threshold], calcium_factors: Sequence[float]) -> CommonThreshold:
    """Thresholds of all dates, and in words whether they were the same.

    Parameters
    ----------
    calcium_factors : sequence of float
        How many times brighter calcium is on each date than at 120 kVp.
    """
    first = thresholds[0]
    same = all(
        (one.seed_hu, one.edge_hu, one.faint_hu, one.faint_everywhere)
        == (first.seed_hu, first.edge_hu, first.faint_hu, first.faint_everywhere)
        for one in thresholds
    )
    return CommonThreshold(
        seed_hu=tuple(one.seed_hu for one in thresholds),
        edge_hu=tuple(one.edge_hu for one in thresholds),
        same=same and len(set(calcium_factors)) == 1,
        reason=_reason(thresholds, calcium_factors, same=same),
    )


def _reason(thresholds: Sequence[Threshold], factors: Sequence[float], *, same: bool) -> str:
    one_voltage = len(set(factors)) == 1
    if same and one_voltage:
        return "the same threshold on all dates"
    listed = ", ".join(f"t{n} {_least_text(one)}" for n, one in enumerate(thresholds))
    levels = [
        _Levels(one.seed_hu / factor, one.edge_hu / factor, one.faint_everywhere)
        for one, factor in zip(thresholds, factors, strict=True)
    ]
    what = "the same calcium at different tube voltages" if _alike(levels) else "different thresholds"
    return f"{what} (least peak looked for: {listed}): {CONSEQUENCE}"


def _least_text(one: Threshold) -> str:
    if one.faint_below_mm is None:
        return f"{one.least_seed_hu:g} HU"
    return f"{one.least_seed_hu:g} HU, {one.seed_hu:g} HU above the hip joints"


def _alike(levels: Sequence[_Levels]) -> bool:
    first = levels[0]
    return all(
        one.faint == first.faint
        and abs(one.seed_hu - first.seed_hu) <= ROUNDED_HU
        and abs(one.edge_hu - first.edge_hu) <= ROUNDED_HU
        for one in levels
    )
