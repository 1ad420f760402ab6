"""Calcifications with known form, in the body coordinates of the anatomy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Float3
from pipeline.phantoms.body import body
from pipeline.phantoms.compose import Common, Grown, Rind
from pipeline.phantoms.rods import rod
from pipeline.phantoms.shapes import Ball, Bounds, Ellipsoid, Floats, Shape, inside, reduced_distance

Morphology = Literal["lump", "ovoid", "linear", "sheet", "shell", "nodule"]


@dataclass(frozen=True)
class PhantomLesion:
    """A calcification, or a mimic of one, with what a reader should say of it."""

    name: str
    side: Literal["left", "right", "midline"]
    structure: str
    morphology: Morphology
    hu: float  #: at 120 kVp
    shape: Shape
    mimic: str | None = None  #: what it is, if it must not be counted: ``phlebolith``, ``vascular``, …

    def inside(self, points_mm: Floats) -> NDArray[np.bool_]:
        """Whether points (…, 3) in body coordinates lie in it."""
        return inside(self.shape, points_mm)


@dataclass(frozen=True)
class Lump:
    """An ellipsoid with smooth bumps all over."""

    core: Ellipsoid
    bump: float = 0.06  #: greatest height of a bump, as a share of the semi-axis there
    bumps: float = 5.0  #: about how many go round
    seed: int = 0

    @cached_property
    def bounds(self) -> Bounds:
        """The ellipsoid's box and the bumps."""
        return self.core.bounds.grown(self.bump * max(self.core.semi_axes_mm))

    @cached_property
    def _phases(self) -> tuple[float, ...]:
        return tuple(np.random.default_rng([self.seed, 11]).uniform(0, 2 * np.pi, 3).tolist())

    def distance_mm(self, p: Floats) -> Floats:
        """First-order distance; zero exactly on the bumpy surface."""
        a, b, c = self.core.reduced(p)
        radius = np.sqrt(a * a + b * b + c * c) + 1e-6
        waves = [
            np.sin(self.bumps * q / radius + phase) for q, phase in zip((a, b, c), self._phases, strict=True)
        ]
        bump: Floats = self.bump * waves[0] * waves[1] * waves[2]
        return reduced_distance((a, b, c), self.core.semi_axes_mm, bump)


def oblique_ellipsoid(centre_mm: Float3, semi_axes_mm: Float3, *, turn_deg: float = 0.0) -> Ellipsoid:
    """Ellipsoid with semi-axes along x, y, z, then turned about z (positive turns x towards y)."""
    c, s = float(np.cos(np.deg2rad(turn_deg))), float(np.sin(np.deg2rad(turn_deg)))
    return Ellipsoid(centre_mm, semi_axes_mm, ((c, s, 0.0), (-s, c, 0.0), (0.0, 0.0, 1.0)))


def linear(points_mm: tuple[Float3, ...], radius_mm: float) -> Shape:
    """Rod along a polyline, such as calcium along a muscle's fascia."""
    return rod(*((*point, radius_mm) for point in points_mm))


def skin_sheet(centre_mm: Float3, radius_mm: float, *, depth_mm: float, thickness_mm: float) -> Shape:
    """Sheet that follows the body's surface at a depth, cut out by a ball.

    Parameters
    ----------
    centre_mm : tuple of float
        Centre of the ball, near the skin.
    depth_mm : float
        From the skin's surface to the sheet's outer face.
    """
    layer = Rind(Grown(body(), -depth_mm), thickness_mm)
    return Common((Ball(centre_mm, radius_mm), layer))


def spherical_shell(centre_mm: Float3, radius_mm: float, thickness_mm: float) -> Shape:
    """Hollow ball, like a calcified cyst."""
    return Rind(Ball(centre_mm, radius_mm), thickness_mm)


def mirrored_point(point_mm: Float3) -> Float3:
    """The same place on the other side."""
    x, y, z = point_mm
    return -x, y, z
