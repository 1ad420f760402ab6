"""Spaces that are defined by bones, and not by a muscle: what lies in them belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.steps.naming.atlas import Points


@dataclass(frozen=True, slots=True)
class Space:
    """An upright prism on the left of the reference patient."""

    structure: str
    corners_mm: tuple[tuple[float, float], ...]  #: x and y, convex, turning from the left to the back
    lowest_mm: float
    highest_mm: float

    def holds(self, places: Points) -> NDArray[np.bool_]:
        """(n,): whether places (n, 3) of the reference patient lie in it, on either side."""
        x, y = np.abs(places[:, 0]), places[:, 1]
        inside = (places[:, 2] >= self.lowest_mm) & (places[:, 2] <= self.highest_mm)
        for (ax, ay), (bx, by) in pairwise((*self.corners_mm, self.corners_mm[0])):
            inside &= (bx - ax) * (y - ay) >= (by - ay) * (x - ax)
        return inside


ISCHIOFEMORAL = Space(
    "quadratus femoris",
    ((58, 17), (104, 16), (116, 26), (112, 30), (64, 45), (56, 30)),
    lowest_mm=-66.0,
    highest_mm=-12.0,
)
"""The hull of ischium and proximal femur behind a line from the front of the ischium to the lesser
trochanter, from the lower part of the femoral head to 10 mm below the lesser trochanter (at -56)."""
SPACES = (ISCHIOFEMORAL,)
