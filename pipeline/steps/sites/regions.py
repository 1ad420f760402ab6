"""Which territory of the reference patient a place belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.steps.naming.atlas import Points
from pipeline.steps.sites.spaces import SPACES
from pipeline.steps.sites.territories import HIGHEST_MM, LOWEST_MM, TERRITORIES, Node

STRUCTURES = tuple(territory.structure for territory in TERRITORIES)
MIDLINE_REGIONS = frozenset({"pelvic_cavity", "perineum"})
"""Regions without a side of their own."""


@dataclass(frozen=True, eq=False, slots=True)
class _Segments:
    """All straight pieces of all courses."""

    start: Points  #: (s, 3)
    way: Points  #: (s, 3), from start to end
    radius_mm: NDArray[np.float64]  #: (s, 2), at both ends
    first: NDArray[np.intp]  #: (t,), the first segment of each territory


@cache
def _segments() -> _Segments:
    nodes: list[tuple[Node, Node]] = []
    first: list[int] = []
    for territory in TERRITORIES:
        first.append(len(nodes))
        for course in territory.courses:
            nodes.extend(pairwise(course))
    ends = np.array(nodes, dtype=np.float64)
    return _Segments(
        ends[:, 0, :3], ends[:, 1, :3] - ends[:, 0, :3], ends[:, :, 3], np.array(first, dtype=np.intp)
    )


def heights_mm(places: Points) -> NDArray[np.float64]:
    """How far places lie outside of each territory; negative within.

    Parameters
    ----------
    places : ndarray
        (n, 3), mm of the reference patient. Both sides are alike.

    Returns
    -------
    ndarray
        (territories, n), in the order of `TERRITORIES`.
    """
    all_of = _segments()
    folded = np.array(places, dtype=np.float64)
    folded[:, 0] = np.abs(folded[:, 0])
    from_start = folded[None] - all_of.start[:, None]
    along = np.einsum("snx,sx->sn", from_start, all_of.way)
    along /= np.einsum("sx,sx->s", all_of.way, all_of.way)[:, None]
    along = np.clip(along, 0.0, 1.0)
    away = np.linalg.norm(from_start - along[..., None] * all_of.way[:, None], axis=-1)
    start_mm, end_mm = all_of.radius_mm.T[..., None]
    return np.asarray(np.minimum.reduceat(away - start_mm - along * (end_mm - start_mm), all_of.first))


def territory_of(places: Points) -> NDArray[np.intp]:
    """(n,): place in `TERRITORIES` of what each place (n, 3) of the reference patient belongs to.

    That of a space defined by bones, where it lies in one; else the territory whose surface is nearest;
    -1 above and below all that is written down.
    """
    found = heights_mm(places).argmin(axis=0)
    for space in SPACES:
        found[space.holds(places)] = STRUCTURES.index(space.structure)
    known = (places[:, 2] >= LOWEST_MM) & (places[:, 2] <= HIGHEST_MM)
    return np.where(known, found, -1)
