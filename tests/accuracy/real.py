"""Real scans and their findings, read by eye."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import Lesion
from tests.accuracy.fate import find_nearest, gather_objects
from tests.accuracy.lesions import FALSE_REACH_MM, FalseLesion, describe
from tests.accuracy.sets import DATA
from tests.accuracy.truth import Truth

POINT_REACH_MM = 3.0
"""A point set by eye lies within a slice (3.27 mm) of what it was set on."""
FURTHER_MM3 = 15.0
"""The findings are not exhaustive below this."""
LESIONS = ("definite", "indeterminate")
SOFT_TISSUE = "soft_tissue_calcification"


@dataclass(frozen=True)
class PointFate:
    """What became of a point of the findings."""

    kind: str
    place_lps_mm: Float3
    note: str
    taken_for: str
    right: bool | None  #: None where the reader was unsure


def read_findings(name: str) -> list[dict[str, Any]]:
    """Findings of one real scan."""
    findings = json.loads((DATA / "real_ct" / "findings.json").read_text("utf-8"))
    return list(findings.get(name, []))


def judge_points(findings: Sequence[dict[str, Any]], analysis: Analysis) -> tuple[PointFate, ...]:
    """What lies nearest to each point; to a calcification, whether any lesion is within reach."""
    objects = gather_objects(analysis)
    fates = []
    for one in findings:
        x, y, z = one["point_lps_mm"]
        taken_for = find_nearest(objects, (x, y, z), reach_mm=POINT_REACH_MM)
        if one["kind"] == SOFT_TISSUE and taken_for not in LESIONS:
            taken_for = _lesion_in_reach(analysis.lesions, (x, y, z)) or taken_for
        right = (taken_for in LESIONS) == (one["kind"] == SOFT_TISSUE)
        known = None if one["kind"] == "indeterminate" else right
        fates.append(PointFate(one["kind"], (x, y, z), one.get("note", ""), taken_for, known))
    return tuple(fates)


def _lesion_in_reach(lesions: Sequence[Lesion], point: Float3) -> str | None:
    near = [one for one in lesions if _away_mm(one, [point]) <= POINT_REACH_MM]
    return min((one.status for one in near), default=None)


def _away_mm(lesion: Lesion, points: Sequence[Float3]) -> float:
    if not points:
        return float("inf")
    return float(np.min(KDTree(lesion.mask.points_lps_mm()).query(np.asarray(points))[0]))


def further_lesions(findings: Sequence[dict[str, Any]], analysis: Analysis) -> tuple[FalseLesion, ...]:
    """Lesions that no calcification of the findings accounts for, largest first."""
    known = [one["point_lps_mm"] for one in findings if one["kind"] in (SOFT_TISSUE, "indeterminate")]
    nothing = np.zeros((1, 1, 1), np.uint8)
    truth = Truth(analysis.scan, (), nothing, (), nothing)
    return tuple(
        replace(describe(lesion, truth), on_mimic=_finding_at(lesion, findings))
        for lesion in analysis.lesions
        if lesion.size.voxel_volume_mm3 >= FURTHER_MM3 and _away_mm(lesion, known) > FALSE_REACH_MM
    )


def _finding_at(lesion: Lesion, findings: Sequence[dict[str, Any]]) -> str | None:
    kinds = (one["kind"] for one in findings if _away_mm(lesion, [one["point_lps_mm"]]) <= FALSE_REACH_MM)
    return next(kinds, None)
