"""What the fitted atlas says of every block of a coarse grid: asked once, for insides and for names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.domain.geometry import Geometry, Index3
from pipeline.steps.grid import expand, pool_max, pool_steps
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.naming.places import coarse_steps
from pipeline.steps.naming.surface import LEAF_POINTS
from pipeline.steps.voxels import Voxels, distance_to_mm

REACH_MM = 10.0
"""Further from the atlas and from bone nothing is asked."""
ROUGH_MM = 6.0
"""Which bone is second nearest is told on blocks of about this size."""
FURTHEST_MM = 1000.0


@dataclass(frozen=True, eq=False, slots=True)
class AtlasField:
    """Where blocks lie against the bones of the atlas. Arrays are [k, j, i] on a coarse grid."""

    asked: Voxels
    distance_mm: NDArray[np.float32]  #: to the nearest point of the atlas; infinite where not asked
    height_mm: NDArray[np.float32]  #: how far outside of the surface there; infinite where not asked
    bone: NDArray[np.intp]  #: which bone that point is of
    lead_mm: NDArray[np.float32]  #: how much further the next bone is, to a few millimetres
    level_mm: NDArray[np.float32]  #: LPS z of asked blocks, infinite elsewhere
    steps: Index3  #: blocks of the finer grid taken together


def ask_atlas(solid: Voxels, geometry: Geometry, fit: AtlasFit) -> AtlasField:
    """Ask the atlas about bone and all that is near it.

    Parameters
    ----------
    solid : ndarray
        bool [k, j, i], bone on the grid of `geometry`; the answer is coarser still.
    """
    steps = coarse_steps(geometry)
    coarse = geometry.coarsen(steps)
    nearest, second = _two_nearest_mm(coarse, fit)
    asked = np.asarray(pool_max(solid, steps)) | (nearest <= REACH_MM)
    places = coarse.to_lps_mm(np.argwhere(asked))
    away, found = KDTree(fit.points, LEAF_POINTS).query(places, workers=-1)
    height = np.einsum("ij,ij->i", places - fit.points[found], fit.normals[found])
    bone = np.zeros(asked.shape, dtype=np.intp)
    bone[asked] = fit.atlas.bone[found]
    return AtlasField(
        asked,
        _spread(asked, np.asarray(away)),
        _spread(asked, height),
        bone,
        second - nearest,
        _spread(asked, places[:, 2]),
        steps,
    )


def _spread(asked: Voxels, values: NDArray[np.float64]) -> NDArray[np.float32]:
    whole = np.full(asked.shape, np.inf, dtype=np.float32)
    whole[asked] = values
    return whole


def _two_nearest_mm(geometry: Geometry, fit: AtlasFit) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distance of every block to the nearest bone of the atlas and to the second, to about `ROUGH_MM` / 2."""
    steps = pool_steps(geometry, target_mm=ROUGH_MM)
    rough = geometry.coarsen(steps)
    index = np.rint(rough.to_index(fit.points)).astype(int)
    shown = ((index >= 0) & (index < rough.shape)).all(axis=1)
    nearest = np.full(rough.shape, FURTHEST_MM, dtype=np.float32)
    second = nearest.copy()
    for bone in range(len(fit.atlas.names)):
        there = np.zeros(rough.shape, dtype=bool)
        there[tuple(index[shown & (fit.atlas.bone == bone)].T)] = True
        away = np.minimum(distance_to_mm(there, rough.spacing_mm), np.float32(FURTHEST_MM))
        np.minimum(second, np.maximum(nearest, away), out=second)
        np.minimum(nearest, away, out=nearest)
    return expand(nearest, steps, geometry.shape), expand(second, steps, geometry.shape)
