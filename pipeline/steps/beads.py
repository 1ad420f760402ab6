"""Small lumps of calcium beside a bone, which blur joins to it.

A lump of 4 to 10 mm that lies 1 to 3 mm off a cortex hangs on it at the level at which bone is gathered, and
is too small for the ball that fits into larger lumps (`parting`). At a higher level it comes off: the tissue
between is only as bright as the blur of both makes it, while a process of a bone is joined by bone as dense
as itself. What comes off is a bead if it is compact and lies in soft tissue; growth centres come off too,
but are flat and long.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from pipeline.domain.geometry import Box, Float3, grow_box
from pipeline.domain.image import CTVolume
from pipeline.steps.bone import Bone, PooledScan
from pipeline.steps.grid import bounding_box, expand, margin_voxels, pool_max
from pipeline.steps.parting import RIM_MM, SOFT_HU, is_cut
from pipeline.steps.voxels import Voxels, component_statistics, distance_to_mm, label_components, within_mm

LEVELS_HU = (300.0, 480.0)
"""At which a bead comes off its bone, the second for dense ones near a dense cortex;"""
MOST_BRIDGE = 0.66
"""the level is at most this share of its own density: the 90th percentile."""
LEAST_MM3, MOST_MM3 = 25.0, 1000.0
"""Above the level. Larger ones are found by their thickness."""
LEAST_FREE = 0.6
"""Share of the surroundings that is soft tissue, and no marrow."""
MOST_UNEVEN = 0.35
"""Standard deviation of its density, as a share of the mean."""
MOST_SLENDER = 3.5
"""Longest over shortest standard deviation of its voxels' places: growth centres have 5 to 18."""
LEAST_DEPTH = 0.5
"""Depth of its deepest place over the radius of a ball of its volume."""
LEAST_PLACES = 4
MOST_PIXEL_MM = 1.1
"""On larger pixels cortex itself, 1 to 3 mm thick, falls into beads: none are looked for."""
RIM_REACH_MM = 3.0
"""How far the blurred rim of a bead reaches beyond the level."""
BEAD, REST = 1, 2
Labels8 = NDArray[np.uint8]


def find_beads(bone: Bone, pooled: PooledScan) -> Labels8:
    """Places within `bone.solid` that are beads of calcium beside the bone, and the bone that they came off.

    Returns
    -------
    ndarray
        uint8 [k, j, i] on the fine grid: 1 what of a bead lies above its level, 2 all else that is dense.
        Looked for on the pooled grid. All 0 where there is no bead.
    """
    solid, marrow = pool_max(bone.solid, pooled.steps), pool_max(bone.marrow, pooled.steps)
    beads = np.zeros(solid.shape, dtype=bool)
    for level_hu in LEVELS_HU if max(pooled.fine_spacing_mm[1:]) <= MOST_PIXEL_MM else ():
        beads |= _beads_above(level_hu, solid, marrow, pooled, beads)
    found = np.where(beads, np.uint8(BEAD), np.uint8(0))
    if beads.any():
        found[solid & ~beads & (pooled.mean_hu >= LEVELS_HU[-1])] = REST
    return np.asarray(expand(found, pooled.steps, pooled.shape))


def _beads_above(level_hu: float, solid: Voxels, marrow: Voxels, pooled: PooledScan, known: Voxels) -> Voxels:
    """What comes off at a level and holds nothing that is known."""
    beads = np.zeros(solid.shape, dtype=bool)
    dense = solid & (pooled.mean_hu >= level_hu)
    box = bounding_box(dense)
    if box is not None:
        for place, own in _compact_parts(dense, box, pooled):
            new = not (known[place] & own).any()
            if new and _is_bead(own, marrow[place], pooled.crop(place), level_hu):
                beads[place] |= own
    return beads


def grow_beads(smooth: CTVolume, parts: Labels8, bright: Voxels) -> Voxels:
    """Beads with their blurred rims, up to the valley between them and the bone.

    Parameters
    ----------
    parts : ndarray
        From `find_beads`.
    bright : ndarray
        bool [k, j, i], bones and beads together.
    """
    grown = np.zeros(parts.shape, dtype=bool)
    outer = bounding_box(parts == BEAD)
    if outer is None:
        return grown
    spacing_mm = smooth.geometry.spacing_mm
    box = grow_box(outer, margin_voxels(spacing_mm, RIM_REACH_MM), parts.shape)
    near = within_mm(parts[box] == BEAD, spacing_mm, RIM_REACH_MM) & bright[box]
    markers = np.where(near, parts[box], 0).astype(np.int32)
    falling = -smooth.hu[box].astype(np.float32)
    basins = watershed(falling, markers, mask=near)  # type: ignore[no-untyped-call]
    grown[box] = basins == BEAD
    return grown


def _compact_parts(dense: Voxels, box: Box, pooled: PooledScan) -> Iterator[tuple[Box, Voxels]]:
    """Parts of the size of a bead, each in a box with its surroundings."""
    labels = label_components(dense[box], connectivity=6)
    counts, boxes = component_statistics(labels)
    volumes_mm3 = counts * float(np.prod(pooled.spacing_mm))
    margin = margin_voxels(pooled.spacing_mm, RIM_MM[1])
    offset = [s.start for s in box]
    for label in np.flatnonzero((volumes_mm3 >= LEAST_MM3) & (volumes_mm3 <= MOST_MM3)):
        if label == 0:
            continue
        k, j, i = (slice(s.start + o, s.stop + o) for s, o in zip(boxes[label], offset, strict=True))
        place = grow_box((k, j, i), margin, dense.shape)
        own = np.zeros([s.stop - s.start for s in place], dtype=bool)
        inner = tuple(
            slice(s.start - p.start, s.stop - p.start) for s, p in zip((k, j, i), place, strict=True)
        )
        own[inner] = labels[boxes[label]] == label
        yield place, own


def _is_bead(own: Voxels, marrow: Voxels, local: PooledScan, level_hu: float) -> bool:
    inside = local.mean_hu[own]
    if float(np.percentile(inside, 90)) * MOST_BRIDGE < level_hu:
        return False
    if float(inside.std()) > MOST_UNEVEN * float(inside.mean()) or is_cut(own, local.cut):
        return False
    away_mm = distance_to_mm(own, local.spacing_mm)
    rim = (away_mm > RIM_MM[0]) & (away_mm <= RIM_MM[1])
    free = (local.mean_hu[rim] < SOFT_HU) & ~marrow[rim]
    return bool(rim.any()) and float(free.mean()) >= LEAST_FREE and _is_compact(own, local.spacing_mm)


def _is_compact(own: Voxels, spacing_mm: Float3) -> bool:
    places = np.argwhere(own) * np.array(spacing_mm)
    if len(places) < LEAST_PLACES:
        return False
    spread: NDArray[np.float64] = np.cov(places.T) + np.diag(np.square(spacing_mm)) / 12
    shortest, _, longest = np.sqrt(np.linalg.eigvalsh(spread))
    radius_mm = (len(places) * float(np.prod(spacing_mm)) * 0.75 / np.pi) ** (1 / 3)
    deepest_mm = float(ndimage.distance_transform_edt(np.pad(own, 1), sampling=spacing_mm).max())
    return bool(longest <= MOST_SLENDER * shortest and deepest_mm >= LEAST_DEPTH * radius_mm)
