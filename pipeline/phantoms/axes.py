"""Diameters of a solid from its signed distance on a fine grid, to a small part of the grid's step.

Definitions follow RECIST 1.1: in each slice of a plane the long axis is the greatest distance between two
points of the outline, the short axis the longest chord perpendicular to it; the slice with the longest long
axis counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist, squareform

from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import PlanarAxes
from pipeline.phantoms.shapes import Floats

Segment = tuple[Floats, Floats]


class FineGrid(NamedTuple):
    """Signed distances on a grid along x, y, z."""

    distance_mm: Floats  #: [x, y, z], negative inside
    origin_mm: Floats  #: (3,) of the first node
    step_mm: float


def planar_axes(grid: FineGrid, normal: int) -> PlanarAxes:
    """Longest long axis among the slices perpendicular to a patient axis, and its short axis.

    Parameters
    ----------
    normal : int
        0 for sagittal (across x), 1 for coronal (y), 2 for axial (z).
    """
    slices = np.moveaxis(grid.distance_mm, normal, 0)
    occupied = np.flatnonzero((slices < 0).any((1, 2)))
    others = [axis for axis in range(3) if axis != normal]
    best: tuple[float, int, Floats, Segment] | None = None
    for n in occupied.tolist():
        outline: Floats = _outline(slices[n]) * grid.step_mm + grid.origin_mm[others]
        a, b = widest_pair(outline)
        length = float(np.linalg.norm(b - a))
        if best is None or length > best[0] + 1e-6:
            best = (length, n, outline, (a, b))
    if best is None:
        raise ValueError("a solid thinner than the fine grid has no axes")
    _, number, longest, ends = best
    place_mm = float(grid.origin_mm[normal] + number * grid.step_mm)
    short = perpendicular_chord(longest, ends, grid.step_mm)
    return _planar(ends, short, normal, place_mm)


def _planar(long: Segment, short: Segment, normal: int, place_mm: float) -> PlanarAxes:
    def at(point: Floats) -> Float3:
        x, y, z = (float(v) for v in np.insert(point, normal, place_mm))
        return x, y, z

    lengths = [float(np.linalg.norm(b - a)) for a, b in (long, short)]
    return PlanarAxes(
        lengths[0], lengths[1], (at(long[0]), at(long[1])), (at(short[0]), at(short[1])), place_mm
    )


def _outline(distance: Floats) -> Floats:
    """(n, 2): where the edges of a grid cross zero, in grid steps."""
    return np.concatenate([_crossings(distance, axis) for axis in range(distance.ndim)])


def surface_points(grid: FineGrid) -> Floats:
    """(n, 3): where the edges of the fine grid cross the solid's surface, mm."""
    return _outline(grid.distance_mm) * grid.step_mm + grid.origin_mm


def _crossings(distance: Floats, axis: int) -> Floats:
    lower = np.take(distance, range(distance.shape[axis] - 1), axis)
    upper = np.take(distance, range(1, distance.shape[axis]), axis)
    where = np.nonzero((lower < 0) != (upper < 0))
    points = np.stack(where, axis=1).astype(float)
    d0, d1 = lower[where].astype(float), upper[where].astype(float)
    points[:, axis] += d0 / (d0 - d1)
    return points


def _directions(dimensions: int) -> Floats:
    if dimensions == 2:
        angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
        return np.stack([np.cos(angle), np.sin(angle)])
    n = np.arange(1500) + 0.5
    z, turn = 1 - 2 * n / 1500, np.pi * (1 + 5**0.5) * n
    ring = np.sqrt(1 - z * z)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), z])


_DIRECTIONS = {dimensions: _directions(dimensions) for dimensions in (2, 3)}


def widest_pair(points: Floats) -> Segment:
    """The two points furthest apart, found among those outermost in evenly spread directions."""
    outermost = points
    if len(points) > 60:
        outermost = _outermost(_far_out(points - points.mean(0)) + points.mean(0))
    apart = squareform(pdist(outermost))
    first, second = np.unravel_index(int(apart.argmax()), apart.shape)
    return outermost[first], outermost[second]


def _far_out(centred: Floats) -> Floats:
    """The points that can be an end of the widest pair: the two ends cannot both lie near the middle."""
    radius = np.linalg.norm(centred, axis=1)
    furthest = centred[radius.argmax()]
    at_least = np.linalg.norm(centred - furthest, axis=1).max()
    return np.asarray(centred[radius >= at_least - radius.max() - 1e-9])


def _outermost(points: Floats) -> Floats:
    shadow = points.astype(np.float32) @ _DIRECTIONS[points.shape[1]].astype(np.float32)
    return np.asarray(points[np.unique(shadow.argmax(0))])


def perpendicular_chord(outline: Floats, long: Segment, step_mm: float) -> Segment:
    """The longest chord of an outline perpendicular to a segment, to within a step along the segment."""
    direction = (long[1] - long[0]) / np.linalg.norm(long[1] - long[0])
    across = np.array([-direction[1], direction[0]])
    u, v = (outline - long[0]) @ direction, (outline - long[0]) @ across
    bins = np.floor(u / step_mm).astype(int)
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.diff(bins[order], prepend=bins[order[0]] - 1))
    high, low = np.maximum.reduceat(v[order], starts), np.minimum.reduceat(v[order], starts)
    widest = int((high - low).argmax())
    foot = long[0] + direction * (bins[order[starts[widest]]] + 0.5) * step_mm
    return foot + across * low[widest], foot + across * high[widest]
