"""What each bright component is: a lesion, or something that only looks like one, and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.config import MimicSettings
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.grid import margin_voxels
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.voxels import Voxels, distance_to_in_plane_mm, distance_to_mm, small_holes, thickness_mm

IN_LINE_MM = 4.0
"""A piece whose shadow falls this near to the bone's lies in line with it."""


def classify_candidates(
    candidates: tuple[Candidate, ...], skeleton: Skeleton, settings: MimicSettings
) -> tuple[Candidate, ...]:
    """Give each candidate that is not told yet its kind, its status and, if it is no sure lesion, why."""
    return tuple(_classify(one, skeleton, settings) if one.kind == "lesion" else one for one in candidates)


def _classify(candidate: Candidate, skeleton: Skeleton, settings: MimicSettings) -> Candidate:
    """The first rule that speaks; a lesion if none does."""
    for rule in (
        _too_small,
        _inside_bone,
        _joined_to_bone,
        _cut_by_the_scan,
        _speck_beside_bone,
        _few_voxels,
    ):
        verdict = rule(candidate, skeleton, settings)
        if verdict is not None:
            return verdict
    return candidate


def _too_small(candidate: Candidate, _: Skeleton, settings: MimicSettings) -> Candidate | None:
    volume_mm3 = candidate.mask.volume_mm3
    if volume_mm3 >= settings.smallest_lesion_mm3:
        return None
    reason = f"{volume_mm3:.1f} mm³, below {settings.smallest_lesion_mm3:g} mm³"
    return replace(candidate, kind="noise", status="definite", reason=reason)


def _inside_bone(candidate: Candidate, skeleton: Skeleton, settings: MimicSettings) -> Candidate | None:
    """Whether bone closes a small component in, in each of its slices: a denser spot of its spongiosa."""
    mask = candidate.mask
    if mask.volume_mm3 > settings.cut_piece_mm3:
        return None
    _, spacing_j, spacing_i = mask.geometry.spacing_mm
    reach = np.sqrt(settings.marrow_mm2)
    wide = mask.padded((0, int(np.ceil(reach / spacing_j)), int(np.ceil(reach / spacing_i))))
    solid, most_pixels = skeleton.solid[wide.box], int(settings.marrow_mm2 / (spacing_j * spacing_i))
    for own, bone in zip(wide.voxels, solid, strict=True):
        if (own & ~small_holes(bone, most_pixels) & ~bone).any():
            return None
    reason = "closed in by bone in every slice: inside it"
    return replace(candidate, kind="bone_fragment", status="definite", reason=reason)


def _joined_to_bone(candidate: Candidate, skeleton: Skeleton, settings: MimicSettings) -> Candidate | None:
    if _share(candidate.mask, skeleton.joined) < settings.joined_fraction:
        return None
    if skeleton.is_bead(candidate.mask):
        return None
    thick_mm = thickness_mm(candidate.mask.voxels, candidate.mask.geometry.spacing_mm)
    if thick_mm > settings.fragment_thickness_mm:
        return None
    reason = f"thin piece ({thick_mm:.0f} mm) joined to bone by tissue brighter than muscle"
    return replace(candidate, kind="bone_fragment", status="definite", reason=reason)


def _cut_by_the_scan(candidate: Candidate, skeleton: Skeleton, settings: MimicSettings) -> Candidate | None:
    """What the edge of the scan cuts cannot be known whole; beside bone cut there too, it is bone."""
    if not candidate.mask.touches_edge:
        return None
    if (
        candidate.peak_hu >= settings.cut_bone_hu
        and thickness_mm(candidate.mask.voxels, candidate.mask.geometry.spacing_mm)
        >= settings.cut_bone_thickness_mm
    ):
        return replace(
            candidate,
            kind="bone_fragment",
            status="definite",
            reason=f"thick and as dense as cortex ({candidate.peak_hu:.0f} HU), cut by the edge of the scan",
        )
    if (
        candidate.mask.volume_mm3 <= settings.cut_piece_mm3
        and _distance_to_cut_bone_mm(candidate.mask, skeleton) <= settings.cut_bone_reach_mm
    ):
        return replace(
            candidate,
            kind="bone_fragment",
            status="definite",
            reason="small piece cut by the same edge of the scan as the bone beside it",
        )
    if _in_line_with_bone(candidate.mask, skeleton, settings.joint_mm):
        return replace(
            candidate,
            kind="bone_fragment",
            status="definite",
            reason="begins at the end of the scan in line with the bone before it, across a joint or disc",
        )
    return replace(candidate, status="indeterminate", reason="cut by the edge of the scan")


def _speck_beside_bone(candidate: Candidate, skeleton: Skeleton, settings: MimicSettings) -> Candidate | None:
    """A speck a few millimetres off a bone may be its tip, thinned out by partial volume."""
    mask = candidate.mask
    if mask.volume_mm3 > settings.speck_mm3:
        return None
    around = mask.padded(margin_voxels(mask.geometry.spacing_mm, settings.speck_reach_mm))
    away = distance_to_mm(skeleton.solid[around.box], mask.geometry.spacing_mm)
    if float(away[around.voxels].min()) > settings.speck_reach_mm:
        return None
    reason = f"{mask.volume_mm3:.0f} mm³ within {settings.speck_reach_mm:g} mm of bone, may be its tip"
    return replace(candidate, status="indeterminate", reason=reason)


def _few_voxels(candidate: Candidate, _: Skeleton, settings: MimicSettings) -> Candidate | None:
    """Noise is alike over neighbouring voxels: a faint spot of a few of them may be a chance."""
    if candidate.mask.voxel_count > settings.few_voxels or candidate.peak_hu >= settings.few_voxels_hu:
        return None
    count = candidate.mask.voxel_count
    voxels = "1 voxel" if count == 1 else f"{count} voxels"
    reason = f"{voxels} of at most {candidate.peak_hu:.0f} HU: may be noise"
    return replace(candidate, status="indeterminate", reason=reason)


def _in_line_with_bone(mask: BoxedMask, skeleton: Skeleton, joint_mm: float) -> bool:
    """Whether most of a piece cut by the first or last slice lies over bone, seen along the body."""
    bone, geometry = skeleton.labels.values, mask.geometry
    reach = round(joint_mm / geometry.spacing_mm[0])
    start, stop = mask.box[0].start, mask.box[0].stop
    if stop == geometry.shape[0]:
        slab = bone[max(0, start - reach) : stop]
    elif start == 0:
        slab = bone[: stop + reach]
    else:
        return False
    covered = np.asarray((slab > 0).any(axis=0))
    shadow = distance_to_in_plane_mm(covered, geometry.spacing_mm[1:])
    own = mask.voxels.any(axis=0)
    return bool(np.count_nonzero(shadow[mask.box[1:]][own] <= IN_LINE_MM) >= np.count_nonzero(own) / 2)


def _distance_to_cut_bone_mm(mask: BoxedMask, skeleton: Skeleton) -> float:
    """Distance within the scan's outermost layers, from the piece to bone that they cut as well."""
    geometry = mask.geometry
    nearest = float("inf")
    for axis in range(3):
        for end, touched in (
            (0, mask.box[axis].start == 0),
            (-1, mask.box[axis].stop == geometry.shape[axis]),
        ):
            face = np.asarray(skeleton.labels.values.take([end], axis=axis).squeeze(axis) > 0)
            if touched and face.any():
                spacing = np.delete(np.asarray(geometry.spacing_mm), axis)
                away = distance_to_in_plane_mm(face, (float(spacing[0]), float(spacing[1])))
                across = tuple(s for other, s in enumerate(mask.box) if other != axis)
                own = mask.voxels.take(end, axis=axis)
                nearest = min(nearest, float(away[across][own].min()))
    return nearest


def _share(mask: BoxedMask, voxels: Voxels) -> float:
    return float(np.count_nonzero(voxels[mask.box] & mask.voxels)) / mask.voxel_count
