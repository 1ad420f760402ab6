"""The atlas bent to the patient's own bones: smooth within each bone, ever more local."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.steps.naming.atlas import Atlas, Points
from pipeline.steps.naming.pose import Pairs, Pose, pair
from pipeline.steps.naming.surface import ScanSurface

ROUNDS = 18
WIDTH_MM = (60.0, 14.0)
"""Over which a bone bends as one, at first and at last."""
REACH_MM = (20.0, 6.0)
"""How far pairs pull, at first and at last."""
STEP = 1.4
TURNS = 2
"""Points take turns: each is paired in every second round."""
STIFFNESS = 0.075
ANCHORS = 200
"""Places of a bone that displacements are gathered at."""


@dataclass(frozen=True, eq=False, slots=True)
class _Part:
    """One bone of the atlas and the distances that smoothing runs over."""

    own: NDArray[np.intp]  #: positions of its points
    squared_mm2: NDArray[np.float32]  #: (anchors, points)


def deform(scan: ScanSurface, atlas: Atlas, pose: Pose) -> Points:
    """(n, 3): where the atlas points lie in the scan once each bone is bent to it, LPS mm."""
    placed, normals = pose.place(atlas), pose.place_normals(atlas)
    parts = bending_parts(atlas)
    everything = np.arange(len(placed), dtype=np.intp)
    for n in range(ROUNDS):
        part_way = n / (ROUNDS - 1)
        width_mm, reach_mm = (a * (b / a) ** part_way for a, b in (WIDTH_MM, REACH_MM))
        turn = slice(n % TURNS, None, TURNS)
        pairs = pair(replace(scan, some=scan.some[turn]), placed, normals, everything[turn])
        pull, weight = _pull(pairs, placed, reach_mm)
        for part in parts:
            placed[part.own] += STEP * _smoothed(part, pull, weight, width_mm)
    return placed


@cache
def bending_parts(atlas: Atlas) -> tuple[_Part, ...]:
    """The bones that are bent one by one; the same for every scan."""
    return tuple(_part(atlas, n) for n in range(len(atlas.names)))


def _part(atlas: Atlas, bone: int) -> _Part:
    own = np.flatnonzero(atlas.bone == bone)
    anchors = own[:: max(1, len(own) // ANCHORS)]
    axes = atlas.points.astype(np.float32).T
    squared = sum(np.subtract.outer(axis[anchors], axis[own]) ** 2 for axis in axes)
    return _Part(own, np.asarray(squared, dtype=np.float32))


def _pull(pairs: Pairs, placed: Points, reach_mm: float) -> tuple[Points, NDArray[np.float64]]:
    """Sum of weighted ways to go and sum of weights, for each atlas point."""
    weight = 1 / (1 + (pairs.distance_mm / reach_mm) ** 2) ** 2
    way = weight[:, None] * (pairs.there - placed[pairs.atlas])
    size = len(placed)
    pull = np.stack([np.bincount(pairs.atlas, way[:, axis], size) for axis in range(3)], -1)
    return np.asarray(pull, dtype=np.float64), np.asarray(
        np.bincount(pairs.atlas, weight, size), dtype=np.float64
    )


def _smoothed(part: _Part, pull: Points, weight: NDArray[np.float64], width_mm: float) -> Points:
    """(points, 3): the mean pull around each point."""
    # sums, not matrix products: for products this small the threads of BLAS cost more than the product
    kernel = np.exp(part.squared_mm2 / np.float32(-2 * width_mm**2))
    own = np.column_stack([pull[part.own], weight[part.own]]).T.astype(np.float32)
    gathered = np.einsum("ap,xp->xa", kernel, own)
    gathered[3] += np.float32(STIFFNESS) * kernel.sum(1)
    at_anchors = gathered[:3] / gathered[3]
    spread = np.einsum("xa,ap->xp", at_anchors, kernel) / kernel.sum(0)
    return np.asarray(spread.T, dtype=np.float64)
