"""What came off a bone as a bead, and is no calcinosis after all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pipeline.config import SpotSettings
from pipeline.domain.lesion import Candidate
from pipeline.steps.apophyses import Growing
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.place import Surroundings
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.spots import lies_in_coccyx

NEAR_CENTRE_MM = 20.0
"""What came off a bone this near to a growth centre may be it: the atlas's crest of an ilium may lie as far
off as this."""
VERTEBRAE = "lumbar_vertebrae"
PROCESS_MM = 12.0
"""The tip of a vertebra's process lies this near to the vertebrae of the atlas, which may be shorter."""


def tell_beads(
    candidates: Iterable[Candidate], skeleton: Skeleton, around: Surroundings, settings: SpotSettings
) -> tuple[Candidate, ...]:
    """Beads where coccyx or vertebrae lie are of these; those at a loose growth centre may be it."""
    if around.pelvis is None or skeleton.beads is None:
        return tuple(candidates)
    growing = Growing(around.pelvis.fit.landmarks_mm, around.age_years, grown=True)
    pelvis = around.pelvis
    return tuple(
        _told(one, growing, pelvis, settings) if one.kind == "lesion" and skeleton.is_bead(one.mask) else one
        for one in candidates
    )


def _told(one: Candidate, growing: Growing, pelvis: Pelvis, settings: SpotSettings) -> Candidate:
    points = one.mask.points_lps_mm()
    near = pelvis.nearest(points.mean(axis=0))
    if lies_in_coccyx(one, near, settings):
        reason = "comes off the bones by itself where the atlas has the coccyx"
        return replace(one, kind="bone_fragment", status="definite", reason=reason)
    if near.name == VERTEBRAE and near.distance_mm <= PROCESS_MM:
        reason = f"comes off the bones {near.distance_mm:.0f} mm from the atlas's lumbar vertebrae: a process"
        return replace(one, kind="bone_fragment", status="definite", reason=reason)
    centre = growing.centre_at(points, near_mm=NEAR_CENTRE_MM)
    if centre is None or one.status != "definite":
        return one
    reason = f"at the {centre}, where bone grows: may be its growth centre"
    return replace(one, status="indeterminate", reason=reason)
