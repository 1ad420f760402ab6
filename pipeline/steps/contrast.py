"""Contrast medium in bowel and bladder, told from calcinosis by gas, level, evenness and place.

Contrast is even, seldom denser than 450 HU, and lies within the ring of the pelvis, where calcinosis next
to never does. What shows it beyond doubt is excluded with the evidence in words; what only may be contrast
stays a lesion, as indeterminate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from pipeline.config import ContrastSettings
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.grid import margin_voxels
from pipeline.steps.naming.atlas import HIP_BONES
from pipeline.steps.place import Place, Surroundings, in_pelvic_cavity, place_of
from pipeline.steps.pools import find_level, part_dense
from pipeline.steps.voxels import depth_mm, distance_to_mm

GAS_REACH_MM = 2.6
"""The wall of bowel is 2 to 3 mm thick; contrast within has none between itself and the gas."""
MAYBE = "even and no denser than contrast medium in bowel or bladder, and within the ring of the pelvis"

MAYBE_PIECE = "no denser than the bowel with contrast on this scan, in or before the pelvis: may be bowel"
FULL_BLADDER = "wide even pool across the midline of the pelvic cavity"
BESIDE_BONE_MM = 2.0
RELEASED_RIM = "left between bone and what lay against it and was taken for bone at first"
MAYBE_RELEASED = "taken for bone at first, but away from the bones of the pelvis: may be bowel or bone"
MAYBE_ABDOMEN = "even and no denser than contrast medium in bowel, before the pelvis and away from bone"


@dataclass(frozen=True, slots=True)
class Texture:
    """The inside of a component."""

    middle_hu: float  #: median
    unevenness: float  #: standard deviation over median
    high_hu: float  #: 98th percentile
    thickness_mm: float  #: diameter of the largest ball that fits in


def tell_contrast(
    candidates: Sequence[Candidate], around: Surroundings, settings: ContrastSettings
) -> tuple[Candidate, ...]:
    """Exclude what is contrast medium; turn what may as well be to indeterminate, with the reason."""
    parted = [part for one in candidates for part in part_dense(one, around, settings)]
    told = [_by_itself(one, around, settings) if one.kind == "lesion" else one for one in parted]
    return tuple(_given_back(one, around, settings) for one in _beside_bowel(told, around, settings))


def _given_back(one: Candidate, around: Surroundings, settings: ContrastSettings) -> Candidate:
    """What the skeleton gave back and nothing explains is bowel or bone, and perhaps neither."""
    if one.kind != "lesion" or one.status != "definite" or not _mostly_released(one.mask, around):
        return one
    bone_mm, thick_mm = place_of(one.mask, around).bone_mm, texture_of(one.mask, around).thickness_mm
    if bone_mm <= BESIDE_BONE_MM and thick_mm <= settings.least_thickness_mm:
        return replace(one, kind="bone_fragment", reason=f"thin rim ({thick_mm:.0f} mm) {RELEASED_RIM}")
    return replace(one, status="indeterminate", reason=MAYBE_RELEASED)


def _by_itself(candidate: Candidate, around: Surroundings, settings: ContrastSettings) -> Candidate:
    mask = candidate.mask
    texture = texture_of(mask, around)
    level = find_level(mask, around, settings)
    if level is not None and _within_ring(place_of(mask, around), settings):
        return replace(candidate, kind="bladder_contrast", reason=f"{level}, {texture.middle_hu:.0f} HU")
    if _is_full_bladder(mask, texture, around, settings):
        reason = f"{FULL_BLADDER}, {texture.middle_hu:.0f} HU throughout (± {texture.unevenness:.0%})"
        return replace(candidate, kind="bladder_contrast", reason=reason)
    if texture.middle_hu > settings.most_hu or texture.high_hu > settings.mixed_hu:
        return candidate
    gas_mm, gas_share, gas_mm2 = gas_contact(mask, around)
    on_gas = gas_share >= settings.gas_share or gas_mm2 >= settings.gas_mm2
    if on_gas and _may_float(mask, texture, settings):
        return _excluded_as_bowel(candidate, f"{gas_mm2:.0f} mm² of its surface lie on gas", texture)
    place = place_of(mask, around)
    if _was_released(mask, around, settings):
        evidence = "within the ring of the pelvis, away from its wall, nothing denser on its surface"
        return _excluded_as_bowel(candidate, evidence, texture)
    if _is_fluid_deep_inside(mask, texture, around, settings):
        evidence = (
            f"in the pelvic cavity, {settings.fluid_bone_mm:g} mm and more from the bones, even as fluid"
        )
        return _excluded_as_bowel(candidate, evidence, texture)
    if not _is_even_and_thick(texture, around.noise_hu, settings) or not _may_hold_contrast(place, settings):
        return candidate
    if not _within_ring(place, settings):
        return replace(candidate, status="indeterminate", reason=MAYBE_ABDOMEN)
    if place.bone_mm >= settings.deep_mm and gas_mm <= settings.loop_mm:
        return _excluded_as_bowel(candidate, f"gas {gas_mm:.0f} mm away", texture)
    if place.bone_mm < settings.bone_gap_mm:
        return candidate
    return replace(candidate, status="indeterminate", reason=MAYBE)


def _excluded_as_bowel(candidate: Candidate, evidence: str, texture: Texture) -> Candidate:
    reason = (
        f"{evidence}, {texture.middle_hu:.0f} HU throughout (± {texture.unevenness:.0%}): contrast in bowel"
    )
    return replace(candidate, kind="bowel_contrast", reason=reason)


def _may_float(mask: BoxedMask, texture: Texture, settings: ContrastSettings) -> bool:
    """A small dense spot beside gas may be anything; contrast as small is thinned by partial volume."""
    return mask.volume_mm3 >= settings.small_mm3 or texture.high_hu <= settings.small_most_hu


def _is_even_and_thick(texture: Texture, noise_hu: float, settings: ContrastSettings) -> bool:
    thick = texture.thickness_mm >= settings.least_thickness_mm
    return thick and _own_unevenness(texture, noise_hu) <= settings.unevenness


def _own_unevenness(texture: Texture, noise_hu: float) -> float:
    """What the noise of the scan does not explain."""
    explained = noise_hu / max(texture.middle_hu, 1.0)
    return float(np.sqrt(max(texture.unevenness**2 - explained**2, 0.0)))


def _is_fluid_deep_inside(
    mask: BoxedMask, texture: Texture, around: Surroundings, settings: ContrastSettings
) -> bool:
    """No less even than the noise makes it, in the middle of the pelvis: calcium is seldom so even."""
    if around.pelvis is None or mask.volume_mm3 < settings.small_mm3:
        return False
    middle = mask.points_lps_mm().mean(axis=0)
    if not around.pelvis.encloses(middle) or texture.high_hu > settings.most_hu:
        return False
    far = around.pelvis.nearest(middle).distance_mm >= settings.fluid_bone_mm
    return far and _own_unevenness(texture, around.noise_hu) <= settings.fluid_unevenness


def _is_full_bladder(
    mask: BoxedMask, texture: Texture, around: Surroundings, settings: ContrastSettings
) -> bool:
    """A large wide pool across the midline of the cavity: contrast may be of any density in urine."""
    if mask.volume_mm3 < settings.full_mm3 or texture.thickness_mm < settings.full_thickness_mm:
        return False
    if around.middle_i is None or not mask.box[2].start < around.middle_i < mask.box[2].stop:
        return False
    even = _own_unevenness(texture, around.noise_hu) <= settings.fluid_unevenness
    return even and _within_ring(place_of(mask, around), settings)


def _was_released(mask: BoxedMask, around: Surroundings, settings: ContrastSettings) -> bool:
    """Most of it was given back by the skeleton as a pool, and lies away from the pelvic wall."""
    if not _mostly_released(mask, around) or _may_be_obturator(mask, around, settings):
        return False
    wide = mask.padded(margin_voxels(mask.geometry.spacing_mm, settings.deep_mm))
    away = distance_to_mm(around.solid[wide.box], mask.geometry.spacing_mm)
    return float(np.median(away[wide.voxels])) >= settings.bone_gap_mm


def _mostly_released(mask: BoxedMask, around: Surroundings) -> bool:
    return bool(np.count_nonzero(around.released[mask.box] & mask.voxels) >= mask.voxel_count / 2)


def _may_be_obturator(mask: BoxedMask, around: Surroundings, settings: ContrastSettings) -> bool:
    """Below the hip joints' roof and near a hip bone, where the obturator internus lines the pelvis."""
    if around.pelvis is None:
        return False
    middle = mask.points_lps_mm().mean(axis=0)
    near = around.pelvis.nearest(middle)
    low = bool(middle[2] <= around.pelvis.roof_mm)
    return low and near.name in HIP_BONES and near.distance_mm <= settings.obturator_mm


def _may_hold_contrast(place: Place, settings: ContrastSettings) -> bool:
    """Within the ring, or above and before it, far from bone."""
    far = _where_bowel_lies(place, settings) and place.bone_mm >= settings.abdomen_mm
    return far or _within_ring(place, settings)


def _within_ring(place: Place, settings: ContrastSettings) -> bool:
    return in_pelvic_cavity(
        place,
        ring=settings.ring_share,
        widest_gap_deg=settings.widest_gap_deg,
        across=settings.across_share,
    )


def texture_of(mask: BoxedMask, around: Surroundings) -> Texture:
    """Density of the inner half of a component, away from its blurred border."""
    depth = depth_mm(np.pad(mask.voxels, 1), mask.geometry.spacing_mm)[1:-1, 1:-1, 1:-1]
    hu = around.smooth.hu[mask.box]
    inner = hu[depth >= depth.max() / 2].astype(np.float64)
    middle = float(np.median(inner))
    high = float(np.percentile(hu[mask.voxels], 98))
    return Texture(middle, float(inner.std()) / max(middle, 1.0), high, 2 * float(depth.max()))


def gas_contact(mask: BoxedMask, around: Surroundings) -> tuple[float, float, float]:
    """Distance in mm to gas within the body, infinite beyond 20 mm; share and mm² of the surface on it."""
    spacing = mask.geometry.spacing_mm
    wide = mask.padded(margin_voxels(spacing, 20.0))
    gas = around.gas[wide.box]
    if not gas.any():
        return float("inf"), 0.0, 0.0
    away = distance_to_mm(gas, spacing)
    surface = wide.voxels & ~ndimage.binary_erosion(wide.voxels, structure=np.ones((3, 3, 3), dtype=bool))
    touching = away[surface] <= max(GAS_REACH_MM, 1.8 * max(spacing[1:]))
    area = float(touching.sum()) * mask.geometry.voxel_volume_mm3 ** (2 / 3)
    return float(away[surface].min()), float(touching.mean()), area


def _beside_bowel(
    told: list[Candidate], around: Surroundings, settings: ContrastSettings
) -> tuple[Candidate, ...]:
    """Pieces no denser than a known loop of bowel, and next to it, are the same bowel."""
    known = [one for one in told if one.kind == "bowel_contrast"]
    grown = bool(known)
    while grown:
        grown = False
        for number, one in enumerate(told):
            found = _same_bowel(one, known, around, settings) if one.kind == "lesion" else None
            if found is not None:
                told[number] = found
                known.append(found)
                grown = True
    if not known:
        return tuple(told)
    return tuple(_maybe_bowel(one, known, around, settings) for one in told)


def _maybe_bowel(
    one: Candidate, known: Sequence[Candidate], around: Surroundings, settings: ContrastSettings
) -> Candidate:
    """On a scan with contrast in bowel, what is no denser and lies in or before the pelvis may be it."""
    if one.kind != "lesion" or one.status != "definite":
        return one
    if texture_of(one.mask, around).high_hu > max(texture_of(loop.mask, around).high_hu for loop in known):
        return one
    place = place_of(one.mask, around)
    across = place.across_share is None or place.across_share >= settings.abdomen_across_share
    if not _off_bone(place, settings) or not _where_bowel_lies(place, settings):
        return one
    if not across and not place.before:
        return one
    return replace(one, status="indeterminate", reason=MAYBE_PIECE)


def _off_bone(place: Place, settings: ContrastSettings) -> bool:
    """Away from what was taken for bone, or from every bone of the atlas: the rest may be bowel itself."""
    return place.bone_mm >= settings.bone_gap_mm or place.atlas_mm >= settings.far_mm


def _where_bowel_lies(place: Place, settings: ContrastSettings) -> bool:
    """In or before the pelvis, as its bones show it or as the atlas does."""
    return place.before or place.ring_share >= settings.piece_ring_share


def _same_bowel(
    one: Candidate, known: Sequence[Candidate], around: Surroundings, settings: ContrastSettings
) -> Candidate | None:
    """The piece as bowel: next to a loop and no denser, or as dense as one and deep in the pelvic cavity."""
    texture = texture_of(one.mask, around)
    place = place_of(one.mask, around)
    small = one.mask.volume_mm3 < settings.small_mm3
    deep = not small and place.bone_mm >= settings.deep_mm and _within_ring(place, settings)
    near = [loop for loop in known if _gap_mm(one.mask, loop.mask, settings.loop_mm) <= settings.loop_mm]
    factor = settings.small_factor if small else settings.piece_factor
    most = [factor * texture_of(loop.mask, around).high_hu for loop in near or (known if deep else ())]
    if texture.high_hu > max(most, default=0.0):
        return None
    if _own_unevenness(texture, around.noise_hu) > settings.piece_unevenness:
        return None
    if not _off_bone(place, settings) or not _where_bowel_lies(place, settings):
        return None
    where = f"within {settings.loop_mm:g} mm of" if near else "deep in the pelvic cavity, on a scan with"
    reason = f"{where} bowel with contrast and no denser ({texture.high_hu:.0f} HU)"
    return replace(one, kind="bowel_contrast", status="definite", reason=reason)


def _gap_mm(one: BoxedMask, other: BoxedMask, reach_mm: float) -> float:
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
