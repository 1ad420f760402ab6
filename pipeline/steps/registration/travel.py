"""Where a place of one scan lies in another: carried by the bones around it.

Each bone carries with its own transform; between bones the nearer one has more say, so that places move
smoothly from one to the next. The flesh of a thigh swings with its femur but does not spin with it: what
lies off the bone follows a turn of the femur about its own shaft the less, the further off it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from pipeline.domain.geometry import RigidTransform
from pipeline.steps.naming.atlas import FEMORA, Points
from pipeline.steps.naming.surface import ScanSurface
from pipeline.steps.registration.bone import Fit

NEAR_MM = 4.0
"""Two bones closer to a place than this share it."""
SHARING = 3.0
"""How quickly a bone further off loses its say: power of the distance."""
SPIN_MM = 40.0
"""So far from the femur flesh follows its spin by a third."""
LOST_MM = 30.0
"""A place this near to a bone that could not be followed, and twice as far from all others, is lost."""
SOCKET_MM = 8.0
"""Points of the femur this near to the hip bone lie on its head."""
SHAFT_MM = 70.0
"""So far from the middle of its head a femur is a shaft,"""
SLENDER = 1.5
"""whose axis is known if it is shown so much longer than wide."""
FEWEST_POINTS = 40
NOT_REGISTERED = "the bones of the two scans could not be laid on each other"


@dataclass(frozen=True, eq=False, slots=True)
class _Carrier:
    """One bone of the earlier scan and where it takes what is around it."""

    tree: KDTree  #: of points on its surface
    own: RigidTransform
    flesh: RigidTransform | None  #: for what lies off the bone; None if that goes with it

    def carry(self, points: Points, away_mm: NDArray[np.float64]) -> Points:
        """(n, 3): in the later scan."""
        near = self.own.apply(points)
        if self.flesh is None:
            return near
        spin = np.exp(-away_mm / SPIN_MM)[:, None]
        return np.asarray(spin * near + (1 - spin) * self.flesh.apply(points))


@dataclass(frozen=True, eq=False, slots=True)
class Passage:
    """The way of places from one scan to another."""

    carriers: Mapping[str, _Carrier]
    lost: Mapping[str, KDTree]  #: bones of the earlier scan that could not be followed
    whole: RigidTransform | None = None  #: for all places, where no single bone is followed

    @classmethod
    def rigid(cls, transform: RigidTransform | None) -> Passage:
        """One transform for every place; with None no place is followed."""
        return cls({}, {}, transform)

    @classmethod
    def of(cls, surfaces: Mapping[str, ScanSurface], fits: Mapping[str, Fit], whole: str) -> Passage:
        """The way by the bones whose fits are accepted.

        Parameters
        ----------
        surfaces : mapping
            Of the earlier scan's bones.
        fits : mapping
            Of those that the later scan shows too, or of the skeleton as a whole under the name `whole`.
        """
        ways = {name: fit.transform for name, fit in fits.items() if fit.accepted}
        if whole in ways:
            return cls.rigid(ways[whole])
        points = {name: surface.surface.points for name, surface in surfaces.items()}
        trees = {name: KDTree(own) for name, own in points.items()}
        carriers = {
            name: _Carrier(trees[name], way, _flesh(name, points, trees, ways)) for name, way in ways.items()
        }
        return cls(carriers, {name: tree for name, tree in trees.items() if name not in ways})

    def why_lost(self, points_lps_mm: Points) -> str | None:
        """Why places cannot be followed; None if they can."""
        if self.whole is not None:
            return None
        if not self.carriers:
            return NOT_REGISTERED
        away = min(_nearest_mm(one.tree, points_lps_mm) for one in self.carriers.values())
        for name, tree in self.lost.items():
            near = _nearest_mm(tree, points_lps_mm)
            if near <= LOST_MM and away > 2 * near:
                return f"the {name.replace('_', ' ')} beside the place could not be found again"
        return None

    def carry(self, points_lps_mm: Points) -> Points:
        """(n, 3): places in the later scan.

        Raises
        ------
        ValueError
            Where no bone was followed.
        """
        if self.whole is not None:
            return self.whole.apply(points_lps_mm)
        if not self.carriers:
            raise ValueError(NOT_REGISTERED)
        total, shares = np.zeros(points_lps_mm.shape), np.zeros(len(points_lps_mm))
        for one in self.carriers.values():
            away = _distance_mm(one.tree, points_lps_mm)
            share = 1 / (away + NEAR_MM) ** SHARING
            total += share[:, None] * one.carry(points_lps_mm, away)
            shares += share
        return np.asarray(total / shares[:, None])


def _distance_mm(tree: KDTree, points: Points) -> NDArray[np.float64]:
    return np.asarray(tree.query(points)[0])


def _nearest_mm(tree: KDTree, points: Points) -> float:
    return float(_distance_mm(tree, points).min())


def _flesh(
    name: str,
    points: Mapping[str, Points],
    trees: Mapping[str, KDTree],
    ways: Mapping[str, RigidTransform],
) -> RigidTransform | None:
    """How the flesh of a thigh moves: with the shaft of its femur, less the spin about that shaft."""
    hip = name.replace("femur", "hip_bone")
    if name not in FEMORA or hip not in ways:
        return None
    shaft = _shaft(points[name], trees[hip])
    if shaft is None:
        return None
    pelvis, own = ways[hip], ways[name]
    middle = shaft.mean(0)
    axis = np.linalg.svd(shaft - middle, full_matrices=False)[2][0]
    turned = pelvis.rotation.T @ own.rotation @ axis
    swing = Rotation.align_vectors(turned[None], axis[None])[0].as_matrix()
    rotation = pelvis.rotation @ swing
    return RigidTransform(rotation, own.apply(middle) - own.scale * rotation @ middle, own.scale)


def _shaft(femur: Points, hip: KDTree) -> Points | None:
    """(n, 3): points far from the head; None if too little is shown to tell how they run."""
    head_mm = _head_mm(femur, hip)
    if head_mm is None:
        return None
    shaft = femur[np.linalg.norm(femur - head_mm, axis=1) > SHAFT_MM]
    if len(shaft) < FEWEST_POINTS:
        return None
    sizes = np.linalg.svd(shaft - shaft.mean(0), compute_uv=False)
    return shaft if sizes[0] > SLENDER * sizes[1] else None


def _head_mm(femur: Points, hip: KDTree) -> Points | None:
    """(3,): middle of the sphere through the points of a femur that lie in the socket; None without any."""
    near = femur[_distance_mm(hip, femur) < SOCKET_MM]
    if len(near) < FEWEST_POINTS:
        return None
    rows = np.column_stack([2 * near, np.ones(len(near))])
    return np.asarray(np.linalg.lstsq(rows, (near**2).sum(1), rcond=None)[0][:3])
