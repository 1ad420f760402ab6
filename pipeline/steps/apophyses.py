"""Where and when bone ossifies by itself: a growth centre that appears is no new lesion.

Secondary centres of hip bone and femur appear in cartilage on the bone, at known places and ages. What
appears there, lies against the bone and follows its surface cannot be told from calcinosis by one scan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.steps.naming.atlas import Points, load_atlas

NEAR_MM = 8.0
"""A centre lies this near to the surface of the grown bone that it will be part of: thickness and cartilage
of an apophysis, and the error of the atlas."""
MOST_BEYOND = 0.1
"""Share of its voxels that may lie further off."""


@dataclass(frozen=True, slots=True)
class Apophysis:
    """One growth centre of the left side."""

    name: str
    bone: str
    course_mm: tuple[tuple[float, float, float], ...]  #: along its middle, mm of the reference patient
    reach_mm: float  #: from there, over the surface of the bone
    years: tuple[float, float]  #: in which it may appear, or lie loose


APOPHYSES = (
    Apophysis("ischial tuberosity", "hip_bone", ((54, 34, -72), (58, 33, -60), (40, 6, -69)), 16, (11, 25)),
    Apophysis(
        "iliac crest", "hip_bone",
        ((108, -44, 73), (113, -34, 92), (113, -11, 109), (106, 15, 117), (93, 41, 115), (76, 62, 105),
         (58, 79, 90), (43, 87, 70)), 14, (10, 25),
    ),
    Apophysis("anterior inferior iliac spine", "hip_bone", ((96, -32, 36),), 14, (9, 20)),
    Apophysis("ischial spine", "hip_bone", ((49, 53, -9),), 10, (11, 25)),
    Apophysis("rim of the acetabulum", "hip_bone", ((89, -17, 18), (92, 0, 25), (86, 18, 19)), 10, (8, 20)),
    Apophysis("pubic symphysis", "hip_bone", ((4, -45, -10), (4, -45, -26)), 14, (11, 25)),
    Apophysis("greater trochanter", "femur", ((124, 19, -10),), 20, (1, 19)),
    Apophysis("lesser trochanter", "femur", ((99.5, 22.8, -56),), 14, (6, 19)),
)  # fmt: skip
"""Places in the atlas. Years: when the centre appears and when it has fused, about a year wider either way
(Gray's Anatomy, ossification of the hip bone and the femur; Scheuer and Black, Developmental Juvenile
Osteology)."""
OLDEST_YEARS = max(one.years[1] for one in APOPHYSES)


@dataclass(frozen=True, eq=False, slots=True)
class Growing:
    """Where bone may ossify by itself on one date."""

    landmarks_mm: Mapping[str, Points] = field(default_factory=dict)
    """The atlas's points of each bone, LPS mm, in the atlas's order."""
    age_years: float | None = None
    grown: bool = False  #: the bones are larger than on an earlier date

    def centre_at(self, points_lps_mm: Points, *, near_mm: float = NEAR_MM) -> str | None:
        """The nearest growth centre that something new may be, with its side; None if it may be none.

        Parameters
        ----------
        points_lps_mm : ndarray
            (n, 3): its voxels.
        near_mm : float
            How far they may lie from the surface of the grown bone.
        """
        found = []
        for name, bone, years, chosen in _places():
            if bone in self.landmarks_mm and self._in_years(*years):
                away = np.asarray(KDTree(self.landmarks_mm[bone][chosen]).query(points_lps_mm)[0])
                if np.mean(away > near_mm) <= MOST_BEYOND:
                    found.append((float(away.mean()), name))
        return min(found)[1] if found else None

    def _in_years(self, first: float, last: float) -> bool:
        """Whether the patient is of an age; where that is unknown, growth tells a child."""
        return self.grown if self.age_years is None else first <= self.age_years <= last


@cache
def _places() -> Sequence[tuple[str, str, tuple[float, float], NDArray[np.intp]]]:
    """Name, bone, years and the numbers of the bone's points, for both sides."""
    atlas, found = load_atlas(), []
    for one in APOPHYSES:
        for side, sign in (("left", 1.0), ("right", -1.0)):
            bone = f"{one.bone}_{side}"
            tree = KDTree(_drawn(np.array(one.course_mm)) * [sign, 1.0, 1.0])
            away, _ = tree.query(atlas.points[atlas.of(bone)])
            found.append((f"{side} {one.name}", bone, one.years, np.flatnonzero(away <= one.reach_mm)))
    return tuple(found)


def _drawn(course_mm: Points) -> Points:
    """(n, 3): points along a course, a few millimetres apart."""
    legs = [np.linspace(a, b, 12) for a, b in pairwise(course_mm)]
    return np.concatenate([course_mm, *legs])
