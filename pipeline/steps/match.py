"""Which lesions of several scans are the same one.

Lesions are nodes; two of different dates are joined where, after registration, their surfaces come
near each other: of any two dates, since a scan in between may not show the place. What hangs
together is one track, so that splitting and merging need no rule of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from pipeline.config import MatchSettings
from pipeline.domain.geometry import Float3, Geometry, RigidTransform
from pipeline.domain.lesion import Lesion
from pipeline.steps.view import View, why_hidden

NOT_REGISTERED = "the bones of the two scans could not be laid on each other"


@dataclass(frozen=True, slots=True)
class Technique:
    """What decides how bright calcium is and how sharp its border. Unknown is None."""

    kvp: float | None = None
    contrast_agent: bool | None = None
    kernel: str | None = None
    slice_thickness_mm: float | None = None

    def why_not_comparable(self, other: Technique) -> str | None:
        """Reason why volumes of two scans cannot be subtracted; None if nothing speaks against it."""
        if None not in (self.kvp, other.kvp) and self.kvp != other.kvp:
            return f"{self.kvp:g} and {other.kvp:g} kVp: the amount of change is not known"
        if bool(self.contrast_agent) != bool(other.contrast_agent):
            return "contrast agent on one date only: the amount of change is not known"
        return None

    def other_kernel(self, other: Technique) -> bool:
        """Whether both kernels are known and not the same."""
        return None not in (self.kernel, other.kernel) and self.kernel != other.kernel

    def thickness_difference_mm(self, other: Technique) -> float:
        """By how much the slices of one are thicker; 0 where one is unknown."""
        if self.slice_thickness_mm is None or other.slice_thickness_mm is None:
            return 0.0
        return abs(self.slice_thickness_mm - other.slice_thickness_mm)


@dataclass(frozen=True, eq=False, slots=True)
class Date:
    """What matching needs to know of one scan."""

    lesions: tuple[Lesion, ...]
    geometry: Geometry
    from_first: RigidTransform | None  #: from the first scan to this one; None if that failed
    detection_limit_mm3: float | None
    technique: Technique = Technique()
    view: View | None = None  #: without one, whatever lies in the grid is seen


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """Where one track is, or would be, on one date."""

    lesions: tuple[Lesion, ...]
    position_lps_mm: Float3 | None
    why_hidden: str | None  #: None where the scan shows the place


def match_lesions(dates: Sequence[Date], settings: MatchSettings) -> list[tuple[Place, ...]]:
    """Tracks as one `Place` for each date, in order of the first lesion's date and number."""
    nodes = [(n, lesion) for n, date in enumerate(dates) for lesion in date.lesions]
    first = [_points_in_first(lesion, dates[n]) for n, lesion in nodes]
    links = _links(nodes, first, settings)
    size = len(nodes)
    graph = coo_array(
        (np.ones(len(links)), ([a for a, _ in links], [b for _, b in links])), shape=(size, size)
    )
    count, group = connected_components(graph, directed=False)
    tracks = []
    for number in range(count):
        members = [n for n in range(size) if group[n] == number]
        tracks.append(tuple(_place(n, date, members, nodes, first, settings) for n, date in enumerate(dates)))
    return tracks


def _points_in_first(lesion: Lesion, date: Date) -> NDArray[np.float64] | None:
    """A lesion's voxels in the space of the first scan; None where there is no way there."""
    if date.from_first is None:
        return None
    return date.from_first.inverse().apply(lesion.mask.points_lps_mm())


def _links(
    nodes: Sequence[tuple[int, Lesion]],
    points: Sequence[NDArray[np.float64] | None],
    settings: MatchSettings,
) -> list[tuple[int, int]]:
    links = []
    trees = [None if one is None else KDTree(one) for one in points]
    for a, (date_a, _) in enumerate(nodes):
        for b, (date_b, _) in enumerate(nodes):
            tree, others = trees[a], points[b]
            if date_b <= date_a or tree is None or others is None:
                continue
            distance, _ = tree.query(others, distance_upper_bound=settings.reach_mm)
            if np.isfinite(distance).any():
                links.append((a, b))
    return links


def _place(
    n: int,
    date: Date,
    members: Sequence[int],
    nodes: Sequence[tuple[int, Lesion]],
    first: Sequence[NDArray[np.float64] | None],
    settings: MatchSettings,
) -> Place:
    own = tuple(nodes[m][1] for m in members if nodes[m][0] == n)
    if own:
        points = np.concatenate([lesion.mask.points_lps_mm() for lesion in own])
        return Place(own, _mean(points), None)
    elsewhere = _nearest_in_time(n, members, nodes, first)
    if date.from_first is None or elsewhere is None:
        return Place((), None, NOT_REGISTERED)
    expected = date.from_first.apply(elsewhere)
    return Place((), _mean(expected), why_hidden(expected, date.geometry, date.view, settings))


def _nearest_in_time(
    n: int,
    members: Sequence[int],
    nodes: Sequence[tuple[int, Lesion]],
    first: Sequence[NDArray[np.float64] | None],
) -> NDArray[np.float64] | None:
    """The track's voxels on the date nearest to `n`, in the space of the first scan."""
    dated = sorted({nodes[m][0] for m in members}, key=lambda other: (abs(other - n), other))
    parts = [first[m] for m in members if nodes[m][0] == dated[0]]
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None


def _mean(points: NDArray[np.float64]) -> Float3:
    x, y, z = points.mean(0)
    return float(x), float(y), float(z)
