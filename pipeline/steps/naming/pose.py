"""How the atlas lies in a scan: the pelvis as a whole, and each femur turned about its head.

Fitted by iterated closest points (Besl and McKay 1992) on points with normals, so that the two sides
of the iliac wing are not confused; pairs far apart count little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pipeline.steps.naming.atlas import Atlas, Points
from pipeline.steps.naming.surface import ScanSurface, Surface

HEAD_RADIUS_MM = 26.0
"""Points of the femur this near to the middle of its head move with the pelvis."""
NARROWEST = 0.4
"""Share of its first reach to which the reach of pairs shrinks."""
PELVIS_MEMORY = 0.15
"""Weight with which the pelvis stays where it was, against all pairs."""
FEMUR_MEMORY = 0.03
FEWEST_PAIRS = 60


@dataclass(frozen=True, eq=False, slots=True)
class Pose:
    """An affine map of the pelvis, and the turn of each femur about its head before it."""

    matrix: Points  #: (3, 3)
    shift_mm: Points  #: (3,)
    turns: Mapping[str, Points] = field(default_factory=dict)  #: femur → (3, 3) rotation

    @classmethod
    def upright(cls, atlas: Atlas, size: float) -> Pose:
        """The reference patient, larger or smaller."""
        return cls(size * np.eye(3), np.zeros(3), {name: np.eye(3) for name in atlas.heads_mm})

    @property
    def size(self) -> float:
        """Against the reference patient."""
        return float(np.cbrt(np.linalg.det(self.matrix)))

    def turned(self, pelvis: Points, femora: Mapping[str, Points]) -> Pose:
        """With the pelvis and the femora turned further."""
        turns = {name: femora[name] @ turn for name, turn in self.turns.items()}
        return replace(self, matrix=pelvis @ self.matrix, turns=turns)

    def shifted(self, by_mm: Points) -> Pose:
        """Moved as a whole."""
        return replace(self, shift_mm=self.shift_mm + by_mm)

    def place(self, atlas: Atlas) -> Points:
        """(n, 3): where the atlas points lie in the scan, LPS mm."""
        placed = atlas.points @ self.matrix.T + self.shift_mm
        for name, turn in self.turns.items():
            own, head = atlas.of(name), atlas.heads_mm[name]
            placed[own] = (atlas.points[own] - head) @ (self.matrix @ turn).T + self._of(head)
        return placed

    def place_normals(self, atlas: Atlas) -> Points:
        """(n, 3): the atlas normals in the scan."""
        placed = atlas.normals @ np.linalg.inv(self.matrix)
        for name, turn in self.turns.items():
            own = atlas.of(name)
            placed[own] = atlas.normals[own] @ np.linalg.inv(self.matrix @ turn)
        return np.asarray(placed / (np.linalg.norm(placed, axis=1, keepdims=True) + 1e-9))

    def _of(self, point: Points) -> Points:
        return np.asarray(self.matrix @ point + self.shift_mm)


def bent(angle_deg: float) -> Points:
    """(3, 3): a turn about the axis from right to left; positive brings what is below forwards."""
    return np.asarray(Rotation.from_euler("x", -angle_deg, degrees=True).as_matrix())


@dataclass(frozen=True, eq=False, slots=True)
class Pairs:
    """Atlas points and where they belong."""

    atlas: NDArray[np.intp]  #: positions of atlas points
    there: Points  #: (n, 3), LPS mm
    distance_mm: NDArray[np.float64]
    forward: int  #: so many of the first pairs start from the atlas


def pair(scan: ScanSurface, placed: Points, normals: Points, some: NDArray[np.intp]) -> Pairs:
    """Nearest points from the atlas to the scan, where the scan could show them, and back."""
    own = some[scan.shows(placed[some])]
    to_mm, found = scan.surface.nearest(placed[own], normals[own])
    back = Surface.of(placed, normals)
    points, their_normals = scan.surface.points[scan.some], scan.surface.normals[scan.some]
    from_mm, nearest = back.nearest(points, their_normals)
    return Pairs(
        np.concatenate([own, nearest]),
        np.concatenate([scan.surface.points[found], points]),
        np.concatenate([to_mm, from_mm]),
        len(own),
    )


def fit_pose(
    scan: ScanSurface,
    atlas: Atlas,
    start: Pose,
    *,
    rounds: int,
    reach_mm: float,
    affine: bool,
    every: int = 1,
) -> Pose:
    """Improve a pose.

    Parameters
    ----------
    reach_mm : float
        Pairs further apart than this count less than a quarter at first; it shrinks with the rounds.
    affine : bool
        Whether the pelvis may be stretched along its axes, or only grow as a whole.
    every : int
        Only every so many of the points are paired.
    """
    some = np.arange(0, len(atlas.points), every, dtype=np.intp)
    thin = replace(scan, some=scan.some[::every])
    pose = start
    for n in range(rounds):
        placed, normals = pose.place(atlas), pose.place_normals(atlas)
        pairs = pair(thin, placed, normals, some)
        if len(pairs.distance_mm) < FEWEST_PAIRS:
            return pose
        reach = reach_mm * max(NARROWEST, 1 - n / rounds)
        weight = 1 / (1 + (pairs.distance_mm / reach) ** 2) ** 2
        pose = _improved(pose, atlas, placed, pairs, weight, affine)
    return pose


def _improved(
    pose: Pose, atlas: Atlas, placed: Points, pairs: Pairs, weight: NDArray[np.float64], affine: bool
) -> Pose:
    femur = {name: atlas.of(name) for name in pose.turns}
    rest = ~np.logical_or.reduce(list(femur.values()))
    head = np.logical_or.reduce([own & _near(atlas, name) for name, own in femur.items()])
    own = (rest | head)[pairs.atlas]
    # a head turns in its socket: its points are taken as they lie now, in the frame of the pelvis
    unturned = (placed[pairs.atlas[own]] - pose.shift_mm) @ np.linalg.inv(pose.matrix).T
    kept = np.flatnonzero(rest)[::7]
    matrix, shift_mm = _solve(
        np.concatenate([unturned, atlas.points[kept]]),
        np.concatenate([pairs.there[own], placed[kept]]),
        np.concatenate([weight[own], _memory(PELVIS_MEMORY, weight, len(kept))]),
        affine,
    )
    moved = Pose(matrix, shift_mm, pose.turns)
    turns = {name: _turn(moved, atlas, name, femur[name], placed, pairs, weight) for name in pose.turns}
    return Pose(matrix, shift_mm, turns)


@cache
def _near(atlas: Atlas, femur: str) -> NDArray[np.bool_]:
    """Points within the head of a femur."""
    away = np.linalg.norm(atlas.points - atlas.heads_mm[femur], axis=1)
    return np.asarray(away < HEAD_RADIUS_MM)


def _memory(share: float, weight: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.full(count, max(share * float(weight.sum()) / max(count, 1), 1e-6))


def _turn(
    moved: Pose,
    atlas: Atlas,
    name: str,
    own: NDArray[np.bool_],
    placed: Points,
    pairs: Pairs,
    weight: NDArray[np.float64],
) -> Points:
    head = atlas.heads_mm[name]
    centre = moved.matrix @ head + moved.shift_mm
    mine = own[pairs.atlas]
    kept = np.flatnonzero(own)[::9]
    source = np.concatenate([atlas.points[pairs.atlas[mine]], atlas.points[kept]]) - head
    target = np.concatenate([pairs.there[mine], placed[kept]]) - centre
    weights = np.concatenate([weight[mine], _memory(FEMUR_MEMORY, weight, len(kept))])
    return _rotation((weights[:, None] * (target @ np.linalg.inv(moved.matrix).T)).T @ source)


def _rotation(covariance: Points) -> Points:
    """The rotation nearest to a matrix (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(covariance)
    return np.asarray(u @ np.diag([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))]) @ vt)


def _solve(
    source: Points, target: Points, weight: NDArray[np.float64], affine: bool
) -> tuple[Points, Points]:
    """Weighted least squares: affine, or rotation, scale and shift (Umeyama 1991)."""
    w = (weight / weight.sum())[:, None]
    mean_a, mean_b = (w * source).sum(0), (w * target).sum(0)
    a, b = source - mean_a, target - mean_b
    if affine:
        root = np.sqrt(w)
        matrix = np.linalg.lstsq(a * root, b * root, rcond=None)[0].T
    else:
        rotation = _rotation((w * b).T @ a)
        scale = float(np.sum(w * b * (a @ rotation.T)) / max(float(np.sum(w * a * a)), 1e-9))
        matrix = scale * rotation
    return np.asarray(matrix), np.asarray(mean_b - matrix @ mean_a)
