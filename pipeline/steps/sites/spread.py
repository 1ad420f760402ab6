"""How the calcinosis of a scan is spread: by region, by depth, and its pattern."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.domain.lesion import Lesion, Pattern
from pipeline.steps.voxels import thickness_mm

UNKNOWN = "unknown"
EXOSKELETON_MM = 100.0
"""A sheet under the skin this long is part of an exoskeleton;"""
EXOSKELETON_SHARE = 0.5
"""of the volume so much."""
LUMP_MM = 8.0
"""A lesion that a ball of this diameter fits into is a lump; sheets and lines are thinner."""
MOSTLY = 0.75
"""Of the volume, for the others."""


def sum_by(lesions: Sequence[Lesion], key: Callable[[Lesion], str | None]) -> dict[str, float]:
    """Volume (mm³) of the definite lesions by a property, in order of the names; None counts as unknown."""
    sums: dict[str, float] = {}
    for one in lesions:
        if one.status == "definite":
            name = key(one) or UNKNOWN
            sums[name] = sums.get(name, 0.0) + one.size.volume_mm3.value
    return dict(sorted(sums.items()))


def pattern_of(lesions: Sequence[Lesion]) -> Pattern | None:
    """The pattern of calcinosis, by volume (forms as in Hoeltzel et al. 2014, doi 10.1007/s11926-014-0467-y).

    Superficial plaques and nodules, tumoral lumps, sheets and lines along fascia and muscle, an
    exoskeleton, or mixed. None where there is no definite lesion.
    """
    sums = sum_by(lesions, kind_of)
    total = sum(sums.values())
    if total <= 0:
        return None
    if sums.get("exoskeleton", 0.0) >= EXOSKELETON_SHARE * total:
        return "exoskeleton"
    kinds: tuple[Pattern, ...] = ("superficial", "tumoral", "fascial")
    return next((kind for kind in kinds if sums.get(kind, 0.0) >= MOSTLY * total), "mixed")


def kind_of(lesion: Lesion) -> Pattern:
    """Which of the patterns one lesion is."""
    superficial = lesion.site.depth in ("skin", "subcutaneous")
    if superficial and lesion.size.diameter_3d_mm >= EXOSKELETON_MM:
        return "exoskeleton"
    if superficial:
        return "superficial"
    thick_mm = thickness_mm(lesion.mask.voxels, lesion.mask.geometry.spacing_mm)
    return "tumoral" if thick_mm >= LUMP_MM else "fascial"
