"""The HU above which tissue counts as calcified on this scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.config import CandidateSettings
from pipeline.domain.analysis import Threshold
from pipeline.domain.scan import Acquisition
from pipeline.steps.blood import BloodPool

REFERENCE_KVP = 120.0
TISSUE_HU = 60.0
FAINT_BELOW_HU = (20.0, 40.0)
"""How far below the edge a faint seed and a faint edge lie at most: they rise with it."""
FAINT_FROM = "; down to "
CALCIUM_HU_BY_KVP = ((70.0, 207.0), (80.0, 177.0), (100.0, 145.0), (120.0, 130.0), (135.0, 119.0))
"""HU of the same calcium at other tube voltages, as the thresholds equivalent to 130 HU at 120 kVp
used in calcium scoring. Beyond 135 kVp the last slope is carried on."""


def calcium_factor(kvp: float | None) -> float:
    """How many times brighter calcium is at a tube voltage than at 120 kVp; 1 where it is unknown."""
    if kvp is None:
        return 1.0
    voltages, levels = zip(*CALCIUM_HU_BY_KVP, strict=True)
    if kvp <= voltages[-1]:
        level = float(np.interp(kvp, voltages, levels))
    else:
        slope = (levels[-1] - levels[-2]) / (voltages[-1] - voltages[-2])
        level = levels[-1] + slope * (kvp - voltages[-1])
    reference = dict(CALCIUM_HU_BY_KVP)[REFERENCE_KVP]
    return max(0.5, level / reference)


def choose_threshold(acquisition: Acquisition, settings: CandidateSettings) -> Threshold:
    """Threshold for one scan: the setting at 120 kVp, carried to the tube voltage of the scan."""
    factor = calcium_factor(acquisition.kvp)
    if acquisition.kvp is None:
        reason = "tube voltage unknown, settings for 120 kVp used unchanged"
    elif factor == 1.0:
        reason = "settings for 120 kVp"
    else:
        reason = f"settings for 120 kVp times {factor:.2f} for calcium at {acquisition.kvp:g} kVp"
    seed_below, edge_below = FAINT_BELOW_HU
    faint_hu = (
        _carried(max(settings.faint_seed_hu, settings.edge_hu - seed_below), factor),
        _carried(max(settings.faint_edge_hu, settings.edge_hu - edge_below), factor),
    )
    reason += f"{FAINT_FROM}{faint_hu[1]:g} HU where that is far out of the local noise, as indeterminate"
    return Threshold(
        round(settings.seed_hu * factor, 1), round(settings.edge_hu * factor, 1), reason, faint_hu
    )


def keep_faint_below(threshold: Threshold, height_mm: float) -> Threshold:
    """What is faint is looked for below a height (LPS z) alone: above it bowel holds contrast medium."""
    reason = f"{threshold.reason}; contrast medium in bowel: that only below the hip joints"
    return replace(threshold, faint_below_mm=height_mm, reason=reason)


def _carried(level_hu: float, factor: float) -> float:
    """A level near that of soft tissue, of which only the calcium depends on the tube voltage."""
    return round(TISSUE_HU + (level_hu - TISSUE_HU) * factor, 1)


def adapt_to_contrast(
    threshold: Threshold, blood: BloodPool | None, acquisition: Acquisition, settings: CandidateSettings
) -> Threshold:
    """Raise a threshold above contrast medium in the blood, where it is declared, and no more than needed.

    Blood that is seen counts for itself: its median and three standard deviations, up to a limit
    beyond which too much calcium would be lost. An agent that is declared and not seen raises the
    threshold a little, for vessels too thin to be measured. One that is seen on both sides of the
    body and not declared is named, and raises nothing. In all these what is faint is not looked for.
    """
    declared = bool(acquisition.contrast_agent)
    if not declared and (blood is None or not blood.both_sides):
        return threshold
    if blood is None:
        edge_hu, why = settings.contrast_edge_hu, "contrast agent declared, but not seen in vessels"
    else:
        needed_hu = blood.median_hu + 3 * (blood.median_hu - blood.low_hu)
        edge_hu = min(needed_hu, settings.contrast_most_hu) if declared else threshold.edge_hu
        named = "declared" if declared else "not declared"
        why = f"contrast agent {named}, blood at {blood.median_hu:.0f} HU, to be sure {needed_hu:.0f} HU"
    rise_hu = max(0.0, edge_hu - threshold.edge_hu)
    done = f"raised by {rise_hu:.0f} HU" if rise_hu > 0 else "not raised"
    return Threshold(
        round(threshold.seed_hu + rise_hu, 1),
        round(threshold.edge_hu + rise_hu, 1),
        f"{_usual(threshold.reason)}; {why}: {done}",
        enhanced=True,
    )


def _usual(reason: str) -> str:
    """The reason without what is faint."""
    return reason.split(FAINT_FROM)[0]
