"""Curved plates with a free outline, and bodies lofted along z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import interpolate, ndimage

from pipeline.domain.geometry import Float3
from pipeline.phantoms.rods import catmull_rom
from pipeline.phantoms.shapes import REACH_MM, Bounds, Floats, along

OUTLINE_STEP_MM = 1.0
"""Grid on which the distance to an outline is tabled; between its nodes it is bilinear."""


@dataclass(frozen=True)
class Outline:
    """A closed smooth curve in a plane."""

    knots_mm: tuple[tuple[float, float], ...]

    @cached_property
    def _table(self) -> tuple[Floats, Floats]:
        curve = catmull_rom(np.array(self.knots_mm), pieces=8, closed=True)
        low, high = curve.min(0) - REACH_MM - 6, curve.max(0) + REACH_MM + 6
        axes = [np.arange(low[a], high[a] + OUTLINE_STEP_MM, OUTLINE_STEP_MM) for a in (0, 1)]
        u, v = np.meshgrid(*axes, indexing="ij")
        return low, _polygon_distance(u, v, curve).astype(np.float32)

    def distance_mm(self, u: Floats, v: Floats) -> Floats:
        """Distance to the curve, negative inside."""
        low, table = self._table
        at = np.stack([(u - low[0]) / OUTLINE_STEP_MM, (v - low[1]) / OUTLINE_STEP_MM])
        return ndimage.map_coordinates(table, at, order=1, mode="nearest").astype(u.dtype)


def _polygon_distance(u: Floats, v: Floats, curve: Floats) -> Floats:
    nearest = np.full(u.shape, np.inf)
    odd = np.zeros(u.shape, dtype=bool)
    for (u0, v0), (u1, v1) in zip(curve, np.roll(curve, -1, axis=0), strict=True):
        du, dv = u1 - u0, v1 - v0
        share = np.clip(((u - u0) * du + (v - v0) * dv) / (du * du + dv * dv), 0, 1)
        nearest = np.minimum(nearest, np.hypot(u - u0 - share * du, v - v0 - share * dv))
        if v0 != v1:
            odd ^= ((v0 > v) != (v1 > v)) & (u < u0 + (v - v0) * du / dv)
    return np.where(odd, -nearest, nearest)


@dataclass(frozen=True)
class Sheet:
    """A curved surface: height over a plane as a polynomial of the third degree."""

    origin_mm: Float3
    u_axis: Float3
    v_axis: Float3
    w_axis: Float3
    coefficients: tuple[float, ...]  #: of 1, u, v, u², uv, v², u³, u²v, uv², v³ with u, v in units of 50 mm

    @classmethod
    def through(
        cls, landmarks_mm: Sequence[Float3], origin_mm: Float3, u_axis: Float3, w_axis: Float3
    ) -> Sheet:
        """Surface nearest to landmarks (least squares)."""
        v_axis = np.cross(w_axis, u_axis)
        frame = np.array([u_axis, v_axis, w_axis])
        u, v, w = frame @ (np.array(landmarks_mm) - origin_mm).T
        ridge = 0.02 * np.eye(10)[6:]
        rows = np.concatenate([np.stack(_monomials(u / 50, v / 50), axis=1), ridge])
        solution = np.linalg.lstsq(rows, np.concatenate([w, np.zeros(4)]), rcond=None)[0]
        x, y, z = (float(a) for a in v_axis)
        return cls(origin_mm, u_axis, (x, y, z), w_axis, tuple(float(c) for c in solution))

    def uv(self, point_mm: Float3) -> tuple[float, float]:
        """Plane coordinates of a point."""
        offset = np.subtract(point_mm, self.origin_mm)
        return float(offset @ np.array(self.u_axis)), float(offset @ np.array(self.v_axis))

    def coordinates(self, p: Floats) -> tuple[Floats, Floats, Floats]:
        """(u, v, height above the surface measured along its normal) of points."""
        u, v = along(p, self.origin_mm, self.u_axis), along(p, self.origin_mm, self.v_axis)
        c, s, t = self.coefficients, u * 0.02, v * 0.02
        height = c[0] + s * (c[1] + s * (c[3] + c[6] * s + c[7] * t) + t * (c[4] + c[8] * t))
        height = height + t * (c[2] + t * (c[5] + c[9] * t))
        du = c[1] + s * (2 * c[3] + 3 * c[6] * s + 2 * c[7] * t) + t * (c[4] + c[8] * t)
        dv = c[2] + t * (2 * c[5] + 3 * c[9] * t) + s * (c[4] + c[7] * s + 2 * c[8] * t)
        slope = np.sqrt(1.0 + (du * du + dv * dv) * 0.0004)
        return u, v, (along(p, self.origin_mm, self.w_axis) - height) / slope


def _monomials(u: Floats, v: Floats) -> list[Floats]:
    return [np.ones_like(u), u, v, u * u, u * v, v * v, u**3, u * u * v, u * v * v, v**3]


@dataclass(frozen=True)
class Swelling:
    """A place where a plate is thicker."""

    uv_mm: tuple[float, float]
    extra_mm: float  #: added to the half thickness
    spread_mm: float


@dataclass(frozen=True)
class Plate:
    """A solid along a sheet, within an outline."""

    sheet: Sheet
    outline: Outline
    bounds: Bounds
    half_thickness_mm: float
    swellings: tuple[Swelling, ...] = ()
    rim_extra_mm: float = 0.0  #: added to the half thickness along the outline
    shift_mm: float = 0.0  #: of its middle above the sheet
    edge_radius_mm: float = 2.0

    def distance_mm(self, p: Floats) -> Floats:
        """Distance to its rounded surface."""
        u, v, height = self.sheet.coordinates(p)
        edge = self.outline.distance_mm(u, v)
        half = np.full_like(u, self.half_thickness_mm)
        for swelling in self.swellings:
            square = (u - swelling.uv_mm[0]) ** 2 + (v - swelling.uv_mm[1]) ** 2
            half += swelling.extra_mm * np.exp(-0.5 * square / swelling.spread_mm**2)
        if self.rim_extra_mm:
            half += self.rim_extra_mm * np.exp(-0.5 * ((edge + 4.0) / 4.0) ** 2)
        return _rounded(edge, np.abs(height - self.shift_mm) - half, self.edge_radius_mm)


def _rounded(edge: Floats, face: Floats, radius_mm: float) -> Floats:
    a, b = edge + radius_mm, face + radius_mm
    outside = np.hypot(np.maximum(a, 0.0), np.maximum(b, 0.0))
    return np.asarray(np.minimum(np.maximum(a, b), 0.0) + outside - radius_mm)


@dataclass(frozen=True)
class Band:
    """The strip of a plate's plane at a depth under its outline, such as a growth plate under a crest."""

    sheet: Sheet
    outline: Outline
    bounds: Bounds
    depth_mm: float
    half_thickness_mm: float

    def distance_mm(self, p: Floats) -> Floats:
        """Distance to the strip."""
        u, v, _ = self.sheet.coordinates(p)
        strip: Floats = np.abs(self.outline.distance_mm(u, v) + self.depth_mm) - self.half_thickness_mm
        outside = [np.maximum(self.bounds.low_mm[a] - p[a], p[a] - self.bounds.high_mm[a]) for a in range(3)]
        return np.asarray(np.maximum.reduce([strip, *outside]))


@dataclass(frozen=True)
class Section:
    """One cross-section of a loft."""

    z_mm: float
    centre_mm: tuple[float, float]  #: x, y
    semi_axes_mm: tuple[float, float]  #: x, y


@dataclass(frozen=True)
class Loft:
    """A solid whose cross-sections are superellipses, smooth from one to the next; open at its ends."""

    sections: tuple[Section, ...]  #: by rising z
    power: float = 2.0

    @cached_property
    def bounds(self) -> Bounds:
        """Its box."""
        _, x, y, a, b = self._table
        low = (float((x - a).min()), float((y - b).min()), self.sections[0].z_mm)
        return Bounds(low, (float((x + a).max()), float((y + b).max()), self.sections[-1].z_mm))

    @cached_property
    def _table(self) -> Floats:
        knots = np.array([(s.z_mm, *s.centre_mm, *s.semi_axes_mm) for s in self.sections])
        z = np.linspace(knots[0, 0], knots[-1, 0], 201)
        curve = interpolate.PchipInterpolator(knots[:, 0], knots[:, 1:])(z)
        return np.concatenate([z[:, None], curve], axis=1).T

    def distance_mm(self, p: Floats) -> Floats:
        """First-order distance within the cross-section."""
        z, *rows = self._table
        x0, y0, a, b = (np.interp(p[2], z, row).astype(p.dtype) for row in rows)
        u, v = np.abs(p[0] - x0) / a + 1e-6, np.abs(p[1] - y0) / b + 1e-6
        n = self.power
        du, dv = u ** (n - 1), v ** (n - 1)
        radius = (du * u + dv * v) ** (1.0 / n)
        slope = np.hypot(du / a, dv / b) * radius ** (1.0 - n)
        side = np.maximum((radius - 1.0) / slope, -np.minimum(a, b))
        return np.asarray(np.maximum(side, np.maximum(float(z[0]) - p[2], p[2] - float(z[-1]))))
