"""The skin, and how deep something lies under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from pipeline.domain.geometry import Geometry, grow_box
from pipeline.domain.image import BoxedMask, CTVolume, Mask
from pipeline.steps.grid import margin_voxels, pool_steps, sample
from pipeline.steps.naming.atlas import Points
from pipeline.steps.voxels import Voxels

GRID_MM = 4.0
"""The skin is looked for on every so many millimetres first,"""
NEAR_MM = 16.0
"""and on the scan's own voxels where it may be nearer than this."""
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
        points = body.geometry.to_lps_mm(np.argwhere(shell) * np.asarray(steps))
        return cls(body, volume, KDTree(points) if len(points) else None)

    def depths_mm(self, mask: BoxedMask) -> NDArray[np.float64] | None:
        """(n,): how far some voxels of a lesion, evenly chosen, lie under the skin; None without skin."""
        if self.tree is None:
            return None
        points = some_of(mask.points_lps_mm(), MOST_POINTS)
        away = np.asarray(self.tree.query(points)[0])
        if float(away.min()) > NEAR_MM:
            return away
        near = self._near(mask)
        return away if near is None else np.asarray(near.query(points)[0])

    def nearest(self, places: Points) -> tuple[NDArray[np.float64], Points]:
        """Distance (n,) to the skin, and the place (n, 3) there; infinite where there is none."""
        if self.tree is None:
            return np.full(len(places), np.inf), places
        away, found = self.tree.query(places)
        return np.asarray(away), np.asarray(self.tree.data)[found]

    def _near(self, mask: BoxedMask) -> KDTree | None:
        """The skin around a lesion, voxel by voxel."""
        geometry: Geometry = self.body.geometry
        box = grow_box(mask.box, margin_voxels(geometry.spacing_mm, NEAR_MM), geometry.shape)
        shell = _shell(self.body.voxels[box], self.volume.hu[box] <= PADDING_HU)
        index = np.argwhere(shell) + np.array([s.start for s in box])
        return KDTree(geometry.to_lps_mm(index)) if len(index) else None


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
