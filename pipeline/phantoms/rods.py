"""Rods along smooth curves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.domain.geometry import Float3, float3
from pipeline.phantoms.shapes import Ball, Bounds, Floats


@dataclass(frozen=True)
class Rod:
    """A rod along a polyline, thick at each of its points as told, with round ends."""

    points_mm: tuple[Float3, ...]
    radii_mm: tuple[float, ...]

    @cached_property
    def bounds(self) -> Bounds:
        """Its box."""
        points, radii = np.array(self.points_mm), np.array(self.radii_mm)[:, None]
        return Bounds(float3((points - radii).min(0)), float3((points + radii).max(0)))

    def distance_mm(self, p: Floats) -> Floats:
        """Distance to the nearest of its segments."""
        pairs = zip(self.points_mm, self.points_mm[1:], self.radii_mm, self.radii_mm[1:], strict=False)
        nearest: Floats | None = None
        for start, end, r0, r1 in pairs:
            distance = _segment_distance(p, start, end, r0, r1)
            nearest = distance if nearest is None else np.minimum(nearest, distance)
        if nearest is None:
            return Ball(self.points_mm[0], self.radii_mm[0]).distance_mm(p)
        return nearest


def _segment_distance(p: Floats, start: Float3, end: Float3, r0: float, r1: float) -> Floats:
    step = float3(np.subtract(end, start))
    square_mm2 = sum(s * s for s in step)
    offset = [p[a] - start[a] for a in range(3)]
    share = (offset[0] * step[0] + offset[1] * step[1] + offset[2] * step[2]) / square_mm2
    share = np.clip(share, 0.0, 1.0)
    square = sum((offset[a] - share * step[a]) ** 2 for a in range(3))
    return np.asarray(np.sqrt(square) - (r0 + (r1 - r0) * share))


def rod(*knots: tuple[float, float, float, float], smooth: int = 3) -> Rod:
    """Rod through knots ``(x, y, z, radius)``, curved smoothly between them.

    Parameters
    ----------
    smooth : int
        Straight pieces from one knot to the next.
    """
    points = np.array(knots, dtype=float)
    if len(points) > 2 and smooth > 1:
        points = catmull_rom(points, pieces=smooth)
    return Rod(tuple(float3(q[:3]) for q in points), tuple(float(q[3]) for q in points))


def catmull_rom(knots: Floats, *, pieces: int, closed: bool = False) -> Floats:
    """Points on the Catmull-Rom curve through knots (n, d), `pieces` to each span."""
    n = len(knots)
    if closed:
        spans = [[knots[(i + o) % n] for o in (-1, 0, 1, 2)] for i in range(n)]
    else:
        spans = [[knots[min(max(i + o, 0), n - 1)] for o in (-1, 0, 1, 2)] for i in range(n - 1)]
    curve = [_span_point(span, piece / pieces) for span in spans for piece in range(pieces)]
    return np.array(curve if closed else [*curve, knots[-1]])


def _span_point(span: list[Floats], t: float) -> Floats:
    a, b, c, d = span
    cubic = -a + 3 * b - 3 * c + d
    return np.asarray(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + cubic * t**3))
