"""How the skeleton of one scan lies in another: a rigid fit with growth, on bone surfaces.

Iterated closest points (Besl and McKay 1992) with trimming (Chetverikov 2002), so that what moved,
grew or is not in both scans does not pull; rotation, shift and scale in closed form (Umeyama 1991).
All points count until the fit has settled: trimmed from the start it stops halfway, since those that
do not fit yet are just those left out. Several starts along the body axis are tried and the best is
kept, since the two scans need not cover the same range. Everything is in one thread and without
chance, so that it repeats to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from pipeline.config import RegisterSettings
from pipeline.domain.geometry import Geometry, RigidTransform
from pipeline.domain.image import LabelMap
from pipeline.steps.grid import pool_max, pool_steps
from pipeline.steps.voxels import Voxels

SURFACE_GRID_MM = 2.0
START_STEP_MM = 12.0
START_RANGE_MM = 144.0
START_ITERATIONS = 8
START_POINTS = 500
FEWEST_COVERED = 0.15
"""Share of the earlier scan's bone surface that must fall into the later scan."""
CONVERGED_MM = 1e-4


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """A transform and how well the surfaces lie on each other under it."""

    transform: RigidTransform
    residual_mm: float  #: median distance to the other surface, over points within the other scan
    accepted: bool


@dataclass(frozen=True, eq=False, slots=True)
class _Target:
    tree: KDTree
    points: NDArray[np.float64]
    geometry: Geometry


def bone_surface_mm(skeleton: LabelMap) -> NDArray[np.float64]:
    """(n, 3): points of the bone surface in LPS, on a grid of about 2 mm."""
    steps = pool_steps(skeleton.geometry, target_mm=SURFACE_GRID_MM)
    solid = np.asarray(pool_max(skeleton.values, steps)) > 0
    inner = ndimage.binary_erosion(solid, border_value=1)
    surface: Voxels = solid & ~inner
    return skeleton.geometry.coarsen(steps).to_lps_mm(np.argwhere(surface))


def register_skeletons(earlier: LabelMap, later: LabelMap, settings: RegisterSettings) -> Fit | None:
    """Fit the earlier skeleton into the later one.

    Returns
    -------
    Fit or None
        None where one of the scans shows no bone.
    """
    source, points = bone_surface_mm(earlier), bone_surface_mm(later)
    if len(source) < 10 or len(points) < 10:
        return None
    target = _Target(KDTree(points), points, later.geometry)
    everything = settings.model_copy(update={"trim_fraction": 1.0})
    start = _best_start(source, target, everything)
    sample = _thinned(source, settings.sample_points)
    near = _iterate(sample, target, start, settings.iterations, everything)
    transform = _iterate(sample, target, near, settings.iterations, settings)
    residual_mm, covered = _residual(sample, target, transform)
    growth = abs(transform.scale - 1)
    accepted = (
        residual_mm <= settings.accepted_residual_mm
        and covered >= FEWEST_COVERED
        and (growth < settings.largest_growth or settings.largest_growth == 0)
    )
    return Fit(transform, residual_mm, bool(accepted))


def _thinned(points: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """At most so many of the points, evenly taken from their order."""
    if len(points) <= most:
        return points
    chosen = np.linspace(0, len(points) - 1, most).astype(int)
    return np.asarray(points[chosen], dtype=np.float64)


def _best_start(source: NDArray[np.float64], target: _Target, settings: RegisterSettings) -> RigidTransform:
    """The best of several first guesses, each improved by a few rounds."""
    sample = _thinned(source, START_POINTS)
    middle = np.median(target.points, axis=0) - np.median(source, axis=0)
    shifts = np.arange(-START_RANGE_MM, START_RANGE_MM + 1, START_STEP_MM)
    tried = []
    for shift_mm in sorted(shifts, key=abs):
        start = RigidTransform(np.eye(3), middle + np.array([0.0, 0.0, shift_mm]))
        fit = _iterate(sample, target, start, START_ITERATIONS, settings)
        residual_mm, covered = _residual(sample, target, fit)
        # no surface is known better than to half a voxel: among fits as good, the one that shows more
        tried.append(((residual_mm + SURFACE_GRID_MM / 2) / max(covered, 0.05) ** 0.5, fit))
    return min(tried, key=lambda one: one[0])[1]


def _inside(points: NDArray[np.float64], geometry: Geometry) -> NDArray[np.bool_]:
    index = geometry.to_index(points)
    return np.asarray(((index > -0.5) & (index < np.asarray(geometry.shape) - 0.5)).all(axis=1))


def _iterate(
    sample: NDArray[np.float64],
    target: _Target,
    start: RigidTransform,
    rounds: int,
    settings: RegisterSettings,
) -> RigidTransform:
    transform = start
    for _ in range(rounds):
        moved = transform.apply(sample)
        seen = _inside(moved, target.geometry)
        if np.count_nonzero(seen) < 10:
            return transform
        distance, found = target.tree.query(moved[seen])
        nearest = np.asarray(found)
        kept = distance <= np.quantile(distance, settings.trim_fraction)
        improved = _similarity(sample[seen][kept], target.points[nearest[kept]], settings.largest_growth)
        change = np.abs(improved.apply(sample) - moved).max()
        transform = improved
        if change < CONVERGED_MM:
            break
    return transform


def _similarity(
    source: NDArray[np.float64], target: NDArray[np.float64], largest_growth: float
) -> RigidTransform:
    """Least-squares rotation, shift and scale (Umeyama 1991), the scale kept within growth."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))])
    rotation = u @ sign @ vt
    scale = float(singular @ np.diag(sign) / max((a**2).sum(), 1e-9))
    scale = float(np.clip(scale, 1 - largest_growth, 1 + largest_growth))
    return RigidTransform(rotation, target_mean - scale * rotation @ source_mean, scale)


def _residual(sample: NDArray[np.float64], target: _Target, transform: RigidTransform) -> tuple[float, float]:
    """Median distance to the other surface, and the share of points the other scan covers."""
    moved = transform.apply(sample)
    seen = _inside(moved, target.geometry)
    if not seen.any():
        return float("inf"), 0.0
    distance, _ = target.tree.query(moved[seen])
    return float(np.median(distance)), float(seen.mean())
