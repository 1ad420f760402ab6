"""Pieces of cortex that the search for bone missed: what lies in a gap of a bone that the atlas has there.

A lesion on a bone leaves the bone to be found beneath it. Where the bone stands around, and the surface of
the atlas has none of it next to it but something faint, that is the bone: thin cortex of an old patient.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Candidate
from pipeline.steps.naming.atlas import Points
from pipeline.steps.place import Surroundings

REACH_MM = 6.0
"""Points of the atlas this near to a piece are next to it: the atlas is off by as much."""
LEAST_POINTS = 5
BONE_MM = 4.0
"""Points have bone where it is this near."""
GAP_SHARE = 0.4
"""Next to missed cortex at least this share of points has no bone; next to lesions on bone at most 0.02."""
STANDS_SHARE = 0.4
"""The bone stands around where this share of all its points in the picture has bone."""
MOST_HU = 400.0
"""Denser cortex is found."""
MOST_MM3 = 1500.0
ASKED = 200
"""So many points of a bone tell whether it stands."""


def fills_gap_of(one: Candidate, around: Surroundings) -> str | None:
    """The bone whose gap something faint fills; None where it fills none."""
    if around.pelvis is None or one.peak_hu > MOST_HU or one.mask.volume_mm3 > MOST_MM3:
        return None
    fit, geometry = around.pelvis.fit, one.mask.geometry
    index = np.rint(geometry.to_index(fit.points)).astype(np.intp)
    shown = ((index >= 0) & (index < geometry.shape)).all(axis=1)
    next_to = shown & _is_near(fit.points, one.mask)
    if np.count_nonzero(next_to) < LEAST_POINTS:
        return None
    if np.mean(_has_bone(index[next_to], around)) > 1 - GAP_SHARE:
        return None
    bone = int(np.bincount(fit.atlas.bone[next_to]).argmax())
    own = np.flatnonzero(shown & (fit.atlas.bone == bone))
    some = own[np.linspace(0, len(own) - 1, min(len(own), ASKED)).astype(int)]
    return fit.atlas.names[bone] if np.mean(_has_bone(index[some], around)) >= STANDS_SHARE else None


def share_shown(one: Candidate, bone: str, around: Surroundings) -> float:
    """Of the atlas's points on a bone that lie next to a piece, how many have bone found; 0 without any."""
    if around.pelvis is None:
        return 0.0
    points = around.pelvis.fit.points[around.pelvis.fit.atlas.of(bone)]
    index = np.rint(one.mask.geometry.to_index(points)).astype(np.intp)
    shown = ((index >= 0) & (index < one.mask.geometry.shape)).all(axis=1) & _is_near(points, one.mask)
    return float(np.mean(_has_bone(index[shown], around))) if shown.any() else 0.0


def _is_near(points: Points, mask: BoxedMask) -> NDArray[np.bool_]:
    """Which points lie next to a piece."""
    away, _ = KDTree(mask.points_lps_mm()).query(points, distance_upper_bound=REACH_MM)
    return np.isfinite(away)


def _has_bone(index: NDArray[np.intp], around: Surroundings) -> NDArray[np.bool_]:
    """(n,): whether bone was found next to voxels."""
    spacing = np.asarray(around.smooth.geometry.spacing_mm)
    reach = np.floor(BONE_MM / spacing).astype(int)
    ball = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    ball = ball[np.linalg.norm(ball * spacing, axis=1) <= BONE_MM]
    places = np.clip(index[:, None] + ball, 0, np.asarray(around.solid.shape) - 1)
    return np.asarray(around.solid[tuple(np.moveaxis(places, -1, 0))].any(axis=1))
