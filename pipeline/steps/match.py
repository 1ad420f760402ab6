"""Which lesions of several scans are the same one.

Lesions are nodes; two of different dates are joined where, after registration, their surfaces come
near each other: of any two dates, since a scan in between may not show the place. What hangs
together is one track, so that splitting and merging need no rule of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from pipeline.config import MatchSettings
from pipeline.domain.geometry import Float3, Geometry, float3
from pipeline.domain.lesion import Lesion
from pipeline.steps.apophyses import Growing
from pipeline.steps.naming.atlas import Points
from pipeline.steps.registration.travel import Passage
from pipeline.steps.sites.skin import some_of
from pipeline.steps.view import Hidden, View, covers, why_hidden

MOST_POINTS = 5000
"""Voxels of a lesion that are carried at most, evenly chosen."""

TOO_FAINT = "too faint for the higher threshold of the other scan"
Ways = Mapping[tuple[int, int], Passage]
"""From one date to another, by their numbers; in both directions."""


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
    detection_limit_mm3: float | None
    technique: Technique = Technique()
    view: View | None = None  #: without one, whatever lies in the grid is seen
    least_peak_hu: float = 0.0  #: what is nowhere brighter is not looked for
    least_peak_above: tuple[float, float] | None = None  #: from this height on (LPS z), a higher one
    calcium_factor: float = 1.0  #: how many times brighter calcium is than at 120 kVp
    growing: Growing = field(default_factory=Growing)  #: where bone may ossify by itself


@dataclass(frozen=True, eq=False, slots=True)
class Place:
    """Where one track is, or would be, on one date."""

    lesions: tuple[Lesion, ...]
    position_lps_mm: Float3 | None
    hidden: Hidden | None  #: None where the scan shows the place
    short_of: frozenset[int] = frozenset()  #: dates whose lesions reach beyond what this scan shows


@dataclass(frozen=True, eq=False)
class _Seen:
    """A lesion on its date."""

    date: int
    lesion: Lesion
    points_mm: Points  #: (n, 3), LPS, of its voxels as many as are needed
    ways: Ways

    @cached_property
    def tree(self) -> KDTree:
        """Of its points."""
        return KDTree(self.points_mm)

    @cached_property
    def elsewhere(self) -> dict[int, Points]:
        """Where it would lie on each other date, as far as that can be told."""
        from_here = {end: way for (start, end), way in self.ways.items() if start == self.date}
        return {
            end: way.carry(self.points_mm)
            for end, way in from_here.items()
            if way.why_lost(self.points_mm) is None
        }


def match_lesions(dates: Sequence[Date], ways: Ways, settings: MatchSettings) -> list[tuple[Place, ...]]:
    """Tracks as one `Place` for each date, in order of the first lesion's date and number."""
    seen = [
        _Seen(n, lesion, some_of(lesion.mask.points_lps_mm(), MOST_POINTS), ways)
        for n, date in enumerate(dates)
        for lesion in date.lesions
    ]
    links = [
        (a, b)
        for (a, one), (b, other) in combinations(enumerate(seen), 2)
        if one.date != other.date and _meet(one, other, settings)
    ]
    size = len(seen)
    graph = coo_array(
        (np.ones(len(links)), ([a for a, _ in links], [b for _, b in links])), shape=(size, size)
    )
    count, group = connected_components(graph, directed=False)
    tracks = []
    for number in range(count):
        members = [one for one, own in zip(seen, group, strict=True) if own == number]
        tracks.append(tuple(_place(n, dates, members, ways, settings) for n in range(len(dates))))
    return tracks


def _meet(one: _Seen, other: _Seen, settings: MatchSettings) -> bool:
    """Whether two lesions come near each other, carried either way."""
    return _reaches(one, other, settings) or _reaches(other, one, settings)


def _reaches(one: _Seen, other: _Seen, settings: MatchSettings) -> bool:
    """Whether one lesion, carried to the date of the other, comes near it."""
    carried = one.elsewhere.get(other.date)
    if carried is None:
        return False
    gaps_mm = np.maximum(carried.min(0) - other.points_mm.max(0), other.points_mm.min(0) - carried.max(0))
    if gaps_mm.max() > settings.reach_mm:
        return False
    away, _ = other.tree.query(carried, distance_upper_bound=settings.reach_mm)
    return bool(np.isfinite(away).any())


def _place(
    n: int, dates: Sequence[Date], members: Sequence[_Seen], ways: Ways, settings: MatchSettings
) -> Place:
    own = [one for one in members if one.date == n]
    if own:
        points = np.concatenate([one.points_mm for one in own])
        short = _short_of(dates[n].geometry, n, members, settings)
        return Place(tuple(one.lesion for one in own), float3(points.mean(0)), None, short)
    expected, why_lost = _expected(n, members, ways)
    if expected is None:
        return Place((), None, None if why_lost is None else Hidden(why_lost))
    hidden = why_hidden(expected, dates[n].geometry, dates[n].view, settings)
    height_mm = float(expected[:, 2].max())
    return Place((), float3(expected.mean(0)), hidden or _why_too_faint(dates[n], dates, members, height_mm))


def _short_of(
    geometry: Geometry, n: int, members: Sequence[_Seen], settings: MatchSettings
) -> frozenset[int]:
    """The dates whose lesions, carried to a scan, reach beyond its edge."""
    carried = ((one.date, one.elsewhere.get(n)) for one in members if one.date != n)
    return frozenset(
        m for m, points in carried if points is not None and not covers(points, geometry, settings)
    )


def _why_too_faint(
    date: Date, dates: Sequence[Date], members: Sequence[_Seen], height_mm: float
) -> Hidden | None:
    """That no lesion of a track is bright enough for the threshold of a date, which may be higher there."""
    above = date.least_peak_above
    least_hu = date.least_peak_hu if above is None or height_mm < above[0] else above[1]
    peaks_hu = [one.lesion.density.max_hu / dates[one.date].calcium_factor for one in members]
    return Hidden(TOO_FAINT) if max(peaks_hu) * date.calcium_factor < least_hu else None


def _expected(n: int, members: Sequence[_Seen], ways: Ways) -> tuple[Points | None, str | None]:
    """Where a track's lesions would lie on a date, carried from the nearest one from which they can be."""
    reasons = []
    for other in sorted({one.date for one in members}, key=lambda m: (abs(m - n), m)):
        points = np.concatenate([one.points_mm for one in members if one.date == other])
        reason = ways[other, n].why_lost(points)
        if reason is None:
            return ways[other, n].carry(points), None
        reasons.append(reason)
    return None, reasons[0]
