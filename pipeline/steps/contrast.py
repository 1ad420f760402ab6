"""Contrast medium in bowel and bladder that shows itself: by a level under urine, or by floating on gas.

What tells itself by place and neighbours alone is left to `bowel`, after vessels have been followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.config import ContrastSettings
from pipeline.domain.lesion import Candidate
from pipeline.steps.facts import Facts
from pipeline.steps.place import Place, Surroundings, in_pelvic_cavity
from pipeline.steps.pools import find_level, part_dense

FULL_BLADDER = "wide even pool across the midline of the pelvic cavity"


def tell_contrast(
    candidates: Sequence[Candidate], around: Surroundings, settings: ContrastSettings
) -> tuple[Candidate, ...]:
    """Exclude contrast medium in the bladder and beside gas in bowel; part dense things from its pools."""
    parted = [part for one in candidates for part in part_dense(one, around, settings)]
    return tuple(_told(one, around, settings) if one.kind == "lesion" else one for one in parted)


def _told(candidate: Candidate, around: Surroundings, settings: ContrastSettings) -> Candidate:
    facts = Facts(candidate.mask, around)
    bladder = _in_bladder(facts, settings)
    if bladder is not None:
        reason = f"{bladder}, {facts.texture.middle_hu:.0f} HU throughout (± {facts.texture.unevenness:.0%})"
        return replace(candidate, kind="bladder_contrast", reason=reason)
    if is_denser_than_contrast(facts, settings):
        return candidate
    gas = facts.gas
    if (gas.share >= settings.gas_share or gas.area_mm2 >= settings.gas_mm2) and _may_float(facts, settings):
        return excluded_as_bowel(candidate, f"{gas.area_mm2:.0f} mm² of its surface lie on gas", facts)
    enclosed_hu = facts.enclosed_hu
    if enclosed_hu is not None and enclosed_hu <= settings.enclosed_gas_hu:
        return excluded_as_bowel(candidate, f"it closes in gas ({enclosed_hu:.0f} HU)", facts)
    return candidate


def is_denser_than_contrast(facts: Facts, settings: ContrastSettings) -> bool:
    """Denser than contrast medium in bowel is, or in part so; the small are thinned by partial volume."""
    most_hu = settings.most_hu if facts.mask.volume_mm3 < settings.small_mm3 else settings.mixed_hu
    return facts.high_hu > most_hu or facts.texture.middle_hu > settings.most_hu


def excluded_as_bowel(candidate: Candidate, evidence: str, facts: Facts) -> Candidate:
    """The candidate as contrast in bowel, with what is seen of it in words."""
    texture = facts.texture
    reason = (
        f"{evidence}, {texture.middle_hu:.0f} HU throughout (± {texture.unevenness:.0%}): contrast in bowel"
    )
    return replace(candidate, kind="bowel_contrast", status="definite", reason=reason)


def is_within_ring(place: Place, settings: ContrastSettings) -> bool:
    """Whether the bones of the pelvis stand around a place on both sides."""
    return in_pelvic_cavity(
        place,
        ring=settings.ring_share,
        widest_gap_deg=settings.widest_gap_deg,
        across=settings.across_share,
    )


def _in_bladder(facts: Facts, settings: ContrastSettings) -> str | None:
    """Why a pool is in the bladder: by its level at any density, or since it fills it to the brim."""
    if facts.mask.volume_mm3 < settings.bladder_mm3:
        return None
    level = find_level(facts.mask, facts.around, settings)
    if level is not None and is_within_ring(facts.place, settings):
        return level
    return FULL_BLADDER if _is_full_bladder(facts, settings) else None


def _is_full_bladder(facts: Facts, settings: ContrastSettings) -> bool:
    """A large wide pool across the midline of the cavity: contrast may be of any density in urine."""
    if facts.mask.volume_mm3 < settings.full_mm3 or facts.texture.thickness_mm < settings.full_thickness_mm:
        return False
    middle_i, columns = facts.around.middle_i, facts.mask.box[2]
    if middle_i is None or not columns.start < middle_i < columns.stop:
        return False
    return facts.own_unevenness <= settings.fluid_unevenness and is_within_ring(facts.place, settings)


def _may_float(facts: Facts, settings: ContrastSettings) -> bool:
    """A small dense spot beside gas may be anything; contrast as small is thinned by partial volume."""
    return facts.mask.volume_mm3 >= settings.small_mm3 or facts.high_hu <= settings.small_most_hu
