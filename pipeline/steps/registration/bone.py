"""One bone laid on itself in another scan, grown.

Iterated closest points, from points to planes (Chen and Medioni 1992), which slides along flat bone
instead of creeping; both ways, and each way only where the other scan could show the bone. Pairs far apart
count little (Geman and McClure 1985), so that what one scan cut, named otherwise or took for a lesion
does not pull. Rotation, shift and growth together: seven numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pipeline.config import RegisterSettings
from pipeline.domain.geometry import RigidTransform
from pipeline.steps.naming.atlas import Points
from pipeline.steps.naming.surface import ScanSurface

ROUNDS = 40
SETTLING_ROUNDS = 24
"""Over so many rounds the reach of pairs shrinks from the first to the second of these."""
REACH_MM = (10.0, 2.5)
LEVER_MM = 40.0
"""About the size of a bone: a turn by one radian moves its ends by this."""
STIFFNESS = 1e-3
"""A direction that hardly any pair speaks for is left where it is."""
CONVERGED_MM = 1e-3
FEWEST_PAIRS = 100
NEAR_LIMIT = 0.999
SMALL_MM = 2.0
"""Pairs this near agree."""


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """A transform of a bone, and whether it can be believed."""

    transform: RigidTransform
    residual_mm: float  #: median distance from surface to surface
    accepted: bool  #: whether places may be carried with it

    def inverse(self) -> Fit:
        """From the later scan to the earlier one."""
        return Fit(self.transform.inverse(), self.residual_mm, self.accepted)


def within_growth(scale: float, largest_growth: float) -> float:
    """The scale, kept within growth; shrinking by as much is growth seen from the other date."""
    return float(np.clip(scale, 1 / (1 + largest_growth), 1 + largest_growth))


def is_growth(scale: float, largest_growth: float) -> bool:
    """Whether a scale lies well within growth: one at the limit would have gone further."""
    return largest_growth == 0 or abs(np.log(scale)) < NEAR_LIMIT * np.log1p(largest_growth)


@dataclass(frozen=True, eq=False, slots=True)
class _Pairs:
    """Points as they lie now in the later scan, and where they belong."""

    here: Points  #: (n, 3), LPS mm of the later scan
    there: Points  #: (n, 3)
    normals: Points  #: (n, 3), of the later surface
    distance_mm: NDArray[np.float64]  #: (n,), opposed normals adding to it
    covered: float  #: share of the points of either surface that the other scan could show, the greater

    @property
    def rest_mm(self) -> NDArray[np.float64]:
        """(n,): along the normals."""
        return np.asarray(np.einsum("ij,ij->i", self.there - self.here, self.normals))


def fit_bone(
    earlier: ScanSurface, later: ScanSurface, start: RigidTransform, settings: RegisterSettings
) -> Fit | None:
    """Improve a first guess of how a bone of the earlier scan lies in the later one, and judge it.

    Returns
    -------
    Fit or None
        None where the scans hardly show the same part of it.
    """
    transform = improve(earlier, later, start, settings)
    return None if transform is None else _judged(earlier, later, transform, settings)


def improve(
    earlier: ScanSurface, later: ScanSurface, start: RigidTransform, settings: RegisterSettings
) -> RigidTransform | None:
    """Improve a first guess of how a surface of the earlier scan lies in the later one.

    Returns
    -------
    RigidTransform or None
        None where the scans hardly show the same part of it.
    """
    transform = start
    some, (first, last) = earlier.surface.points[::50], REACH_MM
    for n in range(ROUNDS):
        pairs = _pair(earlier, later, transform)
        if len(pairs.distance_mm) < FEWEST_PAIRS:
            return None
        weight = _weight(pairs, max(last, first * (1 - n / SETTLING_ROUNDS)))
        improved = _improved(transform, pairs, weight, settings.largest_growth)
        moved_mm = np.abs(improved.apply(some) - transform.apply(some)).max()
        transform = improved
        if n >= SETTLING_ROUNDS and moved_mm < CONVERGED_MM:
            break
    return transform


def _pair(earlier: ScanSurface, later: ScanSurface, transform: RigidTransform) -> _Pairs:
    """Nearest points from the earlier surface to the later one, and back."""
    own, back = earlier.some, transform.inverse()
    here = transform.apply(earlier.surface.points[own])
    turned = earlier.surface.normals[own] @ transform.rotation.T
    seen = later.shows(here)
    to_mm, found = later.surface.nearest(here[seen], turned[seen])
    theirs, their_normals = later.surface.points[later.some], later.surface.normals[later.some]
    there = back.apply(theirs)
    visible = earlier.shows(there)
    from_mm, nearest = earlier.surface.nearest(there[visible], their_normals[visible] @ transform.rotation)
    return _Pairs(
        np.concatenate([here[seen], transform.apply(earlier.surface.points[nearest])]),
        np.concatenate([later.surface.points[found], theirs[visible]]),
        np.concatenate([later.surface.normals[found], their_normals[visible]]),
        np.concatenate([to_mm, from_mm * transform.scale]),
        float(max(seen.mean(), visible.mean())),
    )


def _improved(
    transform: RigidTransform, pairs: _Pairs, weight: NDArray[np.float64], largest_growth: float
) -> RigidTransform:
    """One step of Gauss and Newton."""
    middle = pairs.here.mean(0)
    slopes = _slopes(pairs, middle)
    normal = (weight[:, None] * slopes).T @ slopes
    normal += STIFFNESS * np.trace(normal) / len(normal) * np.eye(len(normal))
    step = np.linalg.solve(normal, (weight * pairs.rest_mm) @ slopes)
    turn = Rotation.from_rotvec(step[:3] / LEVER_MM).as_matrix()
    scale = transform.scale * float(np.exp(step[6] / LEVER_MM))
    scale = within_growth(scale, largest_growth)
    growth = scale / transform.scale
    shift_mm = growth * turn @ (transform.shift_mm - middle) + middle + step[3:6]
    u, _, vt = np.linalg.svd(turn @ transform.rotation)
    return RigidTransform(u @ vt, shift_mm, scale)


def _slopes(pairs: _Pairs, middle: Points) -> NDArray[np.float64]:
    """(n, 7): how far each point moves along its normal by a turn, a shift, growth; all in mm."""
    arms = pairs.here - middle
    turns = np.cross(arms, pairs.normals) / LEVER_MM
    growth = np.einsum("ij,ij->i", arms, pairs.normals)[:, None] / LEVER_MM
    return np.hstack([turns, pairs.normals, growth])


def _weight(pairs: _Pairs, reach_mm: float) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + (pairs.distance_mm / reach_mm) ** 2) ** 2)


def how_held(earlier: ScanSurface, later: ScanSurface, transform: RigidTransform) -> float:
    """How firmly the surfaces hold each other where they are held least: 1 by all, 0 where they slide."""
    return _least_held(_pair(earlier, later, transform))


def _least_held(pairs: _Pairs) -> float:
    """Least eigenvalue of the normal equations over the sum of the weights."""
    slopes, weight = _slopes(pairs, pairs.here.mean(0)), _weight(pairs, REACH_MM[1])
    return float(np.linalg.eigvalsh((weight[:, None] * slopes).T @ slopes / weight.sum())[0])


def _judged(
    earlier: ScanSurface, later: ScanSurface, transform: RigidTransform, settings: RegisterSettings
) -> Fit | None:
    """How well the surfaces lie on each other, and whether each direction is held by some of them."""
    pairs = _pair(earlier, later, transform)
    if len(pairs.distance_mm) < FEWEST_PAIRS:
        return None
    across = np.abs(pairs.rest_mm)
    away = np.linalg.norm(pairs.there - pairs.here, axis=1)
    agreeing = np.mean((across < SMALL_MM) & (away < 2 * SMALL_MM))
    residual_mm = float(np.median(across))
    accepted = (
        residual_mm <= settings.bone_residual_mm
        and agreeing >= settings.agreeing_share
        and pairs.covered >= settings.covered_bone
        and _least_held(pairs) >= settings.least_held
        and is_growth(transform.scale, settings.largest_growth)
    )
    return Fit(transform, residual_mm, bool(accepted))
