"""Long and short axis of a body in a plane, after RECIST 1.1.

The longest diameter in any slice of the plane, and the longest perpendicular to it in that slice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist, squareform
from skimage.measure import find_contours

from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import PlanarAxes
from pipeline.steps.forms.body import Body

PLANES = {"axial": 0, "coronal": 1, "sagittal": 2}
"""The array axis that runs across each plane."""
DIRECTIONS = 24
"""In which the width of a slice is looked at to tell which can hold the longest diameter."""
LONGER = 1 / np.cos(np.pi / 2 / DIRECTIONS)
"""A diameter is at most so many times the greatest of these widths."""
Points = NDArray[np.float64]


def all_axes(body: Body) -> tuple[PlanarAxes, PlanarAxes, PlanarAxes]:
    """Axial, coronal and sagittal."""
    axial, coronal, sagittal = (planar_axes(body, axis) for axis in PLANES.values())
    return axial, coronal, sagittal


def planar_axes(body: Body, axis: int) -> PlanarAxes:
    """Long and short axis over all slices of a plane.

    Parameters
    ----------
    axis : int
        Array axis across the plane: 0 axial, 1 coronal, 2 sagittal.
    """
    spacing = np.delete(np.asarray(body.spacing_mm), axis)
    values = np.moveaxis(body.values, axis, 0)
    n = _longest_slice(values, body.level, spacing)
    outline = _outline_mm(values[n], body.level, spacing)
    ends = widest_pair(outline[:, 0])
    chord = _longest_chord(outline, ends)
    long_points, short_points = (_to_lps(body, axis, n, pair) for pair in (ends, chord))
    return PlanarAxes(
        long_axis_mm=float(np.linalg.norm(ends[1] - ends[0])),
        short_axis_mm=float(np.linalg.norm(chord[1] - chord[0])),
        long_axis_points_lps_mm=long_points,
        short_axis_points_lps_mm=short_points,
        position_mm=long_points[0][2 - axis],
    )


def _longest_slice(values: NDArray[np.floating], level: float, spacing_mm: Points) -> int:
    """The slice with the longest diameter.

    Slices are looked at by falling width, until none that is left can have a longer one.
    """
    points, starts, slices = _crossings(values, level)
    points = points * spacing_mm
    angle = np.arange(DIRECTIONS) * np.pi / DIRECTIONS
    shadow = points @ np.stack([np.cos(angle), np.sin(angle)])
    widths = np.maximum.reduceat(shadow, starts) - np.minimum.reduceat(shadow, starts)
    most = widths.max(1) * LONGER
    ends = np.append(starts[1:], len(points))
    best, longest = -1.0, 0
    for n in np.argsort(-most, kind="stable"):
        if most[n] <= best:
            break
        length = largest_distance_mm(points[starts[n] : ends[n]])
        if length > best:
            best, longest = length, int(slices[n])
    return longest


def _crossings(
    values: NDArray[np.floating], level: float
) -> tuple[Points, NDArray[np.int64], NDArray[np.int64]]:
    """Where the edges of the grid within slices cross the level.

    Returns
    -------
    points : array
        (n, 2) in cells, slice by slice.
    starts : array
        Of each slice that has any, in `points`.
    slices : array
        Their numbers.
    """
    above = values > level
    found, owners = [], []
    for axis in (1, 2):
        low, high = (slice(None, -1), slice(1, None))
        one = (slice(None), low, slice(None)) if axis == 1 else (slice(None), slice(None), low)
        two = (slice(None), high, slice(None)) if axis == 1 else (slice(None), slice(None), high)
        index = np.nonzero(above[one] != above[two])
        first, second = (values[part][index].astype(np.float64) for part in (one, two))
        points = np.stack(index[1:], axis=1).astype(np.float64)
        points[:, axis - 1] += (level - first) / (second - first)
        found.append(points)
        owners.append(index[0])
    owner = np.concatenate(owners)
    if not len(owner):
        raise ValueError("an empty mask has no axes")
    order = np.argsort(owner, kind="stable")
    slices, starts = np.unique(owner[order], return_index=True)
    return np.concatenate(found)[order], starts, slices


def _outline_mm(plane: NDArray[np.floating], level: float, spacing_mm: Points) -> Points:
    """(n, 2, 2): begin and end of each piece of the border of a slice, in mm from its first cell."""
    contours = find_contours(plane.astype(np.float64), level=level)  # type: ignore[no-untyped-call]
    pieces = np.concatenate([np.stack([one[:-1], one[1:]], axis=1) for one in contours])
    return np.asarray(pieces * spacing_mm, dtype=np.float64)


def _hull(points: Points) -> Points:
    """The points that can be ends of a diameter; all of them where they lie in a line."""
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:
        return points


def largest_distance_mm(points: Points) -> float:
    """Between any two of them."""
    return float(pdist(_hull(points)).max())


def widest_pair(points: Points) -> Points:
    """(2, n): the two points furthest apart."""
    hull = _hull(points)
    distances = squareform(pdist(hull))
    first, second = np.unravel_index(int(distances.argmax()), distances.shape)
    return hull[[first, second]]


def _longest_chord(outline: Points, ends: Points) -> Points:
    """(2, 2): ends of the longest chord perpendicular to the line between `ends`.

    The width of a polygon changes evenly between its corners, so that only chords through a corner
    need be looked at.
    """
    along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    across = np.array([-along[1], along[0]])
    position, offset = (outline - ends[0]) @ along, (outline - ends[0]) @ across
    corners = np.unique(position[:, 0])
    bounds = [_bounds_at(part, position, offset) for part in np.split(corners, range(256, len(corners), 256))]
    low, high = np.concatenate(bounds).T
    widest = int(np.argmax(high - low))
    foot = ends[0] + corners[widest] * along
    return np.stack([foot + low[widest] * across, foot + high[widest] * across])


def _bounds_at(places: Points, position: Points, offset: Points) -> Points:
    """(n, 2): least and greatest offset of border pieces at places along the long axis."""
    length = position[:, 1] - position[:, 0]
    share = (places[:, None] - position[:, 0]) / np.where(length == 0, 1.0, length)
    crossed = (position.min(1) <= places[:, None]) & (places[:, None] <= position.max(1))
    at = offset[:, 0] + np.clip(share, 0, 1) * (offset[:, 1] - offset[:, 0])
    return np.stack([np.where(crossed, at, np.inf).min(1), np.where(crossed, at, -np.inf).max(1)], axis=1)


def _to_lps(body: Body, axis: int, n: int, pair_mm: Points) -> tuple[Float3, Float3]:
    spacing = np.delete(np.asarray(body.spacing_mm), axis)
    (a, b) = body.to_lps_mm(np.insert(pair_mm / spacing, axis, float(n), axis=1)).tolist()
    return (a[0], a[1], a[2]), (b[0], b[1], b[2])
