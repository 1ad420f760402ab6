"""Pools of contrast medium: their level under water in the bladder, and dense things that touch them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.config import ContrastSettings
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.candidates import tight_mask
from pipeline.steps.grid import margin_voxels
from pipeline.steps.place import Surroundings
from pipeline.steps.voxels import HU, Voxels, component_statistics, distance_to_mm, label_components

LEVEL_MM = 1.5
"""A column belongs to a level where its top lies this near to it."""
ABOVE_MM = (2.0, 7.0)
"""Where above a level the fluid is looked at: beyond its blurred border."""
RIM_MM = 2.0
"""How far the blurred border of something dense reaches into the pool."""
WATER_HU = (-25.0, 60.0)
"""Urine, with some contrast in it."""


def find_level(mask: BoxedMask, around: Surroundings, settings: ContrastSettings) -> str | None:
    """What is seen of a level between the pool and water before or behind it; None if nothing is.

    The level lies across the direction of gravity: its front where the patient lies on the back,
    its back where on the belly.
    """
    if mask.volume_mm3 < settings.bladder_mm3:
        return None
    wide = mask.padded(margin_voxels(mask.geometry.spacing_mm, ABOVE_MM[1] + 1))
    for side, name in ((-1, "front"), (1, "back")):
        share, hu = _level(wide.voxels, around.smooth.hu[wide.box], mask.geometry.spacing_mm[1], side)
        if share >= settings.level_share and WATER_HU[0] <= hu <= WATER_HU[1]:
            return f"pool with a flat {name} under fluid of {hu:.0f} HU (level over {share:.0%} of its width)"
    return None


def _level(voxels: Voxels, hu: HU, spacing_j_mm: float, side: int) -> tuple[float, float]:
    """Share of columns that end at one depth, and the density in mm beyond that end.

    Parameters
    ----------
    side : int
        -1 for the front (small j), 1 for the back.
    """
    pool = voxels if side < 0 else voxels[:, ::-1]
    content = hu if side < 0 else hu[:, ::-1]
    columns = pool.any(axis=1)
    top = pool.argmax(axis=1)[columns]
    level = _commonest(top)
    flat = np.abs(top - level) * spacing_j_mm <= LEVEL_MM
    near, far = (max(1, round(mm / spacing_j_mm)) for mm in ABOVE_MM)
    above = content[:, max(0, level - far) : max(1, level - near + 1)].swapaxes(0, 1)[:, columns][:, flat]
    return float(flat.mean()), float(np.median(above))


def _commonest(values: NDArray[np.int64]) -> int:
    return int(np.bincount(values).argmax())


def part_dense(one: Candidate, around: Surroundings, settings: ContrastSettings) -> tuple[Candidate, ...]:
    """A pool of contrast and what is much denser and touches it, as candidates of their own.

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
    dense = mask.voxels & (hu >= max(settings.most_hu, settings.dense_factor * middle))
    if middle > settings.most_hu or not dense.any():
        return (one,)
    labels = label_components(dense, connectivity=26)
    counts, _ = component_statistics(labels)
    large = counts * mask.geometry.voxel_volume_mm3 >= settings.dense_mm3
    large[0] = False
    if not large.any():
        return (one,)
    taken = mask.voxels & (distance_to_mm(large[labels], mask.geometry.spacing_mm) <= RIM_MM)
    parts = [part for part in (mask.voxels & ~taken, taken) if part.any()]
    return tuple(_part(one, part, hu) for part in parts)


def _part(one: Candidate, voxels: Voxels, hu: HU) -> Candidate:
    mask = tight_mask(voxels, one.mask.box, one.mask.geometry)
    pieces = int(label_components(voxels, connectivity=26).max())
    return replace(one, mask=mask, fragment_count=pieces, peak_hu=float(hu[voxels].max()))
