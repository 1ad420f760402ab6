"""Streaks that metal throws over the slices it lies in, and what lies in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import convex_hull_image

from pipeline.config import MetalSettings
from pipeline.domain.geometry import Float3
from pipeline.domain.image import BoxedMask, CTVolume, Mask
from pipeline.domain.lesion import Candidate
from pipeline.steps.grid import bounding_box, margin_voxels
from pipeline.steps.metal import Metal
from pipeline.steps.voxels import Voxels, distance_to_in_plane_mm, within_mm

DARK_HU = -200.0
"""Darker than fat: within the body gas, or the dark side of a streak."""
BESIDE_MM = 4.0
"""How far from a ray the dark one beside it begins."""
IN_STREAKS = "within the streaks of metal"
TOO_DENSE = "denser than calcium usually is, may be metal"


def streak_zone(metal: Metal, spacing_mm: Float3, settings: MetalSettings) -> Voxels:
    """Where streaks may reach: in the metal's own slices and those next to them; bool [k, j, i]."""
    zone = np.zeros(metal.voxels.shape, dtype=bool)
    for k in np.flatnonzero(metal.voxels.any(axis=(1, 2))):
        zone[k] = _zone_in_slice(metal.voxels[k], (spacing_mm[1], spacing_mm[2]), settings)
    slices = max(1, round(settings.streak_slice_mm / spacing_mm[0]))
    along = np.ones((2 * slices + 1, 1, 1), dtype=bool)
    return np.asarray(ndimage.binary_dilation(zone, structure=along)) & ~metal.voxels


def _zone_in_slice(
    metal: Voxels, spacing_mm: tuple[float, float], settings: MetalSettings
) -> NDArray[np.bool_]:
    """Around every piece as far as its size demands, and between large ones."""
    labels, count = ndimage.label(metal, structure=np.ones((3, 3), dtype=bool))
    sides_mm = np.sqrt(np.bincount(labels.ravel(), minlength=count + 1) * float(np.prod(spacing_mm)))
    reach_mm = np.clip(settings.streak_reach * sides_mm, settings.least_reach_mm, settings.most_reach_mm)
    zone = np.zeros(metal.shape, dtype=bool)
    for label in range(1, count + 1):
        zone |= distance_to_in_plane_mm(labels == label, spacing_mm) <= reach_mm[label]
    large = np.flatnonzero(sides_mm[1:] >= settings.large_side_mm) + 1
    if len(large) > 1:
        zone |= convex_hull_image(np.isin(labels, large))  # type: ignore[no-untyped-call]
    return zone


def question_streaks(
    candidates: Sequence[Candidate],
    volume: CTVolume,
    body: Mask,
    metal: Metal | None,
    settings: MetalSettings,
) -> tuple[Candidate, ...]:
    """Doubt lesions that lie in the streaks of metal.

    A thin ray that points to the metal with a dark one beside it is listed as a streak; all else
    stays what it is, a lesion as indeterminate, and contrast in bowel becomes such a lesion.

    Parameters
    ----------
    volume : CTVolume
        The scan, with its metal or without.
    """
    if metal is None:
        return tuple(candidates)
    zone = streak_zone(metal, volume.geometry.spacing_mm, settings)
    return tuple(
        _in_streaks(one, volume, body, metal, settings)
        if one.kind in ("lesion", "bone_fragment", "bowel_contrast")
        and np.mean(zone[one.mask.box][one.mask.voxels]) >= settings.streak_share
        else one
        for one in candidates
    )


def _in_streaks(
    one: Candidate, volume: CTVolume, body: Mask, metal: Metal, settings: MetalSettings
) -> Candidate:
    """What lies in the streaks: a ray of them, or doubted.

    The dark side of a streak looks like the gas that tells bowel, so that what was taken for bowel
    is a lesion that is doubted.
    """
    if _is_ray(one.mask, volume, body, metal, settings):
        reason = "thin ray that points to metal, with a dark one beside it"
        return replace(one, kind="streak", status="definite", reason=reason)
    if one.kind == "lesion":
        return _doubted(one, IN_STREAKS)
    if one.kind == "bowel_contrast":
        return replace(
            one,
            kind="lesion",
            status="indeterminate",
            reason=f"{IN_STREAKS}, otherwise {one.kind}: {one.reason}",
        )
    return replace(one, reason=f"{one.reason}; {IN_STREAKS}")


def spoilt_by_metal(metal: Sequence[BoxedMask], settings: MetalSettings) -> BoxedMask | None:
    """Metal and its streaks together, from pieces of metal on one grid; None where there is none."""
    if not metal:
        return None
    geometry = metal[0].geometry
    voxels = np.zeros(geometry.shape, dtype=bool)
    for piece in metal:
        voxels[piece.box] |= piece.voxels
    spoilt = voxels | streak_zone(Metal(voxels, np.zeros_like(voxels)), geometry.spacing_mm, settings)
    box = bounding_box(spoilt)
    return None if box is None else BoxedMask(spoilt[box], box, geometry)


def question_density(
    candidates: Sequence[Candidate], settings: MetalSettings, *, factor: float
) -> tuple[Candidate, ...]:
    """Doubt lesions that are nearly as dense as metal.

    Parameters
    ----------
    factor : float
        How many times brighter calcium is than at 120 kVp.
    """
    level_hu = settings.doubtful_hu * factor
    return tuple(
        _doubted(one, TOO_DENSE) if one.kind == "lesion" and one.peak_hu >= level_hu else one
        for one in candidates
    )


def _doubted(one: Candidate, reason: str) -> Candidate:
    """Indeterminate, with what was doubted before kept."""
    before = f"{one.reason}; " if one.reason else ""
    return replace(one, status="indeterminate", reason=before + reason)


def _is_ray(mask: BoxedMask, volume: CTVolume, body: Mask, metal: Metal, settings: MetalSettings) -> bool:
    """Whether a candidate is long and thin in the slice, points to metal, and has dark beside it."""
    return _points_to_metal(mask, metal, settings) and (
        _dark_share(mask, volume, body, metal) >= settings.dark_share
    )


def _points_to_metal(mask: BoxedMask, metal: Metal, settings: MetalSettings) -> bool:
    """Whether a mask's long axis in the slice runs towards the nearest metal of its slices."""
    spacing = np.asarray(mask.geometry.spacing_mm)[1:]
    slices = slice(max(0, mask.box[0].start - 1), mask.box[0].stop + 1)
    pixels = np.argwhere(metal.voxels[slices].any(axis=0)) * spacing
    if mask.voxel_count < 2 or not len(pixels):
        return False
    own = mask.index_kji()[:, 1:] * spacing
    spread, axes = np.linalg.eigh(np.cov(own, rowvar=False) + np.diag(spacing**2 / 12))
    middle = own.mean(axis=0)
    way = pixels[np.linalg.norm(pixels - middle, axis=1).argmin()] - middle
    cosine = abs(float(way @ axes[:, 1])) / max(float(np.linalg.norm(way)), 1e-6)
    is_long = spread[1] >= settings.ray_elongation**2 * spread[0]
    return bool(is_long and cosine >= np.cos(np.deg2rad(settings.ray_degrees)))


def _dark_share(mask: BoxedMask, volume: CTVolume, body: Mask, metal: Metal) -> float:
    """Share of the surroundings in the slice that is darker than fat, metal and air outside left out."""
    _, j, i = margin_voxels(mask.geometry.spacing_mm, BESIDE_MM)
    wide = mask.padded((0, j, i))
    around = within_mm(wide.voxels, mask.geometry.spacing_mm, BESIDE_MM)
    around &= ~wide.voxels & body.voxels[wide.box] & ~metal.hidden[wide.box]
    return float(np.mean(volume.hu[wide.box][around] < DARK_HU)) if around.any() else 0.0
