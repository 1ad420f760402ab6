"""Small round stones in the pelvic cavity: phleboliths, and what the prostate holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.config import StoneSettings
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.facts import Facts
from pipeline.steps.grid import margin_voxels
from pipeline.steps.place import Place, Surroundings, in_pelvic_cavity
from pipeline.steps.vessels import CHILD_YEARS
from pipeline.steps.voxels import distance_to_mm

BACKGROUND_HU = 100.0
"""What counts of a voxel is its height above soft tissue."""
SHELL_MM = (2.5, 5.5)
"""Where around a stone the tissue it lies in is looked at, beyond its blur."""
SLICE_SPREAD = 0.5
"""A slice spreads a point by this share of its thickness (standard deviation)."""
PLANE_SPREAD_MM = 0.5
"""A soft-tissue kernel spreads a point by this in the slice."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a small spot is shaped, the scanner's blur taken off."""

    spread_mm: tuple[float, float, float]  #: standard deviations along its own axes, rising
    shell_hu: float  #: median of the tissue around it

    @property
    def excess_mm(self) -> float:
        """By how much it is longer than wide."""
        return self.spread_mm[2] - self.spread_mm[1]


def tell_stones(
    candidates: Sequence[Candidate], around: Surroundings, settings: StoneSettings
) -> tuple[Candidate, ...]:
    """Exclude phleboliths; question what may be one, or a stone of the prostate."""
    told = [_told(one, around, settings) if _is_small(one, settings) else one for one in candidates]
    known = [one for one in told if one.kind == "phlebolith"]
    return tuple(
        _like_others(new, known, around, settings) if new is not old and new.kind == "lesion" else new
        for old, new in zip(candidates, told, strict=True)
    )


def _like_others(
    one: Candidate, known: Sequence[Candidate], around: Surroundings, settings: StoneSettings
) -> Candidate:
    """A questioned round one near the midline is a phlebolith where others are alike: few are alone."""
    middle_mm = Facts(one.mask, around).place.middle_mm
    if middle_mm is None or middle_mm > settings.middle_mm:
        return one
    alike = sum(_are_alike(one, other, settings) for other in known)
    if not alike or form_of(one.mask, around).excess_mm > settings.round_mm:
        return one
    others = "another phlebolith" if alike == 1 else f"{alike} other phleboliths"
    reason = f"round, near the midline, as large and dense as {others} of this scan: phlebolith"
    return replace(one, kind="phlebolith", status="definite", reason=reason)


def _are_alike(one: Candidate, other: Candidate, settings: StoneSettings) -> bool:
    sizes = sorted((one.mask.volume_mm3, other.mask.volume_mm3))
    peaks = sorted((one.peak_hu, other.peak_hu))
    return sizes[1] <= settings.alike_size * sizes[0] and peaks[1] <= settings.alike_peak * peaks[0]


def _is_small(one: Candidate, settings: StoneSettings) -> bool:
    return one.kind == "lesion" and one.mask.volume_mm3 <= settings.most_mm3 and not one.mask.touches_edge


def _told(one: Candidate, around: Surroundings, settings: StoneSettings) -> Candidate:
    facts = Facts(one.mask, around)
    place = facts.place
    inside = in_pelvic_cavity(
        place, ring=settings.ring_share, widest_gap_deg=settings.widest_gap_deg, across=settings.across_share
    )
    if not inside:
        return _before_the_symphysis(one, facts, settings)
    form = form_of(one.mask, around)
    if not _off_the_wall(place, around, settings):
        return _near_the_wall(one, place, form, facts, settings)
    in_wall = _in_a_muscle(one, form, facts, settings)
    if in_wall is not None:
        return in_wall
    where = f"in the pelvic cavity, {place.bone_mm:.0f} mm from bone"
    if _in_prostate(place, form, around, settings):
        return _questioned(one, f"{where}, in soft tissue near the midline: may be a stone of the prostate")
    size = (6 * one.mask.volume_mm3 / np.pi) ** (1 / 3)
    if form.excess_mm <= settings.round_mm:
        reason = f"round spot as large as a ball of {size:.0f} mm, {where}: phlebolith"
        return replace(one, kind="phlebolith", status="definite", reason=reason)
    if form.spread_mm[1] <= settings.thin_mm and form.spread_mm[2] <= settings.short_mm:
        reason = f"short thin streak ({one.mask.volume_mm3:.0f} mm³), {where}: wall of a vessel"
        return replace(one, kind="vascular", status="definite", reason=reason)
    return _questioned(one, f"small, {where}: may be a stone or the wall of a vessel")


def _in_a_muscle(one: Candidate, form: Form, facts: Facts, settings: StoneSettings) -> Candidate | None:
    """What lies far from bone, but where the atlas has a muscle of the wall: veins lie in fat, not in muscle.

    None where it does not, or where fat says that no muscle holds it, or its form that it is a vessel's.
    """
    is_round = form.excess_mm <= settings.round_mm
    if facts.muscle_mm > (settings.muscle_mm if is_round else settings.streak_muscle_mm):
        return None
    if facts.muscle_mm <= 0 and facts.fat_share <= settings.muscle_fat_share:
        return one
    if facts.muscle_mm > 0 and facts.fat_share >= settings.all_fat_share:
        return None
    return _questioned(one, "small, beside fat where a muscle of the pelvic wall lies: may be a phlebolith")


def _near_the_wall(
    one: Candidate, place: Place, form: Form, facts: Facts, settings: StoneSettings
) -> Candidate:
    """What fat surrounds beside the wall of the pelvis no muscle holds; in the muscles it is a lesion."""
    if form.excess_mm > settings.round_mm:
        return one
    where = f"{place.bone_mm:.0f} mm from the wall of the pelvis"
    if form.shell_hu < settings.fat_hu:
        near_mm = settings.retropubic_mm if _is_retropubic(place, settings) else settings.symphysis_mm
        off_muscle = facts.muscle_mm > settings.muscle_mm
        if off_muscle and facts.fat_share >= settings.all_fat_share and place.bone_mm >= near_mm:
            reason = f"round, in the pelvic cavity with fat all around, {where}: phlebolith"
            return replace(one, kind="phlebolith", status="definite", reason=reason)
        return _questioned(one, f"round, in fat {where}: may be a phlebolith")
    if place.middle_mm is not None and place.middle_mm <= settings.middle_mm:
        if facts.below_muscle_hu >= settings.organ_hu and place.bone_mm >= settings.retropubic_mm:
            reason = f"round, near the midline, {where}, in tissue less dense than muscle: phlebolith"
            return replace(one, kind="phlebolith", status="definite", reason=reason)
        return _questioned(one, f"round, near the midline, {where}: may be a phlebolith or a tip of bone")
    return one


def _is_retropubic(place: Place, settings: StoneSettings) -> bool:
    """Near the midline of the cavity: no muscle lines the symphysis, and the fat behind it holds veins."""
    return place.enclosed and place.middle_mm is not None and place.middle_mm <= settings.middle_mm


def _before_the_symphysis(one: Candidate, facts: Facts, settings: StoneSettings) -> Candidate:
    """A round spot between the pubic rami, in fat or on the midline, lies in no muscle: perhaps in a vein."""
    pelvis = facts.around.pelvis
    middle_mm = facts.place.middle_mm
    if pelvis is None or not pelvis.faces_both_sides(facts.middle_lps_mm):
        return one
    beside = middle_mm is not None and middle_mm > settings.pubic_mm
    if beside or facts.middle_lps_mm[2] > pelvis.roof_mm:
        return one
    form = form_of(one.mask, facts.around)
    in_fat = form.shell_hu < settings.fat_hu or facts.fat_share >= settings.half_fat_share
    in_front = pelvis.is_in_front(facts.middle_lps_mm)
    reach_mm = settings.middle_mm if in_front else settings.midline_mm
    on_midline = middle_mm is not None and middle_mm <= reach_mm
    if on_midline and facts.below_muscle_hu >= settings.organ_hu and form.excess_mm > settings.round_mm:
        return _questioned(
            one, "small, near the midline, in tissue less dense than muscle: may be a phlebolith"
        )
    if not (in_fat or on_midline) or form.excess_mm > settings.round_mm:
        return one
    where = "in fat" if in_fat else "near the midline"
    return _questioned(one, f"round, {where} between the bones of both sides: may be a phlebolith")


def _questioned(one: Candidate, reason: str) -> Candidate:
    return replace(one, status="indeterminate", reason=reason)


def _off_the_wall(place: Place, around: Surroundings, settings: StoneSettings) -> bool:
    """Too far from bone to lie in the muscles that line it, or behind the symphysis, which has none."""
    child = around.age_years is not None and around.age_years < CHILD_YEARS
    if place.bone_mm >= (settings.child_bone_mm if child else settings.bone_mm):
        return True
    near = place.middle_mm is not None and place.middle_mm <= settings.middle_mm
    return near and place.bone_mm >= settings.symphysis_mm


def _in_prostate(place: Place, form: Form, around: Surroundings, settings: StoneSettings) -> bool:
    """In soft tissue of a man (or of unknown sex), no further from the midline than the prostate."""
    if around.sex == "F" or form.shell_hu < settings.soft_hu:
        return False
    return place.middle_mm is None or place.middle_mm <= settings.prostate_mm


def form_of(mask: BoxedMask, around: Surroundings) -> Form:
    """Shape of a small spot from its second moments, weighted by its height above soft tissue."""
    spacing = mask.geometry.spacing_mm
    wide = mask.padded(margin_voxels(spacing, SHELL_MM[1] + 1))
    away = distance_to_mm(wide.voxels, spacing)
    hu = around.smooth.hu[wide.box].astype(np.float64)
    weight = np.where(away <= max(1.2, spacing[1]), np.maximum(hu - BACKGROUND_HU, 0), 0)
    points = np.argwhere(weight > 0) * np.asarray(spacing)
    heights = weight[weight > 0]
    middle = np.average(points, axis=0, weights=heights)
    moments = np.cov((points - middle).T, aweights=heights, ddof=0)
    blur = [SLICE_SPREAD * spacing[0], *(np.hypot(PLANE_SPREAD_MM, s / np.sqrt(12)) for s in spacing[1:])]
    values = np.sort(np.linalg.eigvalsh(moments - np.diag(np.square(blur))))
    a, b, c = np.sqrt(np.maximum(values, 0))
    shell = (away >= SHELL_MM[0]) & (away <= SHELL_MM[1])
    return Form((float(a), float(b), float(c)), float(np.median(hu[shell])))
