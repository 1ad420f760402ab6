"""Analytic solids, each a signed distance to its surface.

Points come as ``(3, n, m)``: x, y, z of `n` groups of `m` neighbouring points, so that whole groups far from
a solid can be passed over. Distances are ``(n, m)`` in mm, negative inside; near the surface they are true to
first order, and further than `REACH_MM` outside they only need to be at least that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Float3, float3

Floats = NDArray[np.floating[Any]]

REACH_MM = 14.0
"""How far outside a solid its distance is followed."""


@dataclass(frozen=True)
class Bounds:
    """A box that holds a solid."""

    low_mm: Float3
    high_mm: Float3

    def near(self, low: Floats, high: Floats, margin_mm: float = REACH_MM) -> NDArray[np.bool_]:
        """Which groups, given by their corners (3, n), come within `margin_mm` of the box."""
        apart = np.zeros(low.shape[1], dtype=bool)
        for axis in range(3):
            apart |= low[axis] > self.high_mm[axis] + margin_mm
            apart |= high[axis] < self.low_mm[axis] - margin_mm
        return ~apart

    def grown(self, margin_mm: float) -> Bounds:
        """The box moved outwards on all sides."""
        return Bounds(float3(np.subtract(self.low_mm, margin_mm)), float3(np.add(self.high_mm, margin_mm)))

    def corners(self) -> Floats:
        """(3, 8): the corners."""
        ends = (self.low_mm, self.high_mm)
        corners = [(ends[a][0], ends[b][1], ends[c][2]) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
        return np.array(corners).T

    @classmethod
    def around(cls, points: Floats) -> Bounds:
        """The box of points (3, n)."""
        return cls(float3(points.min(1)), float3(points.max(1)))


class Shape(Protocol):
    """A solid in body coordinates."""

    @property
    def bounds(self) -> Bounds:
        """A box that holds it."""
        ...

    def distance_mm(self, p: Floats) -> Floats:
        """Distance (n, m) to the surface from points (3, n, m), negative inside."""
        ...


def unit(vector: Sequence[float] | Floats) -> Float3:
    """Vector of length 1."""
    return float3(np.asarray(vector, dtype=float) / np.linalg.norm(vector))


def offset(point_mm: Float3, direction: Float3, by_mm: float) -> Float3:
    """Point moved along a direction."""
    return float3(np.add(point_mm, np.multiply(direction, by_mm)))


def along(p: Floats, centre_mm: Float3, direction: Float3) -> Floats:
    """Coordinate of points along a direction, from a centre."""
    terms = [(p[a] - centre_mm[a]) * direction[a] for a in range(3) if direction[a] != 0.0]
    total: Floats = sum(terms[1:], start=terms[0])
    return total


def inside(shape: Shape, points_mm: Floats) -> NDArray[np.bool_]:
    """Whether points (…, 3) lie in a solid."""
    return distance_at(shape, points_mm) < 0.0


def distance_at(shape: Shape, points_mm: Floats) -> Floats:
    """Signed distance of points (…, 3)."""
    points = np.asarray(points_mm, dtype=float)
    flat = points.reshape(-1, 3).T
    size = min(64, flat.shape[1])
    groups = -(-flat.shape[1] // size)
    padded = np.pad(flat, ((0, 0), (0, groups * size - flat.shape[1])), mode="edge")
    distance = shape.distance_mm(padded.reshape(3, groups, size)).ravel()[: flat.shape[1]]
    return distance.reshape(points.shape[:-1])


@dataclass(frozen=True)
class Ball:
    """A sphere."""

    centre_mm: Float3
    radius_mm: float

    @cached_property
    def bounds(self) -> Bounds:
        """Its box."""
        return Bounds(self.centre_mm, self.centre_mm).grown(self.radius_mm)

    def distance_mm(self, p: Floats) -> Floats:
        """Exact distance."""
        square = sum((p[a] - self.centre_mm[a]) ** 2 for a in range(3))
        return np.asarray(np.sqrt(square) - self.radius_mm)


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid with its own axes."""

    centre_mm: Float3
    semi_axes_mm: Float3
    axes: tuple[Float3, Float3, Float3] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))  #: unit vectors

    @cached_property
    def bounds(self) -> Bounds:
        """Its box."""
        half = np.sqrt(((np.array(self.axes).T * np.array(self.semi_axes_mm)) ** 2).sum(1))
        centre = np.array(self.centre_mm)
        return Bounds(float3(centre - half), float3(centre + half))

    def reduced(self, p: Floats) -> tuple[Floats, Floats, Floats]:
        """Coordinates in which it is the unit sphere."""
        a, b, c = (
            along(p, self.centre_mm, axis) / semi
            for axis, semi in zip(self.axes, self.semi_axes_mm, strict=True)
        )
        return a, b, c

    def distance_mm(self, p: Floats) -> Floats:
        """First-order distance; zero exactly on the surface."""
        a, b, c = self.reduced(p)
        return reduced_distance((a, b, c), self.semi_axes_mm)


def reduced_distance(
    reduced: Sequence[Floats], semi_axes_mm: Sequence[float], bump: Floats | float = 0.0
) -> Floats:
    """Distance to the surface at radius ``1 + bump`` of an ellipsoid's reduced coordinates."""
    square = sum(r * r for r in reduced)
    slope = sum((r / s) ** 2 for r, s in zip(reduced, semi_axes_mm, strict=True))
    radius = np.sqrt(square)
    distance = radius * (radius - 1.0 - bump) / np.sqrt(slope + 1e-12)
    return np.maximum(distance, -min(semi_axes_mm))


UNBOUNDED = Bounds((-np.inf, -np.inf, -np.inf), (np.inf, np.inf, np.inf))


@dataclass(frozen=True)
class HalfSpace:
    """All points behind a plane, seen along its normal."""

    point_mm: Float3
    normal: Float3  #: length 1

    @property
    def bounds(self) -> Bounds:
        """Everything."""
        return UNBOUNDED

    def distance_mm(self, p: Floats) -> Floats:
        """Exact distance."""
        return along(p, self.point_mm, self.normal)


@dataclass(frozen=True)
class Slab:
    """All points within a distance of a plane."""

    point_mm: Float3
    normal: Float3  #: length 1
    half_thickness_mm: float

    @property
    def bounds(self) -> Bounds:
        """Everything."""
        return UNBOUNDED

    def distance_mm(self, p: Floats) -> Floats:
        """Exact distance."""
        return np.asarray(np.abs(along(p, self.point_mm, self.normal)) - self.half_thickness_mm)


@dataclass(frozen=True)
class Shell:
    """All points within a distance of a sphere's surface."""

    centre_mm: Float3
    radius_mm: float
    half_thickness_mm: float

    @cached_property
    def bounds(self) -> Bounds:
        """The box of its outer surface."""
        return Ball(self.centre_mm, self.radius_mm + self.half_thickness_mm).bounds

    def distance_mm(self, p: Floats) -> Floats:
        """Exact distance."""
        from_surface = Ball(self.centre_mm, self.radius_mm).distance_mm(p)
        return np.asarray(np.abs(from_surface) - self.half_thickness_mm)


@dataclass(frozen=True)
class Drum:
    """An elliptical cylinder with a waist and rounded edges, such as a vertebral body."""

    centre_mm: Float3
    axes: tuple[Float3, Float3, Float3]  #: unit vectors; the last is the cylinder's axis
    half_sizes_mm: Float3
    waist: float = 0.08  #: share by which the middle is narrower
    edge_radius_mm: float = 2.5

    @cached_property
    def bounds(self) -> Bounds:
        """A box that holds it."""
        return Ball(self.centre_mm, float(np.linalg.norm(self.half_sizes_mm))).bounds

    def distance_mm(self, p: Floats) -> Floats:
        """First-order distance."""
        a, b, h = self.half_sizes_mm
        u, v, w = (along(p, self.centre_mm, axis) for axis in self.axes)
        narrow = 1.0 - self.waist * np.clip(1.0 - (w / h) ** 2, 0.0, 1.0)
        side = reduced_distance((u / (a * narrow), v / (b * narrow)), (a, b)) + self.edge_radius_mm
        face = np.abs(w) - h + self.edge_radius_mm
        outside = np.hypot(np.maximum(side, 0.0), np.maximum(face, 0.0))
        return np.asarray(np.minimum(np.maximum(side, face), 0.0) + outside - self.edge_radius_mm)
