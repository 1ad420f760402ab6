"""What the analysis made of a place in the scan."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Float3, Geometry
from tests.accuracy.truth import Points, TrueMimic

Outcome = Literal["right", "wrong kind", "bone", "indeterminate", "definite", "dropped", "faint"]

MIMIC_REACH_MM = 4.0
BONE_REACH_MM = 2.0
"""Bone further off is a neighbour of the mimic, and not what it was taken for."""
FAINT_REACH_MM = 2.0
BONE = 1
"""Value of bone among the objects."""
MOST_POINTS = 400
"""So many of a mimic's voxels are asked at most."""


@dataclass(frozen=True)
class MimicFate:
    """What became of a mimic."""

    kind: str
    name: str
    volume_mm3: float | None
    place_lps_mm: Float3
    outcome: Outcome
    taken_for: str


@dataclass(frozen=True, eq=False)
class Objects:
    """All that the analysis tells apart, in one label map."""

    values: NDArray[np.uint16]
    names: tuple[str, ...]  #: by value
    geometry: Geometry


def gather_objects(analysis: Analysis) -> Objects:
    """Paint bones, what was excluded and lesions into one map."""
    values = (analysis.skeleton.values > 0).astype(np.uint16)
    names = ["nothing", "bone"]
    for one in analysis.excluded:
        values[one.mask.box][one.mask.voxels] = len(names)
        names.append(one.kind)
    for lesion in analysis.lesions:
        values[lesion.mask.box][lesion.mask.voxels] = len(names)
        names.append(lesion.status)
    return Objects(values, tuple(names), analysis.geometry)


def find_nearest(objects: Objects, point: Float3, *, reach_mm: float) -> str:
    """What lies nearest to a point: bone, a lesion's status, the kind of what was excluded, or nothing."""
    geometry = objects.geometry
    centre = geometry.to_index(point)
    reach = reach_mm / np.asarray(geometry.spacing_mm) + 1
    low = np.maximum(np.floor(centre - reach), 0).astype(int)
    high = np.minimum(np.ceil(centre + reach) + 1, geometry.shape).astype(int)
    if (low >= high).any():
        return "nothing"
    part = objects.values[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    index = np.argwhere(part)
    away = np.linalg.norm(geometry.to_lps_mm(index + low) - np.asarray(point), axis=1)
    if not len(index) or away.min() > reach_mm:
        return "nothing"
    return objects.names[int(part[tuple(index[np.argmin(away)])])]


def most_of(mask: NDArray[np.bool_], objects: Objects) -> str:
    """What most voxels of a mask were taken for; nothing only where no object touches it."""
    counts = np.bincount(objects.values[mask], minlength=2)
    return objects.names[int(np.argmax(counts[1:])) + 1] if counts[1:].any() else "nothing"


def judge_mimic(mimic: TrueMimic, objects: Objects, analysis: Analysis) -> MimicFate:
    """What most of a mimic was taken for."""
    points = mimic.points_lps_mm[:: -(-len(mimic.points_lps_mm) // MOST_POINTS)]
    reach_mm = MIMIC_REACH_MM if len(points) == 1 else MIMIC_REACH_MM / 2
    votes = Counter(_taken_for(objects, (x, y, z), reach_mm) for x, y, z in points)
    seen = {what: count for what, count in votes.items() if what != "nothing"}
    taken_for = max(seen, key=lambda what: seen[what]) if seen else "nothing"
    outcome = outcome_of(mimic.kind, taken_for)
    if outcome == "dropped" and not _is_bright(points, analysis):
        outcome = "faint"
    x, y, z = (float(v) for v in points[len(points) // 2])
    return MimicFate(mimic.kind, mimic.name, mimic.volume_mm3, (x, y, z), outcome, taken_for)


def _taken_for(objects: Objects, point: Float3, reach_mm: float) -> str:
    what = find_nearest(objects, point, reach_mm=reach_mm)
    return find_nearest(objects, point, reach_mm=BONE_REACH_MM) if what == "bone" else what


def outcome_of(kind: str, taken_for: str) -> Outcome:
    """Right or how wrong; a growth centre may also be part of the bone."""
    if taken_for == kind or (kind == "growth_centre" and taken_for == "bone"):
        return "right"
    if taken_for == "nothing":
        return "dropped"
    if taken_for == "bone":
        return "bone"
    if taken_for == "indeterminate":
        return "indeterminate"
    return "definite" if taken_for == "definite" else "wrong kind"


def _is_bright(points: Points, analysis: Analysis) -> bool:
    """Whether any voxel near the points reaches the seed of the threshold."""
    geometry = analysis.geometry
    reach = np.ceil(FAINT_REACH_MM / np.asarray(geometry.spacing_mm)).astype(int)
    for centre in np.rint(geometry.to_index(points)).astype(int):
        low, high = np.maximum(centre - reach, 0), np.maximum(centre + reach + 1, 0)
        part = analysis.scan.volume.hu[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        if part.size and part.max() >= analysis.threshold.seed_hu:
            return True
    return False
