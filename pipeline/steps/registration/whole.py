"""How the skeleton of one scan lies in another: a rigid fit with growth, on bone surfaces.

Iterated closest points (Besl and McKay 1992) with trimming (Chetverikov 2002), so that what moved,
grew or is not in both scans does not pull; rotation, shift and scale in closed form (Umeyama 1991).

Points are paired both ways, and each way only where the other scan could show them: bone that the
later scan shows must have its place in the earlier one, else a scan of a part could be laid anywhere
the bones run alike. All points count until the fit has settled: trimmed from the start it stops halfway,
since those that do not fit yet are just those left out. Starts are spread along the body axis over every
overlap the two scans can have. Everything is in one thread and without chance, so that it repeats
to the last digit.

Points slide along shafts by a slice or two, which the surfaces between the voxels do not: the fit is
finished on those, from points to planes, as for single bones.
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
from pipeline.steps.registration.bone import Fit, how_held, improve, is_growth, within_growth
from pipeline.steps.registration.surface import surface_of_all
from pipeline.steps.voxels import Voxels

SURFACE_GRID_MM = 2.0
START_STEP_MM = 8.0
START_ITERATIONS = 8
START_POINTS = 500
LEAST_OVERLAP_MM = 40.0
"""Scans that would share less of the body axis than this are not laid on each other."""
FEWEST_COVERED = 0.15
"""Share of the bone surface of one of the scans that must fall into the other."""
FARTHEST_MM = 10.0
"""A point further from the other surface than this counts as this far: it has moved, or is not there."""
SURE_MM = 1.5 * SURFACE_GRID_MM
"""Points this near fit as well as the surface is known; trimming them would only bias the scale."""
CONVERGED_MM = 1e-4
LEAST_HELD = 0.001
"""Least eigenvalue of the normal equations, as `bone.how_held` gives it: straight shafts alone have less than
0.0005, knees and thighs of real scans 0.002 to 0.18, and are laid right by it."""


@dataclass(frozen=True, eq=False, slots=True)
class _Surface:
    """The bone surface of one scan, whole and thinned."""

    points: NDArray[np.float64]
    tree: KDTree
    geometry: Geometry

    def thinned(self, most: int) -> NDArray[np.float64]:
        """At most so many of the points, evenly taken from their order."""
        if len(self.points) <= most:
            return self.points
        chosen = np.linspace(0, len(self.points) - 1, most).astype(int)
        return np.asarray(self.points[chosen], dtype=np.float64)


@dataclass(frozen=True, eq=False, slots=True)
class _Pairs:
    """Points of the earlier scan and where they belong in the later one."""

    earlier: NDArray[np.float64]
    later: NDArray[np.float64]
    distance_mm: NDArray[np.float64]  #: in the later scan's space
    covered: float  #: the greater share of the two surfaces that the other scan shows


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
    a, b = _surface(earlier), _surface(later)
    if len(a.points) < 10 or len(b.points) < 10:
        return None
    everything = settings.model_copy(update={"trim_fraction": 1.0})
    start = _best_start(a, b, everything)
    most = settings.sample_points
    near = _iterate(a, b, start, most, settings.iterations, everything)
    coarse = _iterate(a, b, near, most, settings.iterations, settings)
    transform, is_held = _finish(earlier, later, coarse, settings)
    pairs = _pair(a, b, transform, most)
    accepted = (
        is_held
        and _disagreement_mm(pairs) <= settings.accepted_residual_mm
        and pairs.covered >= FEWEST_COVERED
        and is_growth(transform.scale, settings.largest_growth)
    )
    residual_mm = float(np.median(pairs.distance_mm)) if len(pairs.distance_mm) else float("inf")
    return Fit(transform, residual_mm, bool(accepted))


def _finish(
    earlier: LabelMap, later: LabelMap, coarse: RigidTransform, settings: RegisterSettings
) -> tuple[RigidTransform, bool]:
    """The fit on the surfaces between the voxels, and whether something holds it in every direction."""
    one, other = surface_of_all(earlier), surface_of_all(later)
    if one is None or other is None:
        return coarse, False
    fine = improve(one, other, coarse, settings)
    if fine is None:
        return coarse, False
    return fine, how_held(one, other, fine) >= LEAST_HELD


def _surface(skeleton: LabelMap) -> _Surface:
    points = bone_surface_mm(skeleton)
    return _Surface(points, KDTree(points), skeleton.geometry)


def _best_start(a: _Surface, b: _Surface, settings: RegisterSettings) -> RigidTransform:
    """The best of several first guesses, each improved by a few rounds."""
    tried = []
    for shift_mm in _start_shifts_mm(a, b):
        start = RigidTransform(np.eye(3), shift_mm)
        fit = _iterate(a, b, start, START_POINTS, START_ITERATIONS, settings)
        pairs = _pair(a, b, fit, START_POINTS)
        # no surface is known better than to half a voxel: among fits as good, the one that shows more
        score = (_disagreement_mm(pairs) + SURFACE_GRID_MM / 2) / max(pairs.covered, 0.05) ** 0.5
        tried.append((score, fit))
    return min(tried, key=lambda one: one[0])[1]


def _start_shifts_mm(a: _Surface, b: _Surface) -> list[NDArray[np.float64]]:
    """Shifts that lay the middles of the bones on each other, moved along the body axis."""
    middle = np.median(b.points, axis=0) - np.median(a.points, axis=0)
    low = b.points[:, 2].min() - a.points[:, 2].max() + LEAST_OVERLAP_MM
    high = b.points[:, 2].max() - a.points[:, 2].min() - LEAST_OVERLAP_MM
    offsets = np.arange(low, high + 1, START_STEP_MM) if low < high else np.array([(low + high) / 2])
    along = [middle[2], *sorted(offsets, key=lambda z: abs(z - middle[2]))]
    return [np.array([middle[0], middle[1], z]) for z in along]


def _inside(points: NDArray[np.float64], geometry: Geometry) -> NDArray[np.bool_]:
    index = geometry.to_index(points)
    return np.asarray(((index > -0.5) & (index < np.asarray(geometry.shape) - 0.5)).all(axis=1))


def _pair(a: _Surface, b: _Surface, transform: RigidTransform, most: int) -> _Pairs:
    """Nearest points both ways, each way where the other scan could show them."""
    own_a, own_b = a.thinned(most), b.thinned(most)
    there, back = transform.apply(own_a), transform.inverse().apply(own_b)
    seen_a, seen_b = _inside(there, b.geometry), _inside(back, a.geometry)
    far_a, near_b = _nearest(b, there[seen_a])
    far_b, near_a = _nearest(a, back[seen_b])
    return _Pairs(
        earlier=np.concatenate([own_a[seen_a], near_a]),
        later=np.concatenate([near_b, own_b[seen_b]]),
        distance_mm=np.concatenate([far_a, far_b * transform.scale]),
        covered=float(max(seen_a.mean(), seen_b.mean())),
    )


def _nearest(
    surface: _Surface, points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    distance, found = surface.tree.query(points)
    return np.asarray(distance), np.asarray(surface.points[np.asarray(found, dtype=int)])


def _disagreement_mm(pairs: _Pairs) -> float:
    """Mean distance of the surfaces, what has moved away counting only so far."""
    if not len(pairs.distance_mm):
        return float("inf")
    return float(np.minimum(pairs.distance_mm, FARTHEST_MM).mean())


def _iterate(
    a: _Surface,
    b: _Surface,
    start: RigidTransform,
    most: int,
    rounds: int,
    settings: RegisterSettings,
) -> RigidTransform:
    transform = start
    for _ in range(rounds):
        pairs = _pair(a, b, transform, most)
        if len(pairs.distance_mm) < 10:
            return transform
        most_mm = float(np.quantile(pairs.distance_mm, settings.trim_fraction))
        kept = pairs.distance_mm <= max(most_mm, SURE_MM)
        improved = similarity(pairs.earlier[kept], pairs.later[kept], settings.largest_growth)
        change = np.abs(improved.matrix_lps - transform.matrix_lps)
        transform = improved
        if change[:3, :3].max() * 1000 + change[:3, 3].max() < CONVERGED_MM:
            break
    return transform


def similarity(
    source: NDArray[np.float64], target: NDArray[np.float64], largest_growth: float
) -> RigidTransform:
    """Least-squares rotation, shift and scale (Umeyama 1991), the scale kept within growth."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))])
    rotation = u @ sign @ vt
    scale = float(singular @ np.diag(sign) / max((a**2).sum(), 1e-9))
    scale = within_growth(scale, largest_growth)
    return RigidTransform(rotation, target_mean - scale * rotation @ source_mean, scale)
