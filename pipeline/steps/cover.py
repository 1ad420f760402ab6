"""How much muscle lies between something and the skin: none over what is under the skin, some over bowel."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from pipeline.domain.image import BoxedMask
from pipeline.steps.naming.atlas import Points
from pipeline.steps.place import Surroundings
from pipeline.steps.voxels import Voxels

DIRECTIONS = 24
"""In-plane ways from a place to the skin,"""
SHORTEST = 5
"""of which so many are asked."""
STEP_MM = 1.0
LONGEST_MM = 400.0
BLUR_MM = 3.0
"""So near to the place the blur of what lies there is seen,"""
SKIN_MM = 3.0
"""and so near to the outside the skin."""
MUSCLE_HU = (-30.0, 130.0)
PLACES = 9
"""So many voxels of a mask are asked."""


def covering_muscle_mm(mask: BoxedMask, around: Surroundings) -> float:
    """How much muscle or bone lies between a mask and the skin, along the shortest ways in a slice.

    The median of some of its voxels; infinite where the picture shows no skin beside them.
    """
    index = mask.index_kji()
    some = index[np.unique(np.linspace(0, len(index) - 1, PLACES).round().astype(int))]
    return float(np.median([_cover_mm(place.astype(np.float64), around) for place in some]))


def _cover_mm(place: Points, around: Surroundings) -> float:
    hu, solid, skin_mm = _ways(place, around)
    at_mm = np.arange(hu.shape[1]) * STEP_MM
    lengths = []
    for n in np.argsort(skin_mm, kind="stable")[:SHORTEST]:
        if np.isfinite(skin_mm[n]):
            muscle = solid[n] | ((hu[n] >= MUSCLE_HU[0]) & (hu[n] < MUSCLE_HU[1]))
            muscle &= (at_mm >= BLUR_MM) & (at_mm < skin_mm[n] - SKIN_MM)
            lengths.append(STEP_MM * float(np.count_nonzero(muscle)))
    return float(np.median(lengths)) if lengths else float("inf")


def _ways(place: Points, around: Surroundings) -> tuple[Points, Voxels, Points]:
    """(directions, steps): density and bone outwards from a place; and how far the skin lies on each way.

    The skin is infinitely far where the way leaves the picture first.
    """
    _, spacing_j, spacing_i = around.smooth.geometry.spacing_mm
    k, j, i = place
    at_mm = np.arange(0.0, LONGEST_MM, STEP_MM)
    turn = np.arange(DIRECTIONS)[:, None] * 2 * np.pi / DIRECTIONS
    ways = [j + np.sin(turn) * at_mm / spacing_j, i + np.cos(turn) * at_mm / spacing_i]
    level = round(float(k))
    body, solid = (
        ndimage.map_coordinates(one[level].view(np.uint8), ways, order=0, mode="constant")
        for one in (around.body, around.solid)
    )
    hu = ndimage.map_coordinates(
        around.smooth.hu[level], ways, order=1, mode="nearest", output=np.float64, prefilter=False
    )
    height, width = around.body.shape[1:]
    pictured = (ways[0] >= 0) & (ways[0] <= height - 1) & (ways[1] >= 0) & (ways[1] <= width - 1)
    outside = body == 0
    first = outside.argmax(axis=1)
    on_skin = outside.any(axis=1) & pictured[np.arange(DIRECTIONS), first]
    return np.asarray(hu), solid > 0, np.where(on_skin, first * STEP_MM, np.inf)
