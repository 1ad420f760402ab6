"""Small spots told by the atlas: the walls of the vessels of the pelvis, tips of bones the scan cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.config import SpotSettings
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.facts import SHELL_MM, Facts
from pipeline.steps.gaps import fills_gap_of, share_shown
from pipeline.steps.grid import margin_voxels
from pipeline.steps.pelvis import NearBone
from pipeline.steps.place import Surroundings, place_of
from pipeline.steps.voxels import distance_to_in_plane_mm, distance_to_mm, label_components, thickness_mm

BRIGHT_HU = 150.0
"""Spongiosa and cortex, cut by the edge of the scan."""
RIM_MM = 4.0
"""A cortex with its blur."""
ABOVE = "well above the iliac crests, not in fat under the skin: may be a rib or contrast in an organ"
INSIDE_PERCENT = 25.0
ONE_SLICE_MM = 1e4
"""So far apart, slices do not see each other."""
COCCYX = "coccyx"
MIDDLE_BONES = (COCCYX, "sacrum")


def tell_spots(
    candidates: Sequence[Candidate], around: Surroundings, settings: SpotSettings
) -> tuple[Candidate, ...]:
    """Exclude spots on the vessels of the pelvic cavity, and pieces of bone that the scan cuts."""
    return tuple(_told(one, around, settings) if one.kind == "lesion" else one for one in candidates)


def _told(one: Candidate, around: Surroundings, settings: SpotSettings) -> Candidate:
    if _is_corner_of_bone(one, around, settings):
        reason = (
            "corner of something with a dense rim around a less dense inside, cut by two sides of the scan"
        )
        return replace(one, kind="bone_fragment", status="definite", reason=reason)
    if _is_end_of_bone(one, around, settings):
        reason = "rim of something wide, as faint as spongiosa, that the end of the scan cuts beside bone"
        return replace(one, kind="bone_fragment", status="definite", reason=reason)
    if around.pelvis is None:
        return one
    middle = one.mask.points_lps_mm().mean(axis=0)
    near = around.pelvis.nearest(middle)
    piece = _piece_of_bone(one, near, settings)
    if piece is not None:
        return replace(one, kind="bone_fragment", status="definite", reason=piece)
    missed = fills_gap_of(one, around)
    if missed is not None:
        reason = f"faint, in a gap of the bone found where the atlas has the {missed.replace('_', ' ')}"
        return replace(one, kind="bone_fragment", status="definite", reason=reason)
    if lies_in_coccyx(one, near, settings):
        return _in_coccyx(one, near, around, settings)
    if one.status == "definite" and middle[2] > around.pelvis.crest_mm + settings.above_mm:
        if Facts(one.mask, around).fat_share < settings.subcutaneous_fat_share:
            return replace(one, status="indeterminate", reason=ABOVE)
        return one
    if middle[2] > around.pelvis.roof_mm and _may_be_on_vessel(one.mask, near, around, settings):
        return _on_vessel(one, near, around, settings)
    return one


def _is_corner_of_bone(one: Candidate, around: Surroundings, settings: SpotSettings) -> bool:
    """Whether a small piece cut by two sides of the scan has a cortex on the side within the scan."""
    mask = one.mask
    if one.peak_hu < settings.rim_hu or mask.volume_mm3 > settings.piece_mm3 or _cut_sides(mask) < 2:
        return False
    spacing = mask.geometry.spacing_mm
    wide = mask.padded(margin_voxels(spacing, SHELL_MM[1]))
    hu = around.smooth.hu[wide.box].astype(np.float64)
    labels = label_components((hu >= BRIGHT_HU) & ~around.solid[wide.box], connectivity=26)
    whole = np.isin(labels, np.unique(labels[wide.voxels & (labels > 0)]))
    if whole.all():
        return False
    depth = distance_to_mm(~whole, (ONE_SLICE_MM, *spacing[1:]))
    rim, inside = hu[whole & (depth <= RIM_MM)], hu[whole & (depth > RIM_MM)]
    if not len(rim) or not len(inside):
        return False
    return float(np.percentile(inside, INSIDE_PERCENT)) <= settings.rim_share * float(np.percentile(rim, 95))


def _is_end_of_bone(one: Candidate, around: Surroundings, settings: SpotSettings) -> bool:
    """Whether the first or last slice cuts a bone's end there, such as the head of a fibula without cortex.

    Such a piece is the denser rim of something wider; calcium that wide is dense throughout.
    """
    mask = one.mask
    if one.peak_hu > settings.end_hu or mask.volume_mm3 > settings.piece_mm3:
        return False
    ends = ((0, mask.box[0].start == 0), (-1, mask.box[0].stop == mask.geometry.shape[0]))
    return any(_is_rim_of_wide(mask, end, around, settings) for end, cut in ends if cut)


def _is_rim_of_wide(mask: BoxedMask, end: int, around: Surroundings, settings: SpotSettings) -> bool:
    """Whether in the slice at one end, with bone near, a piece is the lesser part of brighter tissue."""
    spacing = mask.geometry.spacing_mm[1:]
    wide = mask.padded(margin_voxels(mask.geometry.spacing_mm, settings.end_reach_mm))
    _, rows, columns = wide.box
    own, bone, hu = wide.voxels[end], around.solid[end, rows, columns], around.smooth.hu[end, rows, columns]
    if not bone.any() or distance_to_in_plane_mm(bone, spacing)[own].min() > settings.end_reach_mm:
        return False
    if np.median(hu[~bone]) >= settings.end_tissue_hu:
        return False
    tissue = ((hu >= settings.end_tissue_hu) & ~bone) | own
    beside = distance_to_in_plane_mm(own, spacing) <= settings.end_width_mm / 2
    depth_mm = np.where(beside, distance_to_in_plane_mm(~tissue, spacing), 0)
    deepest = np.zeros_like(own)
    deepest.ravel()[int(depth_mm.argmax())] = True
    ball = distance_to_in_plane_mm(deepest, spacing) <= depth_mm.max()
    return bool(depth_mm.max() >= settings.end_width_mm / 2 and own[ball].mean() <= settings.end_rim_share)


def _cut_sides(mask: BoxedMask) -> int:
    """How many faces of the scan a component touches."""
    ends = zip(mask.box, mask.geometry.shape, strict=True)
    return sum((one.start == 0) + (one.stop == size) for one, size in ends)


def _piece_of_bone(one: Candidate, near: NearBone, settings: SpotSettings) -> str | None:
    """Why a spot is a piece of bone, if it is: within a bone of the atlas, and faint or cut by the scan."""
    if _is_cut_vertebra(one, near, settings):
        return "cut by the upper end of the scan where the atlas has a lumbar vertebra"
    if one.mask.volume_mm3 > settings.piece_mm3:
        return None
    if _is_transverse_process(one, near, settings):
        return f"dense, cut by the upper end of the scan {near.distance_mm:.0f} mm beside a lumbar vertebra"
    if near.height_mm > settings.piece_height_mm:
        return None
    if near.distance_mm > settings.piece_reach_mm:
        return None
    name = near.name.replace("_", " ")
    if one.mask.touches_edge:
        return f"cut by the edge of the scan where the atlas has the {name}"
    if near.name in MIDDLE_BONES and one.peak_hu <= settings.piece_most_hu:
        return f"as faint as spongiosa ({one.peak_hu:.0f} HU) where the atlas has the {name}"
    return None


def lies_in_coccyx(one: Candidate, near: NearBone, settings: SpotSettings) -> bool:
    """Whether a piece, dense or not, lies within the atlas's coccyx."""
    within = near.height_mm <= settings.piece_height_mm and near.distance_mm <= settings.piece_reach_mm
    return near.name == COCCYX and within and one.mask.volume_mm3 <= settings.coccyx_mm3


def _in_coccyx(one: Candidate, near: NearBone, around: Surroundings, settings: SpotSettings) -> Candidate:
    """A segment of it, or it where no other bone is shown; beside other bone it may be a part of it."""
    if near.height_mm <= -settings.coccyx_depth_mm and one.peak_hu <= settings.coccyx_most_hu:
        reason = (
            f"no denser than bone ({one.peak_hu:.0f} HU), well within the atlas's coccyx: a segment of it"
        )
        return replace(one, kind="bone_fragment", status="definite", reason=reason)
    if share_shown(one, COCCYX, around) <= settings.coccyx_shown_share:
        reason = "where the atlas has the coccyx, and no other bone is shown there"
        return replace(one, kind="bone_fragment", status="definite", reason=reason)
    return replace(
        one, status="indeterminate", reason=one.reason or "where the atlas has the coccyx: may be of it"
    )


def _is_cut_vertebra(one: Candidate, near: NearBone, settings: SpotSettings) -> bool:
    """Whether the upper end of the scan cuts off the lower rim of a vertebra, seen nowhere else."""
    upper = one.mask.box[0].stop == one.mask.geometry.shape[0]
    at_it = near.name == "lumbar_vertebrae" and near.height_mm <= settings.cut_vertebra_mm
    return upper and at_it and one.mask.volume_mm3 <= settings.cut_vertebra_mm3


def _is_transverse_process(one: Candidate, near: NearBone, settings: SpotSettings) -> bool:
    """Its tip stands off the vertebra, and the part between may lie beyond the end of the scan."""
    upper = one.mask.box[0].stop == one.mask.geometry.shape[0]
    beside = near.name == "lumbar_vertebrae" and near.distance_mm <= settings.process_reach_mm
    return upper and beside and one.peak_hu >= settings.process_hu


def _may_be_on_vessel(mask: BoxedMask, near: NearBone, around: Surroundings, settings: SpotSettings) -> bool:
    """Thin, away from bone and its muscles, in the pelvic cavity."""
    if (
        mask.volume_mm3 > settings.vessel_mm3
        or mask.touches_edge
        or near.distance_mm < settings.vessel_bone_mm
    ):
        return False
    thick_mm = thickness_mm(mask.voxels, mask.geometry.spacing_mm)
    return thick_mm <= settings.vessel_thickness_mm and place_of(mask, around).enclosed


def _on_vessel(one: Candidate, near: NearBone, around: Surroundings, settings: SpotSettings) -> Candidate:
    """Beside fat or contrast it lies on a vessel; with soft tissue all around it may lie in the psoas."""
    where = f"thin spot in the pelvic cavity, {near.distance_mm:.0f} mm from the bones, above the hip joints"
    facts = Facts(one.mask, around)
    beside = None
    if facts.muscle_mm <= settings.muscle_mm:
        beside = None
    elif facts.fat_share >= settings.fat_share:
        beside = "fat"
    elif facts.contrast_share >= settings.contrast_share:
        beside = "bowel with contrast"
    if beside is not None:
        reason = f"{where}, beside {beside}: wall of an iliac vessel"
        return replace(one, kind="vascular", status="definite", reason=reason)
    return replace(one, status="indeterminate", reason=f"{where}: may be the wall of an iliac vessel")
