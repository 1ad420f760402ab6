"""Contrast medium in bowel that does not touch gas: told by place and evenness, and by bowel next to it.

Contrast is even, seldom denser than 450 HU, and lies within the ring of the pelvis, where calcinosis next
to never does. What only may be contrast stays a lesion, as indeterminate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.config import ContrastSettings
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.contrast import excluded_as_bowel, is_denser_than_contrast, is_within_ring
from pipeline.steps.facts import Facts
from pipeline.steps.grid import margin_voxels
from pipeline.steps.naming.atlas import HIP_BONES
from pipeline.steps.place import Place, Surroundings
from pipeline.steps.stones import form_of
from pipeline.steps.voxels import distance_to_mm

MAYBE = "even and no denser than contrast medium in bowel or bladder, and within the ring of the pelvis"
MAYBE_ABDOMEN = "even and no denser than contrast medium in bowel, before the pelvis and away from bone"
BESIDE_BONE_MM = 2.0
RELEASED_RIM = "left between bone and what lay against it and was taken for bone at first"
MAYBE_RELEASED = "taken for bone at first, but away from the bones of the pelvis: may be bowel or bone"


def tell_bowel(
    candidates: Sequence[Candidate], around: Surroundings, settings: ContrastSettings
) -> tuple[Candidate, ...]:
    """Exclude bowel with contrast away from gas; turn what may as well be to indeterminate."""
    facts = [Facts(one.mask, around) for one in candidates]
    told = [
        _by_place(one, its, settings) if one.kind == "lesion" else one
        for one, its in zip(candidates, facts, strict=True)
    ]
    told = _beside_bowel(told, facts, settings)
    return tuple(_given_back(one, its, settings) for one, its in zip(told, facts, strict=True))


def _by_place(candidate: Candidate, facts: Facts, settings: ContrastSettings) -> Candidate:
    if is_denser_than_contrast(facts, settings):
        return candidate
    if _was_released(facts, settings):
        evidence = "within the ring of the pelvis, away from its wall, nothing denser on its surface"
        return excluded_as_bowel(candidate, evidence, facts)
    if _is_fluid_deep_inside(facts, settings):
        far = f"{settings.fluid_bone_mm:g} mm and more from the bones"
        return excluded_as_bowel(candidate, f"in the pelvic cavity, {far}, even as fluid", facts)
    place = facts.place
    if not _is_even_and_thick(facts, settings) or not _may_hold_contrast(place, settings):
        return candidate
    if not is_within_ring(place, settings):
        return replace(candidate, status="indeterminate", reason=MAYBE_ABDOMEN)
    off_wall = place.bone_mm >= settings.deep_mm and not may_be_in_muscle(facts, settings)
    off_wall = off_wall and not may_be_before_wall(facts, settings)
    if off_wall and facts.gas_mm <= settings.loop_mm:
        return excluded_as_bowel(candidate, f"gas {facts.gas_mm:.0f} mm away", facts)
    if place.bone_mm < settings.bone_gap_mm:
        return candidate
    return replace(candidate, status="indeterminate", reason=MAYBE)


def _given_back(one: Candidate, facts: Facts, settings: ContrastSettings) -> Candidate:
    """What the skeleton gave back and nothing explains is bowel or bone, and perhaps neither."""
    if one.kind != "lesion" or one.status != "definite" or not facts.mostly_released:
        return one
    thick_mm = facts.texture.thickness_mm
    if facts.place.bone_mm <= BESIDE_BONE_MM and thick_mm <= settings.least_thickness_mm:
        return replace(one, kind="bone_fragment", reason=f"thin rim ({thick_mm:.0f} mm) {RELEASED_RIM}")
    if facts.contrast_share >= settings.crumb_share and thick_mm <= settings.least_thickness_mm:
        reason = f"crumb ({thick_mm:.0f} mm) of what was taken for bone at first, beside contrast medium"
        return replace(one, kind="bone_fragment", reason=reason)
    return replace(one, status="indeterminate", reason=MAYBE_RELEASED)


def _is_even_and_thick(facts: Facts, settings: ContrastSettings) -> bool:
    thick = facts.texture.thickness_mm >= settings.least_thickness_mm
    return thick and facts.own_unevenness <= settings.unevenness


def _is_fluid_deep_inside(facts: Facts, settings: ContrastSettings) -> bool:
    """No less even than the noise makes it, in the middle of the pelvis: calcium is seldom so even."""
    pelvis = facts.around.pelvis
    if pelvis is None or facts.mask.volume_mm3 < settings.small_mm3:
        return False
    if not pelvis.encloses(facts.middle_lps_mm) or facts.high_hu > settings.most_hu:
        return False
    if may_be_in_muscle(facts, settings) and not is_in_organ(facts, settings):
        return False
    far = pelvis.nearest(facts.middle_lps_mm).distance_mm >= settings.fluid_bone_mm
    return far and facts.own_unevenness <= settings.fluid_unevenness


def _was_released(facts: Facts, settings: ContrastSettings) -> bool:
    """Most of it was given back by the skeleton as a pool, and lies away from the pelvic wall."""
    if not facts.mostly_released or may_be_obturator(facts, settings):
        return False
    spacing = facts.mask.geometry.spacing_mm
    wide = facts.mask.padded(margin_voxels(spacing, settings.deep_mm))
    away = distance_to_mm(facts.around.solid[wide.box], spacing)
    return float(np.median(away[wide.voxels])) >= settings.bone_gap_mm


def may_be_in_muscle(facts: Facts, settings: ContrastSettings) -> bool:
    """Where a muscle of the wall may hold it, and no fat parts it from that muscle; pools are too large."""
    if facts.mask.volume_mm3 >= settings.least_pool_mm3:
        return False
    return facts.muscle_mm <= settings.muscle_mm and facts.fat_share <= settings.muscle_fat_share


def is_in_organ(facts: Facts, settings: ContrastSettings) -> bool:
    """Whether what is soft around it is too little dense for muscle."""
    return facts.below_muscle_hu >= settings.organ_hu


def may_be_before_wall(facts: Facts, settings: ContrastSettings) -> bool:
    """In fat or in a muscle of the wall, with too little muscle over it for bowel.

    The seam between the muscles of the belly is as thin, so bowel behind it must be told by its surroundings.
    """
    if facts.place.enclosed:
        return False
    in_fat = facts.fat_share >= settings.wall_fat_share
    return (in_fat or facts.muscle_mm <= settings.muscle_mm) and facts.covered_mm < settings.wall_mm


def may_be_obturator(facts: Facts, settings: ContrastSettings) -> bool:
    """Below the hip joints' roof and near a hip bone, where the obturator internus lines the pelvis."""
    pelvis = facts.around.pelvis
    if pelvis is None:
        return False
    near = pelvis.nearest(facts.middle_lps_mm)
    low = bool(facts.middle_lps_mm[2] <= pelvis.roof_mm)
    return low and near.name in HIP_BONES and near.distance_mm <= settings.obturator_mm


def _may_hold_contrast(place: Place, settings: ContrastSettings) -> bool:
    """Within the ring, or above and before it, far from bone."""
    far = where_bowel_lies(place, settings) and place.bone_mm >= settings.abdomen_mm
    return far or is_within_ring(place, settings)


def is_off_bone(place: Place, settings: ContrastSettings) -> bool:
    """Away from what was taken for bone, or from every bone of the atlas: the rest may be bowel itself."""
    return place.bone_mm >= settings.bone_gap_mm or place.atlas_mm >= settings.far_mm


def where_bowel_lies(place: Place, settings: ContrastSettings) -> bool:
    """In or before the pelvis, as its bones show it or as the atlas does; never in buttock or back."""
    return not place.behind and (place.before or place.ring_share >= settings.piece_ring_share)


def _beside_bowel(told: list[Candidate], facts: list[Facts], settings: ContrastSettings) -> list[Candidate]:
    """Pieces no denser than a known loop of bowel, and next to it, are the same bowel, and so on."""
    known = [its for one, its in zip(told, facts, strict=True) if one.kind == "bowel_contrast"]
    fresh = known
    while fresh:
        added = []
        for number, its in enumerate(facts):
            if told[number].kind != "lesion":
                continue
            evidence = _same_bowel(its, fresh, known, settings)
            if evidence is not None:
                reason = f"{evidence} bowel with contrast and no denser ({its.high_hu:.0f} HU)"
                told[number] = replace(told[number], kind="bowel_contrast", status="definite", reason=reason)
                added.append(its)
        known, fresh = known + added, added
    return told


def _same_bowel(
    its: Facts, fresh: Sequence[Facts], known: Sequence[Facts], settings: ContrastSettings
) -> str | None:
    """Why a piece is bowel: next to a loop and no denser, or no denser and deep in the cavity."""
    small = its.mask.volume_mm3 < settings.small_mm3
    factor = settings.small_factor if small else settings.piece_factor
    if is_denser_than_contrast(its, settings) or _is_needle(its, settings):
        return None
    if may_be_in_muscle(its, settings) or may_be_before_wall(its, settings):
        return None
    as_dense = [one for one in fresh if its.high_hu <= factor * one.high_hu]
    if not as_dense or its.own_unevenness > settings.piece_unevenness:
        return None
    if not is_off_bone(its.place, settings) or not where_bowel_lies(its.place, settings):
        return None
    reach_mm = settings.loop_mm
    if any(gap_mm(its.mask, one.mask, reach_mm) <= reach_mm for one in as_dense):
        return f"within {reach_mm:g} mm of"
    deep = not small and its.place.bone_mm >= settings.deep_mm and is_within_ring(its.place, settings)
    near = any(gap_mm(its.mask, one.mask, reach_mm) <= reach_mm for one in known)
    return "deep in the pelvic cavity, on a scan with" if deep and not near else None


def _is_needle(its: Facts, settings: ContrastSettings) -> bool:
    """As thin as the scan can show, in the cavity away from bone: rather the wall of a vessel."""
    if its.mask.volume_mm3 > settings.needle_mm3 or not its.place.enclosed:
        return False
    return form_of(its.mask, its.around).spread_mm[1] <= settings.needle_spread_mm


def gap_mm(one: BoxedMask, other: BoxedMask, reach_mm: float) -> float:
    """Distance between two components; infinite beyond a reach."""
    spacing = one.geometry.spacing_mm
    wide = one.padded(margin_voxels(spacing, reach_mm))
    overlap = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(wide.box, other.box, strict=True)]
    if any(start >= stop for start, stop in overlap):
        return float("inf")
    here = np.zeros(wide.voxels.shape, dtype=bool)
    inner = tuple(slice(s - w.start, e - w.start) for (s, e), w in zip(overlap, wide.box, strict=True))
    there = tuple(slice(s - o.start, e - o.start) for (s, e), o in zip(overlap, other.box, strict=True))
    here[inner] = other.voxels[there]
    if not here.any():
        return float("inf")
    return float(distance_to_mm(here, spacing)[wide.voxels].min())
