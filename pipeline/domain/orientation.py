"""The order of axes all scans are kept in: nearest to k head, j back, i left; flips only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry, Index3

Scalar = TypeVar("Scalar", bound=np.generic)

AXIS_OF_Z_Y_X = (2, 1, 0)
"""Row of the affine (x, y, z) that k, j and i should follow."""


@dataclass(frozen=True, slots=True)
class AxisOrder:
    """Which source axis becomes k, j, i, and which of them run backwards."""

    source_axes: Index3
    flipped: tuple[bool, bool, bool]  #: of k, j, i

    def from_source(self, source: NDArray[Scalar]) -> NDArray[Scalar]:
        """Show a source array in the canonical order, without copying."""
        flips = tuple(slice(None, None, -1 if f else 1) for f in self.flipped)
        return source.transpose(self.source_axes)[flips]

    def to_source(self, canonical: NDArray[Scalar]) -> NDArray[Scalar]:
        """Show a canonical array in the source's order, without copying."""
        flips = tuple(slice(None, None, -1 if f else 1) for f in self.flipped)
        return canonical[flips].transpose(np.argsort(self.source_axes))

    def source_affine(self, geometry: Geometry) -> NDArray[np.float64]:
        """Take an index in the source's order, (4,), to LPS mm: the way back from `geometry`."""
        result = np.array(geometry.affine)
        for axis, (flip, count) in enumerate(zip(self.flipped, geometry.shape, strict=True)):
            if flip:
                result[:3, 3] += result[:3, axis] * (count - 1)
                result[:3, axis] = -result[:3, axis]
        result[:3, :3] = result[:3, list(np.argsort(self.source_axes))]
        return result

    def geometry(self, shape: Index3, affine: NDArray[np.float64]) -> Geometry:
        """The canonical grid of a source grid."""
        result = np.eye(4)
        result[:3, :3] = affine[:3, list(self.source_axes)]
        result[:3, 3] = affine[:3, 3]
        k, j, i = (shape[axis] for axis in self.source_axes)
        for axis, (flip, count) in enumerate(zip(self.flipped, (k, j, i), strict=True)):
            if flip:
                result[:3, 3] += result[:3, axis] * (count - 1)
                result[:3, axis] = -result[:3, axis]
        return Geometry((k, j, i), result)


def axis_order(affine: NDArray[np.float64]) -> AxisOrder:
    """Find the order in which the source axes lie nearest to head, back and left."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    along = directions[list(AXIS_OF_Z_Y_X)]  # row: z, y, x; column: source axis
    best = max(permutations(range(3)), key=lambda axes: sum(abs(along[n, axes[n]]) for n in range(3)))
    k, j, i = best
    flips = tuple(bool(along[n, best[n]] < 0) for n in range(3))
    return AxisOrder((k, j, i), (flips[0], flips[1], flips[2]))
