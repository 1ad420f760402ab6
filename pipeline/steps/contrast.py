"""Bright loops and pools within the pelvis that may be contrast medium.

Contrast in bowel or bladder is thick, even, and seldom denser than 350 HU; so is some calcinosis.
Nothing is excluded here: where both are possible the lesion stays, as indeterminate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.config import ContrastSettings
from pipeline.domain.image import BoxedMask, CTVolume, Mask
from pipeline.domain.lesion import Candidate
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.voxels import HU, Voxels, depth_mm, distance_to_mm

DIRECTIONS = 24
"""In-plane directions in which bone is looked for."""
REACH_MM = 180.0
"""How far: the pelvic cavity of a large adult is 140 mm wide."""
SLAB_MM = 15.0
"""Bone this far above and below counts too: the ring of the pelvis is not level."""
UNKNOWN_SHARE = 0.35
"""What a direction counts that leaves the picture while still in the body."""
REASON = "even and no denser than contrast medium in bowel or bladder, and within the ring of the pelvis"


def question_contrast(
    candidates: Sequence[Candidate],
    smooth: CTVolume,
    body: Mask,
    skeleton: Skeleton,
    settings: ContrastSettings,
) -> tuple[Candidate, ...]:
    """Turn lesions that may as well be contrast medium to indeterminate, with the reason."""
    return tuple(
        replace(one, status="indeterminate", reason=REASON)
        if one.kind == "lesion" and _may_be_contrast(one.mask, smooth, body, skeleton, settings)
        else one
        for one in candidates
    )


def _may_be_contrast(
    mask: BoxedMask, smooth: CTVolume, body: Mask, skeleton: Skeleton, settings: ContrastSettings
) -> bool:
    depth = depth_mm(np.pad(mask.voxels, 1), mask.geometry.spacing_mm)[1:-1, 1:-1, 1:-1]
    if 2 * float(depth.max()) < settings.least_thickness_mm:
        return False
    if not _is_even(smooth.hu[mask.box][depth >= depth.max() / 2], settings):
        return False
    return not _is_near_bone(mask, skeleton, settings) and (
        ring_share(mask, skeleton.solid, body.voxels) >= settings.ring_share
    )


def _is_even(core_hu: HU, settings: ContrastSettings) -> bool:
    """Whether the inside has one density, and not a high one."""
    middle = float(np.median(core_hu))
    return middle <= settings.most_hu and float(core_hu.std()) <= settings.unevenness * middle


def _is_near_bone(mask: BoxedMask, skeleton: Skeleton, settings: ContrastSettings) -> bool:
    margin = [int(np.ceil(settings.bone_gap_mm / s)) for s in mask.geometry.spacing_mm]
    wide = mask.padded((margin[0], margin[1], margin[2]))
    away = distance_to_mm(skeleton.solid[wide.box], mask.geometry.spacing_mm)
    return bool(away[wide.voxels].min() < settings.bone_gap_mm)


def ring_share(mask: BoxedMask, solid: Voxels, body: Voxels) -> float:
    """Share of in-plane directions from the middle of a mask in which bone is met within the body.

    Parameters
    ----------
    solid, body : ndarray
        bool [k, j, i], bone and patient on the grid of the mask.
    """
    spacing_k, spacing_j, spacing_i = mask.geometry.spacing_mm
    k, j, i = mask.index_kji().mean(axis=0)
    slab = round(SLAB_MM / spacing_k)
    bone = np.asarray(solid[max(0, round(k) - slab) : round(k) + slab + 1].any(axis=0))
    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    steps_mm = np.arange(0.0, REACH_MM, min(spacing_j, spacing_i))
    rows = np.rint(j + np.outer(np.sin(angles), steps_mm) / spacing_j).astype(int)
    columns = np.rint(i + np.outer(np.cos(angles), steps_mm) / spacing_i).astype(int)
    pictured = (rows >= 0) & (rows < bone.shape[0]) & (columns >= 0) & (columns < bone.shape[1])
    patient, met = pictured.copy(), np.zeros(rows.shape, dtype=bool)
    patient[pictured] = body[round(k)][rows[pictured], columns[pictured]]
    met[pictured] = bone[rows[pictured], columns[pictured]]
    reached = np.logical_and.accumulate(patient, axis=1)
    unknown = np.logical_and.accumulate(patient | ~pictured, axis=1)[:, -1] & ~pictured[:, -1]
    counts = np.where((met & reached).any(axis=1), 1.0, np.where(unknown, UNKNOWN_SHARE, 0.0))
    return float(counts.mean())
