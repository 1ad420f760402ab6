"""From a scan to the reference patient: where the fitted atlas says that a place lies.

Regions are written down once, in millimetres of the reference patient, whose bones are the atlas. A place
of a scan is carried there by the bones around it, each of which has its own affine map and, on top of it, the
displacement of its surface points near the place (Shepard 1968). So a child, a turned patient, a bent hip and
a scan of one hip need no rules of their own.

The flesh of the thigh swings with the femur, but does not spin with it: a femur turned about its shaft by 30°
takes along what is fixed to it, and leaves the hamstrings behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.steps.naming.atlas import FEMORA, Points
from pipeline.steps.naming.fit import AtlasFit

THIN = 4
"""Every so many points of the atlas carry the displacement."""
SPREAD_MM = 15.0
"""A displacement counts half at about this distance."""
NEAREST = 24
"""Points that carry the displacement of a place."""
SOFT_MM = 15.0
"""Two bones closer to a place than this share it."""
SHARING = 4.0
"""How quickly a bone further off loses its say: power of the distance."""
SPIN_MM = 12.0
"""So far from the femur flesh follows its spin by a third."""
ASIDE_MM = 40.0
"""So far from the femur flesh follows its shaft sideways by a third."""
SHAFT_MM = -70.0
"""Below this level of the reference patient the femur is a shaft."""
LEFT = np.array([1.0, 0.0, 0.0])


@dataclass(frozen=True, eq=False, slots=True)
class _Affine:
    """From the scan to the reference patient."""

    matrix: Points  #: (3, 3)
    shift_mm: Points  #: (3,)

    @classmethod
    def between(cls, scan: Points, reference: Points) -> _Affine:
        """The map that takes points of a scan to the reference, by least squares."""
        middle: Points = scan.mean(0)
        a = np.column_stack([scan - middle, np.ones(len(scan))])
        solved = np.linalg.lstsq(a, reference, rcond=None)[0]
        matrix: Points = np.array(solved[:3].T, dtype=np.float64)
        return cls(matrix, np.asarray(solved[3] - matrix @ middle, dtype=np.float64))

    def apply(self, places: Points) -> Points:
        """(n, 3): places in the reference."""
        return np.asarray(places @ self.matrix.T + self.shift_mm)

    def inverse(self) -> _Affine:
        """From the reference patient to the scan."""
        back: Points = np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)
        return _Affine(back, -back @ self.shift_mm)


@dataclass(frozen=True, eq=False, slots=True)
class _Bone:
    """Bones that move as one, and the flesh that goes with them."""

    own: _Affine
    flesh: _Affine
    tree: KDTree  #: of points in the scan
    rest_mm: Points  #: (n, 3), what the affine map leaves at those points
    aside_mm: Points  #: (3,), how far the flesh map leaves the bone beside its place

    @classmethod
    def of(cls, own: _Affine, flesh: _Affine, scan: Points, reference: Points) -> _Bone:
        """A bone from its points."""
        some = slice(None, None, THIN)
        shaft = reference[:, 2] < SHAFT_MM
        aside = (reference - flesh.apply(scan))[shaft].mean(0) if shaft.any() else np.zeros(3)
        return cls(own, flesh, KDTree(scan[some]), (reference - own.apply(scan))[some], aside)

    def carry(self, places: Points) -> tuple[Points, NDArray[np.float64]]:
        """(n, 3) in the reference, and (n,) distance to the nearest point in the scan."""
        queried, found = self.tree.query(places, k=min(NEAREST, self.tree.n))
        away = np.asarray(queried, dtype=np.float64)
        weight = 1 / (away**2 + SPREAD_MM**2) ** 2
        rest = (weight[..., None] * self.rest_mm[found]).sum(1) / weight.sum(1)[:, None]
        near = self.own.apply(places) + rest
        if self.flesh is self.own:
            return near, away[:, 0]
        spin = np.exp(-away[:, :1] / SPIN_MM)
        aside = np.exp(-away[:, :1] / ASIDE_MM) * self.aside_mm
        return spin * near + (1 - spin) * (self.flesh.apply(places) + aside), away[:, 0]


@dataclass(frozen=True, eq=False)
class ReferenceFrame:
    """The way from a scan to the reference patient."""

    fit: AtlasFit

    @cached_property
    def _bones(self) -> tuple[_Bone, ...]:
        atlas, points = self.fit.atlas, self.fit.points
        rest = ~atlas.of(*FEMORA)
        pelvis = _Affine.between(points[rest], atlas.points[rest])
        bones = [_Bone.of(pelvis, pelvis, points[rest], atlas.points[rest])]
        for name in FEMORA:
            mine = atlas.of(name)
            own = _Affine.between(points[mine], atlas.points[mine])
            flesh = self._swing(name, own, pelvis)
            bones.append(_Bone.of(own, flesh, points[mine], atlas.points[mine]))
        return tuple(bones)

    def _swing(self, femur: str, own: _Affine, pelvis: _Affine) -> _Affine:
        """The map of a thigh without the spin of its femur: shaft on shaft, left to the pelvis's left."""
        atlas = self.fit.atlas
        shaft = atlas.points[atlas.of(femur)]
        shaft = shaft[shaft[:, 2] < SHAFT_MM]
        _, _, axes = np.linalg.svd(shaft - shaft.mean(0), full_matrices=False)
        down = axes[0] * np.sign(-axes[0][2])
        back = own.inverse()
        here = _frame(down, LEFT)
        there = _frame(back.matrix @ down, pelvis.inverse().matrix @ LEFT)
        size = float(np.linalg.norm(own.matrix @ there[:, 0]))
        matrix = size * here @ there.T
        head = atlas.heads_mm[femur]
        return _Affine(matrix, head - matrix @ back.apply(head[None])[0])

    def to_reference(self, places_lps_mm: Points) -> Points:
        """Carry places of the scan to the reference patient.

        Parameters
        ----------
        places_lps_mm : ndarray
            (n, 3), LPS mm.

        Returns
        -------
        ndarray
            (n, 3), mm of the reference patient; x is 0 at the midline and positive on the left, the origin
            lies in the middle between the femoral heads.
        """
        carried = [bone.carry(places_lps_mm) for bone in self._bones]
        weight = np.stack([1 / (away + SOFT_MM) ** SHARING for _, away in carried])
        share = weight / weight.sum(0)
        return np.asarray(np.einsum("gn,gnx->nx", share, np.stack([places for places, _ in carried])))


def _frame(along: Points, left: Points) -> Points:
    """(3, 3): orthonormal columns; the first along one direction, the second nearest to another."""
    first = along / np.linalg.norm(along)
    second = left - first * float(first @ left)
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)], axis=1)
