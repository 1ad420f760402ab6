"""Where in the pelvis a component lies: within the ring of bones or not, how far from its wall, beside gas.

The pelvic cavity holds bowel, bladder and veins, and next to no calcinosis; the muscles that line it
(obturator internus, piriformis) may hold calcinosis and are 10 to 15 mm thick.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.domain.geometry import Box
from pipeline.domain.image import BoxedMask, CTVolume, Mask
from pipeline.domain.scan import Acquisition
from pipeline.steps.grid import margin_voxels, pool_max, pool_steps, sample
from pipeline.steps.listed import label_listed
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.voxels import Index, Voxels, within_mm

DIRECTIONS = 24
"""In-plane directions in which bone is looked for."""
REACH_MM = 180.0
"""How far: the pelvic cavity of a large adult is 140 mm wide."""
SLAB_MM = 15.0
"""Bone this far above and below counts too: the ring of the pelvis is not level."""
CLEAR_MM = 2.0
"""A place is free of bone above and below it if none comes this near."""
MIDLINE_MM = 5.0
"""A place this near to the midline has bone on both sides or does not."""
UNKNOWN_SHARE = 0.35
"""What a direction counts that leaves the picture while still in the body."""
GAS_HU = -300.0
"""Gas with its blurred border: no tissue is less dense than fat at -120 HU;"""
SURE_GAS_HU = -500.0
"""a pocket of it reaches as low as this, which the dark streaks beside metal seldom do."""
GAS_DEPTH_MM = 4.0
"""Gas nearer than this to the outside, for this share of it, lies in a fold of the skin: folds are narrow."""
FOLD_SHARE = 0.25
OUTSIDE_GRID_MM = 2.5
ONE_SLICE_MM = 1e4
"""So far apart, slices do not see each other."""
SMALLEST_GAS_MM3 = 15.0
"""Less is noise."""
LUNG_MM3 = 30_000.0
"""A lung that a scan reaches is at least this large,"""
PURE_GAS_HU = -940.0
"""and less than this share of it is as empty as gas in bowel is, but for its rim."""
PURE_SHARE = 0.3
BLOCK_MM = 3.0
"""Blocks of this size are asked before voxels."""
FARTHEST_MM = 40.0
"""Bone and gas further away are not looked for."""


@dataclass(frozen=True, eq=False, slots=True)
class Surroundings:
    """A scan with its bones, and what all rules about place need of it."""

    smooth: CTVolume
    body: Voxels  #: [k, j, i]
    solid: Voxels  #: [k, j, i], any bone
    released: Voxels  #: [k, j, i], taken for bone at first, and given back as contrast medium
    gas: Voxels  #: [k, j, i], gas within the body, but for the lungs
    middle_i: float | None  #: the column of the body's middle; None where the picture cuts the body
    age_years: float | None = None
    sex: str | None = None
    noise_hu: float = 0.0  #: standard deviation in soft tissue, as seen after smoothing
    pelvis: Pelvis | None = None  #: the bones as the atlas has them, where it could be fitted
    lung: Voxels | None = None  #: [k, j, i]; None where the scan shows none
    muscle_hu: float | None = None  #: density of muscle in this scan; None where it shows too little

    def crop(self, box: Box) -> Surroundings:
        """The part within a box."""
        middle_i = None if self.middle_i is None else self.middle_i - box[2].start
        return replace(
            self,
            smooth=self.smooth.crop(box),
            body=self.body[box],
            solid=self.solid[box],
            released=self.released[box],
            gas=self.gas[box],
            lung=None if self.lung is None else self.lung[box],
            middle_i=middle_i,
        )

    def without(self, solid: Voxels) -> Surroundings:
        """The same with fewer bones: what was given back is remembered."""
        return replace(self, solid=solid, released=self.solid & ~solid)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a component lies among the bones."""

    ring_share: float  #: of the in-plane directions, where bone is met
    across_share: float | None  #: of those, where it is met beyond the midline; None if that is unknown
    widest_gap_deg: float  #: widest range of directions without bone
    bone_mm: float  #: to the nearest bone; infinite beyond 40 mm
    middle_mm: float | None  #: to the midline
    enclosed: bool = False  #: between the bones of both sides as the atlas has them
    before: bool = False  #: there, or before them, above the hip joints
    atlas_mm: float = 0.0  #: to the nearest bone of the atlas, 0 where there is none
    behind: bool = False  #: in buttock or back


def look_around(
    smooth: CTVolume, body: Mask, skeleton: Skeleton, air: Air, acquisition: Acquisition
) -> Surroundings:
    """Gather what the rules need.

    Parameters
    ----------
    smooth, body, skeleton
        On one grid, the box of the body.
    air : Air
        As `find_air` finds it.
    acquisition : Acquisition
        For the patient's age and sex, where the scan tells.
    """
    return Surroundings(
        smooth,
        body.voxels,
        skeleton.solid,
        np.zeros(body.voxels.shape, dtype=bool),
        air.gas,
        _middle_column(body.voxels),
        acquisition.age_years,
        acquisition.sex,
        lung=air.lung,
    )


@dataclass(frozen=True, eq=False, slots=True)
class Air:
    """What is full of air within the body. Arrays are bool [k, j, i]."""

    gas: Voxels  #: in bowel
    lung: Voxels | None  #: None where the scan shows none


def find_air(smooth: CTVolume, body: Mask) -> Air:
    """Gas in bowel, which lies within the body and not next to the outside, and the lungs."""
    gas = smooth.hu <= GAS_HU
    gas &= body.voxels
    k, j, i = np.unravel_index(np.flatnonzero(gas), gas.shape)
    numbers = label_listed((k, j, i), smooth.geometry.shape).numbers
    if not len(numbers):
        return Air(gas, None)
    counts = np.bincount(numbers)
    sure = np.bincount(numbers, smooth.hu[k, j, i] <= SURE_GAS_HU) > 0
    kept = sure & (counts * smooth.geometry.voxel_volume_mm3 >= SMALLEST_GAS_MM3)
    near = np.bincount(numbers, _near_outside(body, (k, j, i)))
    kept[near >= FOLD_SHARE * counts] = False
    pure = np.bincount(numbers, smooth.hu[k, j, i] <= PURE_GAS_HU)
    is_lung = (counts * smooth.geometry.voxel_volume_mm3 >= LUNG_MM3) & (pure < PURE_SHARE * counts)
    gas[k, j, i] = (kept & ~is_lung)[numbers]
    if not is_lung.any():
        return Air(gas, None)
    lung = np.zeros(gas.shape, dtype=bool)
    lung[k, j, i] = is_lung[numbers]
    return Air(gas, lung)


def _near_outside(body: Mask, index: Index) -> NDArray[np.bool_]:
    """Whether voxels lie within 4 mm of what is not body, measured in the slice."""
    steps = pool_steps(body.geometry, target_mm=OUTSIDE_GRID_MM)
    _, spacing_j, spacing_i = body.geometry.coarsen(steps).spacing_mm
    near = within_mm(~sample(body.voxels, steps), (ONE_SLICE_MM, spacing_j, spacing_i), GAS_DEPTH_MM)
    k, j, i = (axis // step for axis, step in zip(index, steps, strict=True))
    return np.asarray(near[k, j, i])


def _middle_column(body: Voxels) -> float | None:
    """The column halfway between the sides of the body, where both are in the picture."""
    (columns,) = np.nonzero(body.any(axis=(0, 1)))
    if not len(columns) or columns[0] == 0 or columns[-1] == body.shape[2] - 1:
        return None
    return float(columns[0] + columns[-1]) / 2


def place_of(mask: BoxedMask, around: Surroundings) -> Place:
    """Where a component lies."""
    k, j, i = mask.index_kji().mean(axis=0)
    hit, unknown, columns = _first_bone((k, j, i), mask, around)
    seen = np.where(hit, 1.0, np.where(unknown, UNKNOWN_SHARE, 0.0))
    across = middle_mm = None
    if around.middle_i is not None:
        middle_mm = abs(i - around.middle_i) * mask.geometry.spacing_mm[2]
        left = float((hit & (columns > around.middle_i)).sum() / max(1, hit.sum()))
        right = float((hit & (columns < around.middle_i)).sum() / max(1, hit.sum()))
        across = min(left, right) if middle_mm <= MIDLINE_MM else right if i > around.middle_i else left
    gap = _widest_gap_deg(hit | unknown)
    bone_mm = distance_within_mm(mask, around.solid)
    if around.pelvis is None:
        return Place(float(seen.mean()), across, gap, bone_mm, middle_mm)
    middle = mask.geometry.to_lps_mm((k, j, i))
    enclosed, before = around.pelvis.encloses(middle), around.pelvis.lies_before(middle)
    atlas_mm = around.pelvis.nearest(middle).distance_mm
    behind = not enclosed and around.pelvis.is_behind(middle)
    return Place(
        float(seen.mean()), across, gap, bone_mm, middle_mm, enclosed, enclosed or before, atlas_mm, behind
    )


def ring_share(mask: BoxedMask, solid: Voxels, body: Voxels) -> float:
    """Share of in-plane directions from the middle of a mask in which bone is met within the body.

    Parameters
    ----------
    solid, body : ndarray
        bool [k, j, i], bone and patient on the grid of the mask.
    """
    hit, unknown, _ = _rays(mask, mask.index_kji().mean(axis=0), solid, body)
    return float(np.where(hit, 1.0, np.where(unknown, UNKNOWN_SHARE, 0.0)).mean())


def _first_bone(
    centre: tuple[float, float, float], mask: BoxedMask, around: Surroundings
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    return _rays(mask, np.asarray(centre), around.solid, around.body)


def _rays(
    mask: BoxedMask, centre: NDArray[np.float64], solid: Voxels, body: Voxels
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """For each direction: whether bone is met, whether that is unknown, and the column of the first bone."""
    _, spacing_j, spacing_i = mask.geometry.spacing_mm
    k, j, i = (float(value) for value in centre)
    bone = _projected((k, j, i), solid, mask.geometry.spacing_mm)
    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    steps_mm = np.arange(0.0, REACH_MM, min(spacing_j, spacing_i))
    rows = np.rint(j + np.outer(np.sin(angles), steps_mm) / spacing_j).astype(int)
    columns = np.rint(i + np.outer(np.cos(angles), steps_mm) / spacing_i).astype(int)
    pictured = (rows >= 0) & (rows < bone.shape[0]) & (columns >= 0) & (columns < bone.shape[1])
    patient, met = pictured.copy(), np.zeros(rows.shape, dtype=bool)
    patient[pictured] = body[round(k)][rows[pictured], columns[pictured]]
    met[pictured] = bone[rows[pictured], columns[pictured]]
    met &= np.logical_and.accumulate(patient, axis=1)
    unknown = np.logical_and.accumulate(patient | ~pictured, axis=1)[:, -1] & ~pictured[:, -1]
    hit = np.asarray(met.any(axis=1))
    first = np.take_along_axis(columns, met.argmax(axis=1)[:, None], axis=1)[:, 0]
    return hit, np.asarray(unknown & ~hit), np.asarray(first)


def _projected(
    centre: tuple[float, float, float], solid: Voxels, spacing_mm: tuple[float, float, float]
) -> NDArray[np.bool_]:
    """Bone some way above and below, seen along the body; less far where it would cover the place."""
    k, j, i = (round(value) for value in centre)
    reach_j, reach_i = (max(1, round(CLEAR_MM / s)) for s in spacing_mm[1:])
    for slab_mm in (SLAB_MM, SLAB_MM / 2, SLAB_MM / 4, 0.0):
        slab = round(slab_mm / spacing_mm[0])
        bone = np.asarray(solid[max(0, k - slab) : k + slab + 1].any(axis=0))
        here = bone[max(0, j - reach_j) : j + reach_j + 1, max(0, i - reach_i) : i + reach_i + 1]
        if not here.any():
            break
    return bone


def _widest_gap_deg(seen: NDArray[np.bool_]) -> float:
    """Widest range of neighbouring directions in which nothing was seen."""
    if not seen.any():
        return 360.0
    turned = np.roll(seen, -int(np.flatnonzero(seen)[0]))
    ends = np.append(np.flatnonzero(turned), len(turned))
    return float((np.diff(ends).max() - 1) * 360 / len(turned))


def distance_within_mm(mask: BoxedMask, voxels: Voxels) -> float:
    """Shortest way from a component to something else; infinite where nothing lies within 40 mm.

    The blocks that hold something are asked first, and then the voxels of those that may be the nearest.
    """
    spacing = np.asarray(mask.geometry.spacing_mm)
    wide = mask.padded(margin_voxels(mask.geometry.spacing_mm, FARTHEST_MM))
    other = voxels[wide.box]
    steps = pool_steps(mask.geometry, target_mm=BLOCK_MM)
    blocks = np.argwhere(pool_max(other, steps))
    if not len(blocks):
        return float("inf")
    if (other & wide.voxels).any():
        return 0.0
    own = KDTree(np.argwhere(_surface(wide.voxels)) * spacing)
    away = np.asarray(own.query((blocks * steps + (np.asarray(steps) - 1) / 2) * spacing)[0])
    nearest = blocks[away <= away.min() + np.linalg.norm(np.asarray(steps) * spacing)]
    fine = (nearest[:, None] * steps + np.argwhere(np.ones(steps, dtype=bool))).reshape(-1, 3)
    fine = fine[(fine < other.shape).all(axis=1)]
    return float(np.min(own.query(fine[other[tuple(fine.T)]] * spacing)[0]))


def _surface(voxels: Voxels) -> Voxels:
    """Voxels with a neighbour by face that is not set; all on the edge of the grid are."""
    inside = np.zeros(voxels.shape, dtype=bool)
    core = voxels[1:-1, 1:-1, 1:-1].copy()
    for axis in range(3):
        for shift in (0, 2):
            cut = [slice(1, -1)] * 3
            cut[axis] = slice(shift, voxels.shape[axis] - 2 + shift)
            core &= voxels[tuple(cut)]
    inside[1:-1, 1:-1, 1:-1] = core
    return np.asarray(voxels & ~inside)


def in_pelvic_cavity(place: Place, *, ring: float, widest_gap_deg: float, across: float) -> bool:
    """Whether the bones stand around a place on both sides of the body.

    Between ischium and femur bones stand all around too, but all of one side.
    """
    if place.enclosed:
        return True
    if place.ring_share < ring or place.widest_gap_deg > widest_gap_deg:
        return False
    return place.across_share is None or place.across_share >= across
