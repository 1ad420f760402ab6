"""The skin, and how deep something lies under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.domain.geometry import Box, Index3, grow_box
from pipeline.domain.image import BoxedMask, CTVolume, Mask
from pipeline.steps.grid import margin_voxels, pool_steps, sample
from pipeline.steps.naming.atlas import Points
from pipeline.steps.voxels import Voxels

GRID_MM = 4.0
"""The skin is looked for on blocks of this size first,"""
NEAR_MM = 16.0
"""and then voxel by voxel: all around what may be nearer than this, else where it is nearest."""
PADDING_HU = -1500
"""Darker than any air, where there is no picture: body that ends there is cut, and has no skin."""
MOST_POINTS = 1000
Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, eq=False, slots=True)
class Skin:
    """The outermost layer of the body, found again quickly."""

    body: Mask
    volume: CTVolume
    tree: KDTree | None  #: of points LPS mm, some millimetres apart; None where there is no skin

    @classmethod
    def of(cls, body: Mask, volume: CTVolume) -> Skin:
        """The skin of a body on a scan's grid."""
        steps = pool_steps(body.geometry, target_mm=GRID_MM)
        shell = _shell(sample(body.voxels, steps), sample(volume.hu, steps) <= PADDING_HU)
        points = body.geometry.coarsen(steps).to_lps_mm(np.argwhere(shell))
        return cls(body, volume, KDTree(points) if len(points) else None)

    def depths_mm(self, mask: BoxedMask) -> NDArray[np.float64] | None:
        """(n,): how far some voxels of a lesion, evenly chosen, lie under the skin; None without skin."""
        if self.tree is None:
            return None
        points = some_of(mask.points_lps_mm(), MOST_POINTS)
        away, ends = self.nearest(points)
        first = int(away.argmin())
        if float(away[first]) <= NEAR_MM:
            near = self._skin_in(
                grow_box(mask.box, self._margin(NEAR_MM + 2 * GRID_MM), self.body.geometry.shape)
            )
            return away if near is None else np.asarray(near.query(points)[0])
        around = self._skin_in(self._box_around(ends[first]))
        return away if around is None else away + (float(np.min(around.query(points)[0])) - away[first])

    def nearest(self, places: Points) -> tuple[NDArray[np.float64], Points]:
        """Distance (n,) to the skin, and the place (n, 3) there; infinite where there is none."""
        if self.tree is None:
            return np.full(len(places), np.inf), places
        away, found = self.tree.query(places)
        return np.asarray(away), np.asarray(self.tree.data)[found]

    def is_within(self, places: Points, reach_mm: float) -> NDArray[np.bool_]:
        """(n,): whether places lie this near to the skin."""
        if self.tree is None:
            return np.zeros(len(places), dtype=bool)
        return np.isfinite(self.tree.query(places, distance_upper_bound=reach_mm)[0])

    def _margin(self, reach_mm: float) -> Index3:
        k, j, i = margin_voxels(self.body.geometry.spacing_mm, reach_mm)
        return k, j, i

    def _box_around(self, place: Points) -> Box:
        """As far around a place as the coarse skin may be off."""
        at = np.clip(np.rint(self.body.geometry.to_index(place)), 0, np.array(self.body.geometry.shape) - 1)
        k, j, i = (slice(int(n), int(n) + 1) for n in at)
        return grow_box((k, j, i), self._margin(2.5 * GRID_MM), self.body.geometry.shape)

    def _skin_in(self, box: Box) -> KDTree | None:
        """The skin within a box, voxel by voxel."""
        shell = _shell(self.body.voxels[box], self.volume.hu[box] <= PADDING_HU)
        index = np.argwhere(shell) + np.array([s.start for s in box])
        return KDTree(self.body.geometry.to_lps_mm(index)) if len(index) else None


def _shell(body: Voxels, padding: Voxels) -> Voxels:
    """Voxels of the body with air beside them; the grid's edge and padding are no air."""
    air = ~body & ~padding
    shell = np.zeros_like(body)
    for axis in range(3):
        own, beside = np.moveaxis(shell, axis, 0), np.moveaxis(air, axis, 0)
        own[1:] |= beside[:-1]
        own[:-1] |= beside[1:]
    return shell & body


def some_of(rows: NDArray[Number], most: int) -> NDArray[Number]:
    """At most so many of the rows, evenly chosen."""
    return rows[:: -(-len(rows) // most)]
