"""Components of the few set voxels of a large grid, told from the list of them.

Numbering every voxel of a scan for the sake of one in a thousand takes longer than all that is done with the
components afterwards. Neighbours along i are taken together as runs, and runs are joined as a graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.domain.geometry import Box, Index3
from pipeline.steps.voxels import Index, Voxels

Numbers = NDArray[np.int64]

ROWS_AHEAD = {6: ((0, 1), (1, 0)), 26: ((0, 1), (1, -1), (1, 0), (1, 1))}
"""Steps along k and j to the rows that a row may touch; the other half of them is asked from there."""
REACH = {6: 0, 26: 1}
"""How far along i beyond the ends of a run a run of such a row may lie and touch it."""


@dataclass(frozen=True, eq=False, slots=True)
class Listed:
    """Voxels with the number of their component, from 1 by first voxel; neighbours share a corner or more."""

    index: Index
    numbers: Numbers
    count: int
    order: Numbers  #: positions of the voxels, those of one component together
    ends: Numbers  #: (count + 1,): where in `order` each component begins, and the last one ends

    def of(self, number: int) -> Index:
        """Indices of one component's voxels."""
        own = self.order[self.ends[number - 1] : self.ends[number]]
        k, j, i = (axis[own] for axis in self.index)
        return k, j, i

    def boxed(self, number: int) -> tuple[Voxels, Box]:
        """One component in the smallest box that holds it."""
        own = self.of(number)
        k, j, i = (slice(int(axis.min()), int(axis.max()) + 1) for axis in own)
        voxels = np.zeros((k.stop - k.start, j.stop - j.start, i.stop - i.start), dtype=bool)
        voxels[own[0] - k.start, own[1] - j.start, own[2] - i.start] = True
        return voxels, (k, j, i)


def label_listed(index: Index, shape: Index3) -> Listed:
    """Number the components of some voxels of a grid.

    Parameters
    ----------
    index : tuple of ndarray
        Along k, j, i; in the order of the grid, as `numpy.nonzero` gives them.
    """
    if not len(index[0]):
        nothing = np.zeros(0, dtype=np.int64)
        return Listed(index, nothing, 0, nothing, np.zeros(1, dtype=np.int64))
    places = (index[0] * shape[1] + index[1]) * shape[2] + index[2]
    numbers = label_places(places, shape, connectivity=26)
    counts = np.bincount(numbers)
    return Listed(index, numbers, len(counts) - 1, np.argsort(numbers, kind="stable"), np.cumsum(counts))


def label_places(places: Numbers, shape: Index3, *, connectivity: Literal[6, 26]) -> Numbers:
    """The component of each of some voxels, from 1 by first voxel.

    Parameters
    ----------
    places : ndarray
        (n,), positions in the flattened grid, rising, as `numpy.flatnonzero` gives them.
    """
    if not len(places):
        return np.zeros(0, dtype=np.int64)
    # rows wider by two than the grid, so that the end of one is no neighbour of the beginning of the next
    wide, high = shape[2] + 2, shape[1] + 2
    row = places // shape[2]
    place = places + 2 * row + 2 * wide * (row // shape[1])
    begins = np.diff(place, prepend=place[0] - 2) != 1
    first = place[begins]
    last = place[np.append(begins[1:], True)]
    ahead = [(k * high + j) * wide for k, j in ROWS_AHEAD[connectivity]]
    return np.asarray(_joined(first, last, ahead, REACH[connectivity])[np.cumsum(begins) - 1])


def _joined(first: Numbers, last: Numbers, rows_ahead: list[int], reach: int) -> Numbers:
    """For each run the number of its component, by the first run of each."""
    size = len(first)
    runs = np.arange(size)
    one, other = [runs[:0]], [runs[:0]]
    for ahead in rows_ahead:
        low = np.searchsorted(last, first + ahead - reach)
        count = np.maximum(np.searchsorted(first, last + ahead + reach, side="right") - low, 0)
        one.append(np.repeat(runs, count))
        other.append(np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count - low, count))
    ends = np.concatenate(one), np.concatenate(other)
    links = coo_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(size, size))
    _, group = connected_components(links, directed=False)
    _, at, inverse = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(at))[inverse] + 1, dtype=np.int64)
