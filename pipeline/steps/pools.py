"""Pools of contrast medium: their level under water in the bladder, and dense things that touch them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.config import ContrastSettings
from pipeline.domain.geometry import Float3, box_within, grow_box
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.candidates import tight_mask
from pipeline.steps.grid import margin_voxels
from pipeline.steps.place import Surroundings
from pipeline.steps.voxels import (
    HU,
    Voxels,
    component_statistics,
    deeper_than_mm,
    distance_to_mm,
    label_components,
    thickness_mm,
    within_mm,
)

LEVEL_MM = 1.5
"""A column belongs to a level where its top lies this near to it."""
ABOVE_MM = (2.0, 7.0)
"""Where above a level the fluid is looked at: beyond its blurred border."""
BEFORE_BONE_MM = 4.0
"""A column that ends this near to bone ends there because of the bone, whatever fills it."""
RIM_MM = 2.0
"""How far the blurred border of something dense reaches into the pool."""
NECK_MM = 1.3
"""Bridges up to twice as wide are cut between a pool and the ends of what touches it."""
POOL_MM = 8.0
"""A ball of this diameter fits into any pool."""
SPOT_RIM_MM = 1.5
"""The same of a small spot."""
SPOT_NOISE = 6.0
"""A spot stands out of the pool by this many standard deviations of the noise,"""
SPOT_VOXELS = 2
"""in this many voxels."""
WATER_HU = (-25.0, 60.0)
"""Urine, with some contrast in it."""


def find_level(mask: BoxedMask, around: Surroundings, settings: ContrastSettings) -> str | None:
    """What is seen of a level between the pool and water before or behind it; None if nothing is.

    The level lies across the direction of gravity: its front where the patient lies on the back,
    its back where on the belly. Where bone ends the pool, as the pubis often does, no level can show.
    """
    if mask.volume_mm3 < settings.bladder_mm3:
        return None
    spacing = mask.geometry.spacing_mm
    wide = mask.padded(margin_voxels(spacing, ABOVE_MM[1] + 1))
    hu, solid = around.smooth.hu[wide.box], around.solid[wide.box]
    for turn, name in ((1, "front"), (-1, "back")):
        level = _level(wide.voxels[:, ::turn], hu[:, ::turn], solid[:, ::turn], spacing)
        wide_enough = level.share >= settings.level_share and level.mm2 >= settings.level_mm2
        if wide_enough and WATER_HU[0] <= level.beyond_hu <= WATER_HU[1]:
            return (
                f"pool with a flat {name} under fluid of {level.beyond_hu:.0f} HU"
                f" (level over {level.share:.0%} of its width, bone left out)"
            )
    return None


@dataclass(frozen=True, slots=True)
class _Level:
    """The depth at which most columns of a pool end."""

    share: float  #: of the columns not ended by bone
    mm2: float  #: area of the columns that end there
    beyond_hu: float  #: density in front of them


def _level(voxels: Voxels, hu: HU, solid: Voxels, spacing_mm: Float3) -> _Level:
    """The level of a pool whose surface looks to small j."""
    columns = voxels.any(axis=1) & ~_ended_by_bone(voxels, solid, spacing_mm[1])
    top = voxels.argmax(axis=1)[columns]
    if not len(top):
        return _Level(0.0, 0.0, float("inf"))
    level = _commonest(top)
    flat = np.abs(top - level) * spacing_mm[1] <= LEVEL_MM
    near, far = (max(1, round(mm / spacing_mm[1])) for mm in ABOVE_MM)
    above = hu[:, max(0, level - far) : max(1, level - near + 1)].swapaxes(0, 1)[:, columns][:, flat]
    area = float(flat.sum()) * spacing_mm[0] * spacing_mm[2]
    return _Level(float(flat.mean()), area, float(np.median(above)))


def _ended_by_bone(voxels: Voxels, solid: Voxels, spacing_j_mm: float) -> Voxels:
    """Columns (k, i) of a pool that have bone right before their end at small j."""
    top = voxels.argmax(axis=1)[:, None, :]
    j = np.arange(voxels.shape[1])[None, :, None]
    before = (j < top) & (j >= top - round(BEFORE_BONE_MM / spacing_j_mm))
    return np.asarray((solid & before).any(axis=1))


def _commonest(values: NDArray[np.int64]) -> int:
    return int(np.bincount(values).argmax())


def part_dense(one: Candidate, around: Surroundings, settings: ContrastSettings) -> tuple[Candidate, ...]:
    """A pool of contrast and what is much denser and touches it, as candidates of their own.

    Small spots are parted only where they stand out further, and away from bone, whose rim is as dense.

    Returns
    -------
    tuple of Candidate
        The pool first, or the candidate alone where there is nothing to part.
    """
    mask = one.mask
    if mask.volume_mm3 < settings.parted_mm3:
        return (one,)
    hu = around.smooth.hu[mask.box]
    middle = float(np.median(hu[mask.voxels]))
    if middle > settings.most_hu and find_level(mask, around, settings) is None:
        return (one,)
    spots = _spots(mask, middle, around, settings)
    lumps = _lumps(mask, middle, around, settings)
    near = within_mm(lumps, mask.geometry.spacing_mm, RIM_MM)
    near |= _ends(mask.voxels & ~near, near & mask.voxels, mask.geometry.spacing_mm)
    parts = [mask.voxels & near, *(part & ~near for part in spots)]
    taken = np.logical_or.reduce(parts)
    return tuple(_part(one, part, hu) for part in (mask.voxels & ~taken, *parts) if part.any())


def _ends(pool: Voxels, lumps: Voxels, spacing_mm: Float3) -> Voxels:
    """What thick slices show dimly of a lump's ends: pieces beside it, hanging on the pool by a neck at most.

    They are smaller than the lump, and a ball that fits into a pool does not fit into them.
    """
    ends = np.zeros(pool.shape, dtype=bool)
    beside = within_mm(lumps, spacing_mm, NECK_MM + max(spacing_mm))
    cores = deeper_than_mm(pool, spacing_mm, NECK_MM)
    labels = label_components(cores, connectivity=26)
    counts, boxes = component_statistics(labels)
    touching = np.unique(labels[beside & cores])
    for number in touching[counts[touching] < np.count_nonzero(lumps)]:
        box = grow_box(boxes[number], margin_voxels(spacing_mm, NECK_MM), pool.shape)
        own = labels[box] == number
        if thickness_mm(own, spacing_mm) < POOL_MM:
            ends[box] |= pool[box] & within_mm(own, spacing_mm, NECK_MM)
    if not ends.any():
        return ends
    beside |= within_mm(ends, spacing_mm, max(spacing_mm))
    return ends | _crumbs(pool & ~ends, cores & ~ends, beside)


def _crumbs(rest: Voxels, cores: Voxels, beside: Voxels) -> Voxels:
    """What is left beside the lump and hangs on no core of the pool."""
    labels = label_components(rest, connectivity=26)
    crumb = np.zeros(int(labels.max()) + 1, dtype=bool)
    crumb[np.unique(labels[beside & rest])] = True
    crumb[np.unique(labels[cores])] = False
    crumb[0] = False
    return np.asarray(crumb[labels])


def _lumps(mask: BoxedMask, middle_hu: float, around: Surroundings, settings: ContrastSettings) -> Voxels:
    """The cores of all that is too dense for contrast and large."""
    hu = around.smooth.hu[mask.box]
    dense = mask.voxels & (hu >= max(settings.most_hu, settings.dense_factor * middle_hu))
    labels = label_components(dense, connectivity=26)
    large = component_statistics(labels)[0] * mask.geometry.voxel_volume_mm3 >= settings.dense_mm3
    large[0] = False
    return np.asarray(large[labels])


def _spots(
    mask: BoxedMask, middle_hu: float, around: Surroundings, settings: ContrastSettings
) -> list[Voxels]:
    """Small spots that stand far out of the pool, each with its blurred rim."""
    hu, spacing = around.smooth.hu[mask.box], mask.geometry.spacing_mm
    least_hu = max(
        settings.most_hu, settings.spot_factor * middle_hu, middle_hu + SPOT_NOISE * around.noise_hu
    )
    peaks = mask.voxels & (hu >= least_hu)
    if not peaks.any():
        return []
    wide = mask.padded(margin_voxels(spacing, settings.bone_gap_mm))
    off_bone = distance_to_mm(around.solid[wide.box], spacing) >= settings.bone_gap_mm
    inner = box_within(mask.box, wide.box)
    labels = label_components(peaks & off_bone[inner], connectivity=26)
    counts = component_statistics(labels)[0]
    small = np.flatnonzero(counts * mask.geometry.voxel_volume_mm3 < settings.dense_mm3)
    return [
        mask.voxels & (distance_to_mm(labels == number, spacing) <= SPOT_RIM_MM)
        for number in small
        if number and counts[number] >= SPOT_VOXELS
    ]


def _part(one: Candidate, voxels: Voxels, hu: HU) -> Candidate:
    mask = tight_mask(voxels, one.mask.box, one.mask.geometry)
    pieces = int(label_components(voxels, connectivity=26).max())
    return replace(one, mask=mask, fragment_count=pieces, peak_hu=float(hu[voxels].max()))
