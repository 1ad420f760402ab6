"""Small pieces on a scan with contrast in bowel: bowel where several things say so, else in question.

Each evidence by itself is thin: a loop next to it, fat around it (no muscle holds it), fat between the bones
and what is no line, the density of the contrast itself, distance from all bones and the muscles on them. Two
of them together convince within the pelvic cavity or before it; beside it, at a muscle of its wall, or where
the scan cuts the piece, three. Deep in such a muscle nothing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.config import ContrastSettings
from pipeline.domain.lesion import Candidate
from pipeline.steps.bowel import (
    gap_mm,
    is_in_organ,
    is_off_bone,
    may_be_before_wall,
    may_be_in_muscle,
    may_be_obturator,
    where_bowel_lies,
)
from pipeline.steps.contrast import is_within_ring
from pipeline.steps.facts import Facts
from pipeline.steps.fat import share_of_ways_through_fat
from pipeline.steps.place import Surroundings
from pipeline.steps.stones import form_of

MAYBE_PIECE = "no denser than the bowel with contrast on this scan, in or before the pelvis: may be bowel"
MAYBE_FOSSA = "no denser than the bowel with contrast on this scan, before the iliac wing: may be bowel"
MAYBE_HERNIA = (
    "under the skin of the belly, as dense and even as the bowel with contrast next to it: may be bowel"
)
CONVINCING = 2
"""So many evidences convince,"""
CONVINCING_BESIDE = 3
"""and so many where less is known of the place."""


def question_pieces(
    candidates: Sequence[Candidate], around: Surroundings, settings: ContrastSettings
) -> tuple[Candidate, ...]:
    """On a scan with contrast in bowel, exclude pieces that are bowel beyond doubt and question the rest."""
    loops = [Facts(one.mask, around) for one in candidates if one.kind == "bowel_contrast"]
    if not loops:
        return tuple(candidates)
    return tuple(
        _told(one, Facts(one.mask, around), loops, settings) if one.kind == "lesion" else one
        for one in candidates
    )


def question_sheets(
    sheets: Sequence[Candidate], told: Sequence[Candidate], around: Surroundings, settings: ContrastSettings
) -> tuple[Candidate, ...]:
    """Question sheets under the skin of the belly that may as well be bowel with contrast in a hernia.

    Parameters
    ----------
    sheets : sequence of Candidate
        What was taken for sheets.
    told : sequence of Candidate
        All else, with the bowel among it.
    around : Surroundings
        With the sheets in its picture.
    """
    loops = [Facts(one.mask, around) for one in told if one.kind == "bowel_contrast"]
    if not loops:
        return tuple(sheets)
    return tuple(
        replace(one, status="indeterminate", reason=MAYBE_HERNIA)
        if _is_like_bowel(Facts(one.mask, around), loops, settings)
        else one
        for one in sheets
    )


def _is_like_bowel(facts: Facts, loops: Sequence[Facts], settings: ContrastSettings) -> bool:
    """As dense as the contrast and as even, next to a loop, and above the hip joints before the pelvis."""
    pelvis = facts.around.pelvis
    if pelvis is None or not pelvis.lies_before(facts.middle_lps_mm):
        return False
    match = facts.high_hu / _usual_hu(loops)
    if not settings.piece_match <= match <= settings.piece_most_match:
        return False
    near = _gap_mm(facts, loops, settings) <= settings.loop_mm
    return near and facts.own_unevenness <= settings.piece_unevenness


def _told(one: Candidate, facts: Facts, loops: Sequence[Facts], settings: ContrastSettings) -> Candidate:
    if facts.high_hu > max(loop.high_hu for loop in loops):
        return one
    place = facts.place
    off_bone = is_off_bone(place, settings) or _is_beside_bone_in_organ(facts, settings)
    if not off_bone and not _near_or_alike(facts, loops, settings):
        return one
    if not where_bowel_lies(place, settings):
        return one
    across = place.across_share is None or place.across_share >= settings.abdomen_across_share
    inside = place.before or is_within_ring(place, settings)
    if not inside and not across and not _in_fossa(facts):
        return one
    seen = _evidence(facts, loops, settings)
    in_muscle = may_be_in_muscle(facts, settings)
    organ = is_in_organ(facts, settings)
    beside_loop = organ and _gap_mm(facts, loops, settings) <= settings.loop_mm
    sure = (inside or organ) and not one.mask.touches_edge and (organ or not in_muscle)
    may_be_held = may_be_obturator(facts, settings) or may_be_before_wall(facts, settings)
    held = (may_be_held or _is_deep_in_muscle(facts, settings)) and not beside_loop
    if off_bone and not held and len(seen) >= (CONVINCING if sure else CONVINCING_BESIDE):
        reason = f"{', '.join(seen)}: contrast in bowel"
        return replace(one, kind="bowel_contrast", status="definite", reason=reason)
    if one.status == "indeterminate":
        return one
    reason = MAYBE_PIECE if inside or across else MAYBE_FOSSA
    return replace(one, status="indeterminate", reason=reason)


def _in_fossa(facts: Facts) -> bool:
    """Before the iliac wing of its own side, where bowel lies on the iliacus."""
    pelvis = facts.around.pelvis
    return pelvis is not None and pelvis.lies_in_fossa(facts.middle_lps_mm)


def _is_beside_bone_in_organ(facts: Facts, settings: ContrastSettings) -> bool:
    """Nearer to bone than bowel is seen elsewhere, but given back by the bones, or parted from them."""
    apart = facts.mostly_released or facts.place.bone_mm >= settings.organ_bone_mm
    return apart and is_in_organ(facts, settings)


def _is_deep_in_muscle(facts: Facts, settings: ContrastSettings) -> bool:
    return may_be_in_muscle(facts, settings) and facts.muscle_mm <= settings.deep_muscle_mm


def _near_or_alike(facts: Facts, loops: Sequence[Facts], settings: ContrastSettings) -> bool:
    """Next to a loop, or as dense as the contrast and even: questioned beside bone too."""
    if _gap_mm(facts, loops, settings) <= settings.loop_mm:
        return True
    dense = facts.high_hu >= settings.piece_match * _usual_hu(loops)
    return dense and facts.own_unevenness <= settings.piece_unevenness


def _gap_mm(facts: Facts, loops: Sequence[Facts], settings: ContrastSettings) -> float:
    """Distance to the nearest loop, as far as it matters."""
    return min(gap_mm(facts.mask, loop.mask, settings.loop_mm) for loop in loops)


def _usual_hu(loops: Sequence[Facts]) -> float:
    """Density of the contrast, by the largest pool."""
    return max(loops, key=lambda loop: loop.mask.volume_mm3).high_hu


def _evidence(facts: Facts, loops: Sequence[Facts], settings: ContrastSettings) -> tuple[str, ...]:
    """What speaks for bowel, in words."""
    seen = []
    gap = _gap_mm(facts, loops, settings)
    if gap <= settings.loop_mm:
        seen.append(f"{gap:.0f} mm from bowel with contrast and no denser")
    parted = False
    if facts.fat_share >= settings.piece_fat_share:
        seen.append("beside fat and so in no muscle")
        parted = _is_parted_from_bone(facts, settings)
    if parted:
        seen.append("parted by fat from the bones next to it")
    usual_hu = _usual_hu(loops)
    volume_mm3 = facts.mask.volume_mm3
    tiny = volume_mm3 <= settings.tiny_mm3 and is_in_organ(facts, settings)
    small = tiny or (parted and volume_mm3 < settings.small_mm3)
    least_match = settings.small_match if small else settings.piece_match
    if least_match * usual_hu <= facts.high_hu <= settings.piece_most_match * usual_hu:
        seen.append(f"as dense as the contrast in bowel ({facts.high_hu:.0f} of {usual_hu:.0f} HU)")
    if is_in_organ(facts, settings):
        seen.append(
            f"in tissue less dense than muscle ({facts.tissue_hu:.0f} of {facts.around.muscle_hu:.0f} HU)"
        )
    bone_mm = min(facts.place.bone_mm, facts.place.atlas_mm or facts.place.bone_mm)
    if bone_mm >= settings.piece_bone_mm:
        seen.append(f"{bone_mm:.0f} mm from all bones")
    return tuple(seen)


def _is_parted_from_bone(facts: Facts, settings: ContrastSettings) -> bool:
    """Whether fat parts what is no line from bone: lines of calcium lie along fasciae, in fat too."""
    _, wide_mm, long_mm = form_of(facts.mask, facts.around).spread_mm
    if long_mm > settings.line_factor * wide_mm:
        return False
    return share_of_ways_through_fat(facts.mask, facts.around) >= settings.piece_parted_share
