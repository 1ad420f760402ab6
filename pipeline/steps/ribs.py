"""Ribs: bright pieces in the wall of the trunk, beside a lung or beside another rib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.config import SpotSettings
from pipeline.domain.lesion import Candidate
from pipeline.steps.bowel import gap_mm
from pipeline.steps.facts import Facts
from pipeline.steps.place import Surroundings, distance_within_mm


def tell_ribs(
    candidates: Sequence[Candidate], around: Surroundings, settings: SpotSettings
) -> tuple[Candidate, ...]:
    """Exclude what is a rib on scans that reach up to the lungs; in fat under the skin it stays a lesion."""
    if around.lung is None:
        return tuple(candidates)
    told = list(candidates)
    asked = {n for n, one in enumerate(told) if one.kind == "lesion" and _in_the_wall(one, around, settings)}
    ribs = {n for n in asked if distance_within_mm(told[n].mask, around.lung) <= settings.rib_lung_mm}
    reason = f"in the wall of the trunk, within {settings.rib_lung_mm:g} mm of a lung: rib"
    while ribs:
        for n in ribs:
            told[n] = replace(told[n], kind="bone_fragment", status="definite", reason=reason)
        asked -= ribs
        ribs = {
            n
            for n in asked
            if any(
                gap_mm(told[n].mask, told[m].mask, settings.rib_gap_mm) <= settings.rib_gap_mm for m in ribs
            )
        }
        reason = f"in the wall of the trunk, within {settings.rib_gap_mm:g} mm of a rib: rib"
    return tuple(told)


def _in_the_wall(one: Candidate, around: Surroundings, settings: SpotSettings) -> bool:
    """Above the iliac crests, near the skin, and not in the fat under it."""
    pelvis = around.pelvis
    if pelvis is not None and one.mask.points_lps_mm()[:, 2].mean() <= pelvis.crest_mm + settings.above_mm:
        return False
    if distance_within_mm(one.mask, ~around.body) > settings.rib_skin_mm:
        return False
    return Facts(one.mask, around).fat_share < settings.subcutaneous_fat_share
