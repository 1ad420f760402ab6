"""The HU above which tissue counts as calcified on this scan."""

from __future__ import annotations

import numpy as np

from pipeline.config import CandidateSettings
from pipeline.domain.analysis import Threshold
from pipeline.domain.scan import Acquisition

REFERENCE_KVP = 120.0
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
    return Threshold(round(settings.seed_hu * factor, 1), round(settings.edge_hu * factor, 1), reason)
