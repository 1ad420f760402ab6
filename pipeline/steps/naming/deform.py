"""The atlas bent to the patient's own bones: smooth within each bone, ever more local."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.steps.naming.atlas import Atlas, Points
from pipeline.steps.naming.pose import Pairs, Pose, pair
from pipeline.steps.naming.surface import ScanSurface

ROUNDS = 18
WIDTH_MM = (45.0, 14.0)
"""Over which a bone bends as one, at first and at last."""
REACH_MM = (14.0, 6.0)
"""How far pairs pull, at first and at last."""
STEP = 0.6
STIFFNESS = 0.15
ANCHORS = 200
"""Places of a bone that displacements are gathered at."""


@dataclass(frozen=True, eq=False, slots=True)
class _Part:
    """One bone of the atlas and the distances that smoothing runs over."""

    own: NDArray[np.intp]  #: positions of its points
    squared_mm2: NDArray[np.float32]  #: (points, anchors)


def deform(scan: ScanSurface, atlas: Atlas, pose: Pose) -> Points:
    """(n, 3): where the atlas points lie in the scan once each bone is bent to it, LPS mm."""
    placed, normals = pose.place(atlas), pose.place_normals(atlas)
    parts = [_part(atlas, n) for n in range(len(atlas.names))]
    everything = np.arange(len(placed), dtype=np.intp)
    for n in range(ROUNDS):
        part_way = n / (ROUNDS - 1)
        width_mm, reach_mm = (a * (b / a) ** part_way for a, b in (WIDTH_MM, REACH_MM))
        pairs = pair(scan, placed, normals, everything)
        pull, weight = _pull(pairs, placed, reach_mm)
        for part in parts:
            placed[part.own] += STEP * _smoothed(part, pull, weight, width_mm)
    return placed


def _part(atlas: Atlas, bone: int) -> _Part:
    own = np.flatnonzero(atlas.bone == bone)
    anchors = own[:: max(1, len(own) // ANCHORS)]
    apart = atlas.points[own][:, None] - atlas.points[anchors][None]
    return _Part(own, np.asarray((apart**2).sum(-1), dtype=np.float32))


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
    kernel = np.exp(part.squared_mm2 / np.float32(-2 * width_mm**2))
    gathered = kernel.T @ pull[part.own].astype(np.float32)
    mass = kernel.T @ weight[part.own].astype(np.float32) + STIFFNESS * kernel.sum(0)
    at_anchors = gathered / mass[:, None]
    return np.asarray((kernel @ at_anchors) / kernel.sum(1)[:, None], dtype=np.float64)
