"""Lesions found, missed and invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import Lesion, Status
from tests.accuracy.fate import BONE, Objects, most_of
from tests.accuracy.truth import Truth

Voxels = NDArray[np.bool_]

FOUND_SHARE = 0.2
"""A lesion is found when lesions of the analysis cover at least this share of its volume."""
FOUND_REACH_MM = 2.0
SMALL_MM3 = 100.0
"""A smaller lesion is also found when a lesion that belongs to no other true one lies within reach."""
LARGE_MM3 = 500.0
"""Outlines are scored from here on."""
TRIM_SLICES, TRIM_MM = 0.8, 2.0
"""How far around a voxel `trimmed` looks; measured against the shapes themselves this fits best."""
FALSE_REACH_MM = 3.0
"""A lesion further than this from every true one is false."""


@dataclass(frozen=True)
class Outline:
    """How well a true lesion was outlined. Shares are of its voxels in the label map as written."""

    dice: float  #: against the shape, see `trimmed`
    dice_label_map: float  #: against the label map as it was written
    volume_error_percent: float
    lost_to_bone_percent: float  #: called bone
    spilt_into_bone_percent: float  #: true bone called this lesion


@dataclass(frozen=True)
class Hit:
    """What became of a true lesion."""

    name: str
    volume_mm3: float
    place_lps_mm: Float3
    peak_hu: float  #: in the scan
    found: Status | None  #: as what; None if missed
    taken_for: str  #: what most of it was taken for
    outline: Outline | None = None  #: of large ones only


@dataclass(frozen=True)
class FalseLesion:
    """A lesion where there is none."""

    volume_mm3: float
    place_lps_mm: Float3
    status: Status
    why: str
    peak_hu: float
    on_mimic: str | None = None  #: kind of the mimic it lies on


def assign_lesions(truth: Truth, lesions: Sequence[Lesion]) -> list[int | None]:
    """For each lesion the true one that it shows: most voxels in common, else the nearest in reach."""
    trees = _trees(truth)
    return [_owner(lesion, truth.lesion_labels, trees) for lesion in lesions]


def _trees(truth: Truth) -> dict[int, KDTree]:
    geometry, labels = truth.scan.volume.geometry, truth.lesion_labels
    index = np.argwhere(labels)
    values, points = labels[tuple(index.T)], geometry.to_lps_mm(index)
    return {int(value): KDTree(points[values == value]) for value in np.unique(values)}


def _owner(lesion: Lesion, labels: NDArray[np.uint8], trees: dict[int, KDTree]) -> int | None:
    counts = np.bincount(labels[lesion.mask.box][lesion.mask.voxels], minlength=2)
    if counts[1:].any():
        return int(np.argmax(counts[1:])) + 1
    away = {value: _gap_mm(lesion, tree) for value, tree in trees.items()}
    nearest = min(away, key=lambda value: away[value], default=None)
    return nearest if nearest is not None and away[nearest] <= FOUND_REACH_MM else None


def _gap_mm(lesion: Lesion, tree: KDTree) -> float:
    return float(np.min(tree.query(lesion.mask.points_lps_mm())[0]))


def score_lesions(truth: Truth, lesions: Sequence[Lesion], objects: Objects) -> tuple[Hit, ...]:
    """Whether each true lesion was found, as what, and how well it was outlined."""
    owners = assign_lesions(truth, lesions)
    hits = []
    for one in truth.lesions:
        own = [lesion for lesion, owner in zip(lesions, owners, strict=True) if owner == one.id]
        mask = truth.lesion_labels == one.id
        hit = Hit(
            one.name,
            one.volume_mm3,
            one.centroid_lps_mm,
            float(truth.scan.volume.hu[mask].max(initial=-1024)),
            _found(mask, one.volume_mm3, lesions, own),
            most_of(mask, objects),
        )
        if one.volume_mm3 >= LARGE_MM3:
            hit = replace(hit, outline=_outline(mask, one.volume_mm3, truth, own, objects))
        hits.append(hit)
    return tuple(hits)


def _found(
    mask: Voxels, volume_mm3: float, lesions: Sequence[Lesion], own: Sequence[Lesion]
) -> Status | None:
    covered: dict[Status, float] = {"definite": 0.0, "indeterminate": 0.0}
    for lesion in lesions:
        voxel_mm3 = lesion.mask.geometry.voxel_volume_mm3
        covered[lesion.status] += np.count_nonzero(mask[lesion.mask.box] & lesion.mask.voxels) * voxel_mm3
    if sum(covered.values()) >= FOUND_SHARE * volume_mm3:
        return max(covered, key=lambda status: covered[status])
    if volume_mm3 < SMALL_MM3 and own:
        return "definite" if any(one.status == "definite" for one in own) else "indeterminate"
    return None


def _outline(
    mask: Voxels, volume_mm3: float, truth: Truth, own: Sequence[Lesion], objects: Objects
) -> Outline:
    """Outline of one lesion; of a missed one Dice is 0 and the error -100 %."""
    seen = np.zeros(mask.shape, dtype=bool)
    for lesion in own:
        seen[lesion.mask.box] |= lesion.mask.voxels
    geometry, whole = truth.scan.volume.geometry, int(np.count_nonzero(mask)) or 1
    exact = trimmed(mask, round(volume_mm3 / geometry.voxel_volume_mm3), geometry.spacing_mm)
    return Outline(
        dice(exact, seen),
        dice(mask, seen),
        100.0 * (sum(one.size.volume_mm3.value for one in own) / volume_mm3 - 1.0),
        100.0 * np.count_nonzero(objects.values[mask] == BONE) / whole,
        100.0 * np.count_nonzero(truth.bones[seen & ~mask]) / whole,
    )


def dice(one: Voxels, other: Voxels) -> float:
    """Twice what is common over the sum; 1 if both are empty."""
    total = np.count_nonzero(one) + np.count_nonzero(other)
    return 1.0 if total == 0 else 2.0 * np.count_nonzero(one & other) / total


def trimmed(mask: Voxels, voxels: int, spacing_mm: Float3) -> Voxels:
    """A mask cut to a number of voxels at the ends of its columns, first where least of it is around.

    A label map that holds every voxel touched anywhere along its thick slice is too long at the
    ends of its columns alone.
    """
    index = np.argwhere(mask)
    box = tuple(slice(low, high) for low, high in zip(index.min(0), index.max(0) + 1, strict=True))
    own = np.pad(mask[box], 1)
    sigma = (TRIM_SLICES, TRIM_MM / spacing_mm[1], TRIM_MM / spacing_mm[2])
    around = ndimage.gaussian_filter(own.astype(np.float32), sigma, mode="constant")
    ends = np.flatnonzero(own & ~(np.roll(own, 1, axis=0) & np.roll(own, -1, axis=0)))
    surplus = max(0, int(np.count_nonzero(own)) - voxels)
    own.ravel()[ends[np.argsort(around.ravel()[ends], kind="stable")[:surplus]]] = False
    out = np.zeros(mask.shape, dtype=bool)
    out[box] = own[1:-1, 1:-1, 1:-1]
    return out


def false_lesions(truth: Truth, lesions: Sequence[Lesion], *, least_mm3: float) -> tuple[FalseLesion, ...]:
    """Lesions that lie on none of the true ones."""
    trees = _trees(truth).values()
    wrong = [
        lesion
        for lesion in lesions
        if lesion.size.voxel_volume_mm3 >= least_mm3
        and all(_gap_mm(lesion, tree) > FALSE_REACH_MM for tree in trees)
    ]
    return tuple(describe(lesion, truth) for lesion in wrong)


def describe(lesion: Lesion, truth: Truth) -> FalseLesion:
    """A lesion as it is listed, with the mimic it lies on."""
    points = lesion.mask.points_lps_mm()
    kind = next(
        (one.kind for one in truth.mimics if _lies_on(points, one.points_lps_mm, one.volume_mm3)), None
    )
    return FalseLesion(
        lesion.size.voxel_volume_mm3,
        lesion.size.centroid_lps_mm,
        lesion.status,
        lesion.why_indeterminate or "",
        lesion.density.max_hu,
        kind,
    )


def _lies_on(points: NDArray[np.float64], place: NDArray[np.float64], volume_mm3: float | None) -> bool:
    """Whether a lesion lies within reach of a mimic; of one known by a point, of a ball of its volume."""
    reach_mm = 4.0
    if len(place) == 1 and volume_mm3 is not None:
        reach_mm += float(np.cbrt(volume_mm3 * 3 / (4 * np.pi)))
    return float(np.min(KDTree(points).query(place)[0])) <= reach_mm
