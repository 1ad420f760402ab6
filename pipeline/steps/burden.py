"""All lesions of a scan together."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.domain.analysis import Burden
from pipeline.domain.lesion import Interval, Lesion
from pipeline.domain.scan import Scan
from pipeline.steps.calcium import agatston_applies
from pipeline.steps.sites.spread import pattern_of, sum_by
from pipeline.steps.size import surface_mm2
from pipeline.steps.volumes.limits import burden_interval


def add_up_burden(
    lesions: Sequence[Lesion], detection_limit_mm3: float | None, scan: Scan, *, enhanced: bool
) -> Burden:
    """Sums over the definite lesions, and the volume of the indeterminate ones beside them.

    Without a lesion the upper limit is the smallest that would have been seen.
    """
    spacing_mm = scan.volume.geometry.spacing_mm[0]
    definite = [one for one in lesions if one.status == "definite"]
    unsure = [one for one in lesions if one.status == "indeterminate"]
    estimates = [one.size.estimate for one in definite if one.size.estimate is not None]
    return Burden(
        lesion_count=len(definite),
        volume_mm3=burden_interval(estimates) if definite else Interval(0.0, 0.0, detection_limit_mm3),
        voxel_volume_mm3=sum(one.size.voxel_volume_mm3 for one in definite),
        indeterminate_volume_mm3=sum(one.size.volume_mm3.value for one in unsure),
        detection_limit_mm3=detection_limit_mm3,
        calcium_mass_mg=_total(
            [one.calcium_mass_mg for one in definite], defined=scan.acquisition.kvp is not None
        ),
        agatston_score=_total(
            [one.agatston_score for one in definite],
            defined=agatston_applies(scan.acquisition, spacing_mm, enhanced=enhanced),
        ),
        surface_mm2=sum(surface_mm2(one.mask) for one in definite),
        by_region=sum_by(lesions, lambda one: one.site.region),
        by_depth=sum_by(lesions, lambda one: one.site.depth),
        pattern=pattern_of(lesions),
    )


def _total(values: Sequence[float | None], *, defined: bool) -> float | None:
    """The sum; None where one is unknown, or where it would be on this scan."""
    known = [one for one in values if one is not None]
    return sum(known, 0.0) if defined and len(known) == len(values) else None
