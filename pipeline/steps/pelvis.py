"""The pelvis as the fitted atlas has it: its bones within the scan and beyond its edge.

The bones that a scan shows may be cut by its edge, and bowel full of contrast may have been taken for
bone. The atlas knows where the bones are all the same, and which is which.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.steps.naming.atlas import FEMORA, HIP_BONES, Points
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.sites.frame import ReferenceFrame
from pipeline.steps.sites.regions import STRUCTURES, heights_mm
from pipeline.steps.sites.territories import TERRITORIES

DIRECTIONS = 24
"""In-plane directions in which bone is looked for."""
SLAB_MM = 10.0
"""Bone this far above and below counts: points of the atlas lie some millimetres apart."""
WIDEST_GAP_DEG = 175.0
"""What lies between the bones of the pelvis sees them on all sides; what lies before or behind, not."""
BESIDE_MM = 25.0
"""As wide as a pubic bone."""
OUTSIDE_MM = 8.0
"""So far outside the hind edge of a hip bone lies the buttock; behind the edge the cavity goes on in the
sciatic notch."""
FEMUR_SHARE = 0.1
"""Where a femur stands before the bones of the pelvis, a place lies beside them."""
ABOVE_CREST_MM = 15.0
"""The fossa goes on above the crest by this much: the wing's highest point is not before everything."""
MIDDLE_BONES = ("sacrum", "coccyx", "lumbar_vertebrae")
WALL_MUSCLES = (
    "obturator internus",
    "piriformis",
    "iliacus",
    "psoas",
    "quadratus lumborum",
    "oblique muscles",
    "rectus abdominis",
)
"""The muscles that line the cavities of pelvis and abdomen."""
HOLLOWS = ("pelvic_cavity", "perineum", "inguinal", "hip_joint", "greater_trochanteric")
"""Regions of the reference patient that are no muscles."""


@dataclass(frozen=True, slots=True)
class NearBone:
    """The bone of the atlas next to something."""

    name: str
    distance_mm: float  #: from its middle to the nearest point of the bone's surface
    height_mm: float  #: above that surface; negative within the bone


@dataclass(frozen=True, eq=False)
class Pelvis:
    """The atlas in the scan, asked about places."""

    fit: AtlasFit
    frame: ReferenceFrame | None = None  #: the way to the reference patient; without, no muscles are known

    @cached_property
    def roof_mm(self) -> float:
        """Height of the top of the femoral heads, LPS z: the roof of the hip joints."""
        return float(self.fit.points[self.fit.atlas.of(*FEMORA), 2].max())

    @cached_property
    def crest_mm(self) -> float:
        """Height of the iliac crests, LPS z."""
        return float(self.fit.points[self.fit.atlas.of(*HIP_BONES), 2].max())

    def wall_muscle_mm(self, place: Points) -> float:
        """How far a place lies outside of the muscles that line the pelvis.

        Negative within one; infinite where they are not known.
        """
        return self._outside_mm(place, [STRUCTURES.index(name) for name in WALL_MUSCLES])

    def muscle_mm(self, place: Points) -> float:
        """The same of all muscles that are known."""
        return self._outside_mm(place, [n for n, one in enumerate(TERRITORIES) if one.region not in HOLLOWS])

    def _outside_mm(self, place: Points, rows: list[int]) -> float:
        if self.frame is None:
            return float("inf")
        reference = self.frame.to_reference(np.asarray(place, dtype=np.float64)[None])
        return float(heights_mm(reference)[rows].min())

    def nearest(self, place: Points) -> NearBone:
        """The bone next to a place (x, y, z)."""
        distance, height = self.fit.distances_mm(np.asarray(place, dtype=np.float64)[None])
        bone = int(distance[:, 0].argmin())
        return NearBone(self.fit.atlas.names[bone], float(distance[bone, 0]), float(height[bone, 0]))

    def encloses(self, place: Points) -> bool:
        """Whether a place lies between the bones of both sides: in the pelvic cavity."""
        bone, far_mm, angle = self._around(np.asarray(place, dtype=np.float64))
        pelvic = np.isin(bone, [self._number(name) for name in (*HIP_BONES, *MIDDLE_BONES)])
        return (
            self._sees_both(_first_met(bone, far_mm, angle))
            and _widest_gap_deg(angle[pelvic]) <= WIDEST_GAP_DEG
        )

    def lies_before(self, place: Points) -> bool:
        """Whether a place above the hip joints sees both hip bones: in the pelvic cavity, or before it."""
        place = np.asarray(place, dtype=np.float64)
        return bool(place[2] > self.roof_mm) and self.faces_both_sides(place) and not self.is_behind(place)

    def is_behind(self, place: Points) -> bool:
        """Whether a place lies in buttock or back.

        That is plainly outside and behind the nearest place of a hip bone, or, above the hip joints, behind
        all of sacrum and spine that lies near it at its level.
        """
        place = np.asarray(place, dtype=np.float64)
        outwards_mm, backwards_mm = self._from_wing(place)
        if outwards_mm >= OUTSIDE_MM and backwards_mm > 0:
            return True
        bones = self.fit.points[self.fit.atlas.of(*MIDDLE_BONES)]
        away = np.abs(bones - place)
        near = bones[(away[:, 2] <= SLAB_MM) & (away[:, 0] <= BESIDE_MM)]
        return bool(place[2] > self.roof_mm and len(near) and place[1] > near[:, 1].max())

    def _from_wing(self, place: Points) -> Points:
        """(2,): how far outwards and backwards a place lies of the nearest place of a hip bone."""
        wing = self.fit.points[self.fit.atlas.of(*HIP_BONES)]
        way = place - wing[np.linalg.norm(wing - place, axis=1).argmin()]
        middle = self.fit.points[self.fit.atlas.of(*MIDDLE_BONES)]
        middle_x = (middle if len(middle) else wing)[:, 0].mean()
        return np.array([way[0] * np.sign(place[0] - middle_x), way[1]])

    def faces_both_sides(self, place: Points) -> bool:
        """Whether a place sees both hip bones and no femur: between them, or before or behind."""
        return self._sees_both(_first_met(*self._around(np.asarray(place, dtype=np.float64))))

    def is_in_front(self, place: Points) -> bool:
        """Whether a place lies before the hip bones near it at its level, where no adductor begins."""
        hips = self.fit.points[self.fit.atlas.of(*HIP_BONES)]
        away = np.abs(hips - np.asarray(place, dtype=np.float64))
        near = hips[(away[:, 2] <= SLAB_MM) & (away[:, 0] <= BESIDE_MM)]
        return bool(len(near)) and bool(place[1] < near[:, 1].min())

    def lies_in_fossa(self, place: Points) -> bool:
        """Whether a place above the hip joints lies before the iliac wing of its side, medially."""
        place = np.asarray(place, dtype=np.float64)
        if not self.roof_mm < place[2] < self.crest_mm + ABOVE_CREST_MM:
            return False
        return bool((self._from_wing(place) < 0).all())

    def _sees_both(self, first: NDArray[np.intp]) -> bool:
        femur = float(np.isin(first, [self._number(name) for name in FEMORA]).mean())
        return femur <= FEMUR_SHARE and all((first == self._number(name)).any() for name in HIP_BONES)

    def _number(self, name: str) -> int:
        return self.fit.atlas.names.index(name) if name in self.fit.atlas.names else -2

    def _around(self, place: Points) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
        """Bone, distance in mm and direction of the points of the atlas at the level of a place."""
        level = np.abs(self.fit.points[:, 2] - place[2]) <= SLAB_MM
        way = self.fit.points[level, :2] - place[:2]
        return self.fit.atlas.bone[level], np.hypot(way[:, 0], way[:, 1]), np.arctan2(way[:, 1], way[:, 0])


def _first_met(
    bone: NDArray[np.intp], far_mm: NDArray[np.float64], angle: NDArray[np.float64]
) -> NDArray[np.intp]:
    """(directions,): the bone met first in each direction; -1 for none."""
    sector = np.rint(angle * DIRECTIONS / (2 * np.pi)).astype(np.intp) % DIRECTIONS
    first = np.full(DIRECTIONS, -1, dtype=np.intp)
    order = np.argsort(-far_mm, kind="stable")
    first[sector[order]] = bone[order]
    return first


def _widest_gap_deg(angle: NDArray[np.float64]) -> float:
    """Widest range of directions in which nothing lies."""
    if not len(angle):
        return 360.0
    turned = np.sort(angle)
    return float(np.degrees(np.diff(np.append(turned, turned[0] + 2 * np.pi)).max()))
