"""Solids made of solids: blended, cut, mirrored, turned, grown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipeline.domain.geometry import Float3
from pipeline.phantoms.shapes import REACH_MM, Bounds, Floats, Shape


def smooth_min(a: Floats, b: Floats, blend_mm: float) -> Floats:
    """Smaller of two distances, rounded where they differ by less than `blend_mm`."""
    smaller = np.minimum(a, b)
    if blend_mm <= 0.0:
        return smaller
    overlap = np.maximum(blend_mm - np.abs(a - b), 0.0)
    return np.asarray(smaller - overlap * overlap * (0.25 / blend_mm))


def smooth_max(a: Floats, b: Floats, blend_mm: float) -> Floats:
    """Larger of two distances, rounded in the same way."""
    return -smooth_min(-a, -b, blend_mm)


def _fold(
    start: Floats, parts: Sequence[Shape], p: Floats, join: Callable[[Floats, Floats], Floats]
) -> Floats:
    """Join the distances of the parts into `start`, each only for the groups near it."""
    low, high = p.min(2), p.max(2)
    for part in parts:
        near = np.flatnonzero(part.bounds.near(low, high))
        if near.size == p.shape[1]:
            start = join(start, part.distance_mm(p))
        elif near.size:
            start[near] = join(start[near], part.distance_mm(p[:, near]))
    return start


@dataclass(frozen=True)
class Union:
    """Several solids in one, their seams filled over `blend_mm`."""

    parts: tuple[Shape, ...]
    blend_mm: float = 0.0

    @cached_property
    def bounds(self) -> Bounds:
        """The box of all parts."""
        corners = np.concatenate([part.bounds.corners() for part in self.parts], axis=1)
        return Bounds.around(corners).grown(0.25 * self.blend_mm)

    def distance_mm(self, p: Floats) -> Floats:
        """Smallest distance of all parts."""
        far = np.full(p.shape[1:], REACH_MM, dtype=p.dtype)
        return _fold(far, self.parts, p, lambda a, b: smooth_min(a, b, self.blend_mm))


@dataclass(frozen=True)
class Cut:
    """A solid without the part of it that lies in others."""

    base: Shape
    cutters: tuple[Shape, ...]
    blend_mm: float = 0.0

    @property
    def bounds(self) -> Bounds:
        """The box of the uncut solid."""
        return self.base.bounds

    def distance_mm(self, p: Floats) -> Floats:
        """Largest of the base's distance and the cutters' depths."""
        base = np.array(self.base.distance_mm(p))
        return _fold(base, self.cutters, p, lambda a, b: smooth_max(a, -b, self.blend_mm))


@dataclass(frozen=True)
class Common:
    """What several solids have in common; the first should be the smallest."""

    parts: tuple[Shape, ...]
    blend_mm: float = 0.0

    @property
    def bounds(self) -> Bounds:
        """The box of the first."""
        return self.parts[0].bounds

    def distance_mm(self, p: Floats) -> Floats:
        """Largest distance of all parts."""
        distance = self.parts[0].distance_mm(p)
        for part in self.parts[1:]:
            distance = smooth_max(distance, part.distance_mm(p), self.blend_mm)
        return distance


@dataclass(frozen=True)
class Grown:
    """A solid whose surface is moved outwards; inwards if negative."""

    shape: Shape
    by_mm: float

    @cached_property
    def bounds(self) -> Bounds:
        """The moved box."""
        return self.shape.bounds.grown(self.by_mm)

    def distance_mm(self, p: Floats) -> Floats:
        """Distance of the solid less the growth."""
        return self.shape.distance_mm(p) - self.by_mm


@dataclass(frozen=True)
class Mirrored:
    """A solid of the left side seen on the right, and the other way round."""

    shape: Shape

    @cached_property
    def bounds(self) -> Bounds:
        """The mirrored box."""
        (x0, y0, z0), (x1, y1, z1) = self.shape.bounds.low_mm, self.shape.bounds.high_mm
        return Bounds((-x1, y0, z0), (-x0, y1, z1))

    def distance_mm(self, p: Floats) -> Floats:
        """Distance of the mirrored points."""
        return self.shape.distance_mm(np.stack([-p[0], p[1], p[2]]))


@dataclass(frozen=True)
class Turned:
    """A solid turned about the vertical axis through a pivot."""

    shape: Shape
    pivot_mm: Float3
    angle_rad: float  #: positive turns x towards y

    @cached_property
    def bounds(self) -> Bounds:
        """The box of the turned box."""
        return Bounds.around(self._turn(self.shape.bounds.corners(), self.angle_rad))

    def _turn(self, p: Floats, angle_rad: float) -> Floats:
        c, s = float(np.cos(angle_rad)), float(np.sin(angle_rad))
        x, y = p[0] - self.pivot_mm[0], p[1] - self.pivot_mm[1]
        return np.stack([c * x - s * y + self.pivot_mm[0], s * x + c * y + self.pivot_mm[1], p[2]])

    def distance_mm(self, p: Floats) -> Floats:
        """Distance of the points turned back."""
        return self.shape.distance_mm(self._turn(p, -self.angle_rad))


@dataclass(frozen=True)
class Rind:
    """The outermost layer of a solid."""

    shape: Shape
    thickness_mm: float

    @property
    def bounds(self) -> Bounds:
        """The solid's box."""
        return self.shape.bounds

    def distance_mm(self, p: Floats) -> Floats:
        """Distance to the layer."""
        distance = self.shape.distance_mm(p)
        return np.asarray(np.maximum(distance, -distance - self.thickness_mm))
