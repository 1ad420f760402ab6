"""Small spots told by the atlas: the walls of the vessels of the pelvis, tips of bones the scan cuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.config import SpotSettings
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.grid import margin_voxels
from pipeline.steps.pelvis import NearBone, Pelvis
from pipeline.steps.place import Surroundings, place_of
from pipeline.steps.voxels import distance_to_mm, thickness_mm

SHELL_MM = (2.0, 5.0)
"""Where around a spot the tissue it lies in is looked at."""
FAT_HU = -30.0
MIDDLE_BONES = ("coccyx", "sacrum")


def tell_spots(
    candidates: Sequence[Candidate], around: Surroundings, settings: SpotSettings
) -> tuple[Candidate, ...]:
    """Exclude spots on the vessels of the pelvic cavity and pieces of bone; nothing where no atlas fits."""
    if around.pelvis is None:
        return tuple(candidates)
    pelvis = around.pelvis
    return tuple(_told(one, around, pelvis, settings) if one.kind == "lesion" else one for one in candidates)


def _told(one: Candidate, around: Surroundings, pelvis: Pelvis, settings: SpotSettings) -> Candidate:
    middle = one.mask.points_lps_mm().mean(axis=0)
    near = pelvis.nearest(middle)
    piece = _piece_of_bone(one, near, settings)
    if piece is not None:
        return replace(one, kind="bone_fragment", status="definite", reason=piece)
    if _on_vessel(one.mask, near, around, settings) and bool(middle[2] > pelvis.roof_mm):
        where = f"{near.distance_mm:.0f} mm from the bones, above the hip joints"
        reason = f"thin spot beside fat in the pelvic cavity, {where}: wall of an iliac vessel"
        return replace(one, kind="vascular", status="definite", reason=reason)
    return one


def _piece_of_bone(one: Candidate, near: NearBone, settings: SpotSettings) -> str | None:
    """Why a spot is a piece of bone, if it is: within a bone of the atlas, and faint or cut by the scan."""
    if one.mask.volume_mm3 > settings.piece_mm3 or near.height_mm > settings.piece_height_mm:
        return None
    if near.distance_mm > settings.piece_reach_mm:
        return None
    name = near.name.replace("_", " ")
    if one.mask.touches_edge:
        return f"cut by the edge of the scan where the atlas has the {name}"
    if near.name in MIDDLE_BONES and one.peak_hu <= settings.piece_most_hu:
        return f"as faint as spongiosa ({one.peak_hu:.0f} HU) where the atlas has the {name}"
    return None


def _on_vessel(mask: BoxedMask, near: NearBone, around: Surroundings, settings: SpotSettings) -> bool:
    """Thin, away from bone and its muscles, in the pelvic cavity, and not with soft tissue all around."""
    if (
        mask.volume_mm3 > settings.vessel_mm3
        or mask.touches_edge
        or near.distance_mm < settings.vessel_bone_mm
    ):
        return False
    if thickness_mm(mask.voxels, mask.geometry.spacing_mm) > settings.vessel_thickness_mm:
        return False
    return place_of(mask, around).enclosed and _fat_share(mask, around) >= settings.fat_share


def _fat_share(mask: BoxedMask, around: Surroundings) -> float:
    """Of the tissue around a spot, how much is fat."""
    spacing = mask.geometry.spacing_mm
    wide = mask.padded(margin_voxels(spacing, SHELL_MM[1] + 1))
    away = distance_to_mm(wide.voxels, spacing)
    shell = around.smooth.hu[wide.box][(away >= SHELL_MM[0]) & (away <= SHELL_MM[1])]
    return float(np.mean(shell <= FAT_HU))
