"""Solids of every form with their true dimensions, and the word that these call for.

What a solid is called follows from how it was made: a net is reticular, a hollow one a shell; of the rest
from its length, width and thickness. Where one of these lies within a tenth of a limit, either word is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from tests.accuracy.inserts import Floats, Insert, Placed, Scanner, ellipsoid, random_rotation, rod, sheet

MARGIN = 0.1
"""A dimension is taken this much larger and smaller: what is on a limit may be called either."""
SLICES_MM = (0.6, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)


@dataclass(frozen=True)
class Solid:
    """An insert with its dimensions."""

    made_as: str
    insert: Insert
    length_mm: float
    width_mm: float
    thickness_mm: float

    @property
    def words(self) -> frozenset[str]:
        """What it may be called."""
        if self.made_as in ("shell", "net"):
            return frozenset({"shell" if self.made_as == "shell" else "reticular"})
        own = (self.length_mm, self.width_mm, self.thickness_mm)
        factors = (1 - MARGIN, 1.0, 1 + MARGIN)
        return frozenset(
            word_for(*(a * f for a, f in zip(own, by, strict=True))) for by in product(factors, repeat=3)
        )

    @property
    def word(self) -> str:
        """What it is called by its dimensions as they are."""
        own = word_for(self.length_mm, self.width_mm, self.thickness_mm)
        return next(iter(self.words)) if self.made_as in ("shell", "net") else own


def word_for(length_mm: float, width_mm: float, thickness_mm: float) -> str:
    """The definitions of ``docs/measurements.md`` for a solid without holes."""
    if length_mm < 5:
        return "punctate"
    if width_mm >= 2.5 * thickness_mm:
        return "sheet"
    if length_mm >= 3 * width_mm and (width_mm < 8 or length_mm >= 5 * width_mm):
        return "linear"
    if length_mm > 30 and thickness_mm >= 15:
        return "bulky"
    return "ovoid" if length_mm >= 1.5 * thickness_mm else "nodular"


def _spot(rng: np.random.Generator) -> Solid:
    d = rng.uniform(3.4, 4.4)
    return _of_ellipsoid("spot", (d, d, d))


def _nodule(rng: np.random.Generator) -> Solid:
    d = rng.uniform(6, 28)
    return _of_ellipsoid("nodule", (d, d * rng.uniform(0.8, 1), d * rng.uniform(0.8, 1)))


def _mass(rng: np.random.Generator) -> Solid:
    length = float(np.exp(rng.uniform(np.log(34), np.log(100))))
    width = length * rng.uniform(0.55, 1)
    return _of_ellipsoid("mass", (length, width, max(17.0, width * rng.uniform(0.6, 1))))


def _ovoid(rng: np.random.Generator) -> Solid:
    length = rng.uniform(8, 50)
    width = length / rng.uniform(1.7, 2.6)
    return _of_ellipsoid("ovoid", (length, width, min(width * rng.uniform(0.6, 1), 13.0)))


def _of_ellipsoid(made_as: str, axes_mm: Sequence[float]) -> Solid:
    length, width, thickness = sorted((float(a) for a in axes_mm), reverse=True)
    volume = np.pi / 6 * length * width * thickness
    return Solid(made_as, ellipsoid(volume, (length, width, thickness)), length, width, thickness)


def _line(rng: np.random.Generator) -> Solid:
    d = rng.uniform(2, 5)
    length = d * rng.uniform(3.5, 14)
    return Solid("line", rod(d, length), length, d, d)


def _pieces(rng: np.random.Generator) -> Solid:
    """A rod with gaps of up to 2 mm."""
    d, count = rng.uniform(2.2, 4), int(rng.integers(2, 5))
    piece, gap = d * rng.uniform(1.5, 3), rng.uniform(0.8, 1.8)
    middles = (np.arange(count) - (count - 1) / 2) * (piece + gap)
    length = count * piece + (count - 1) * gap
    one = rod(d, piece)

    def distance(p: Floats) -> Floats:
        return np.minimum.reduce([one.distance_mm(p - np.array([[0], [0], [at]])) for at in middles])

    insert = Insert("pieces", count * one.volume_mm3, float(np.hypot(d, length) / 2), d, distance)
    return Solid("pieces", insert, length, d, d)


def _bow(rng: np.random.Generator) -> Solid:
    """A bent rod: a part of a ring. Its length is that of the chord."""
    d = rng.uniform(2, 4)
    angle = rng.uniform(0.8, 2.2)
    radius = d * rng.uniform(10, 16) / angle
    half = angle / 2

    def distance(p: Floats) -> Floats:
        x, y = p[0] + radius * (1 + np.cos(half)) / 2, p[1]
        turn = np.clip(np.arctan2(y, x), -half, half)
        foot = np.stack([radius * np.cos(turn), radius * np.sin(turn)])
        return np.asarray(np.sqrt((x - foot[0]) ** 2 + (y - foot[1]) ** 2 + p[2] ** 2) - d / 2)

    chord = 2 * radius * np.sin(half) + d
    volume = np.pi / 4 * d**2 * radius * angle + np.pi / 6 * d**3
    return Solid("bow", Insert("bow", volume, chord / 2 + d, d, distance), chord, d, d)


def _plate(rng: np.random.Generator) -> Solid:
    t = rng.uniform(1.5, 4)
    width = t * rng.uniform(3.5, 10)
    length = width * rng.uniform(1, 2.5)
    return Solid("plate", sheet(length, width, t), length, width, t)


def _skin(rng: np.random.Generator) -> Solid:
    """A bowed plate: the part of a hollow ball within a cone."""
    t, radius, half = rng.uniform(2, 4), rng.uniform(25, 60), rng.uniform(0.35, 0.8)
    chord = 2 * radius * np.sin(half)

    def distance(p: Floats) -> Floats:
        z = p[2] + radius * (1 + np.cos(half)) / 2
        away = np.sqrt(p[0] ** 2 + p[1] ** 2 + z**2)
        edge = (np.arctan2(np.hypot(p[0], p[1]), z) - half) * radius
        return np.asarray(np.maximum(np.maximum(away - radius, radius - t - away), edge))

    volume = 2 * np.pi / 3 * (1 - np.cos(half)) * (radius**3 - (radius - t) ** 3)
    return Solid("skin", Insert("skin", float(volume), chord / 2 + 8, t, distance), chord, chord, t)


def _shell(rng: np.random.Generator) -> Solid:
    t = rng.uniform(1.5, 3)
    axes = rng.uniform(max(6.5, 3.2 * t), 18) * np.array([1.0, *rng.uniform(0.75, 1, 2)])
    outer = ellipsoid(float(4 / 3 * np.pi * axes.prod()), tuple(axes))

    def distance(p: Floats) -> Floats:
        away = outer.distance_mm(p)
        return np.asarray(np.maximum(away, -away - t))

    volume = 4 / 3 * np.pi * (axes.prod() - (axes - t).prod())
    return Solid(
        "shell",
        Insert("shell", float(volume), float(axes.max()), t, distance),
        2 * axes.max(),
        2 * axes.max(),
        t,
    )


def _net(rng: np.random.Generator) -> Solid:
    """Rods across each other, bowed."""
    d, meshes = rng.uniform(2, 3), int(rng.integers(3, 6))
    pitch = d * rng.uniform(3.5, 5)
    side, bow = meshes * pitch, rng.uniform(0, 0.006)

    def distance(p: Floats) -> Floats:
        height = p[2] - bow * (p[0] ** 2 + p[1] ** 2)
        lines = []
        for along, across in ((p[0], p[1]), (p[1], p[0])):
            off = across + side / 2
            off = off - pitch * np.clip(np.rint(off / pitch), 0, meshes)
            lines.append(np.sqrt(off**2 + height**2 + np.maximum(np.abs(along) - side / 2, 0) ** 2) - d / 2)
        return np.asarray(np.minimum(*lines))

    volume = np.pi / 4 * d**2 * 2 * (meshes + 1) * side  # without what crossings share
    return Solid("net", Insert("net", volume, side * 0.75 + d, d, distance), side + d, side + d, d)


MAKERS: dict[str, Callable[[np.random.Generator], Solid]] = {
    "spot": _spot, "nodule": _nodule, "mass": _mass, "ovoid": _ovoid, "line": _line, "pieces": _pieces,
    "bow": _bow, "plate": _plate, "skin": _skin, "shell": _shell, "net": _net,
}  # fmt: skip


def solid_case(seed: int) -> tuple[Solid, Placed, Scanner]:
    """A solid and a scanner by lot, kinds in turn."""
    rng = np.random.default_rng([seed, 31])
    made_as = list(MAKERS)[seed % len(MAKERS)]
    solid = MAKERS[made_as](rng)
    slice_mm = float(rng.choice(SLICES_MM))
    scanner = Scanner(
        slice_mm=slice_mm, pixel_mm=float(rng.uniform(0.5, 0.95)), thickness_mm=slice_mm,
        blur_mm=float(rng.uniform(0.4, 0.9)), noise_hu=float(rng.uniform(5, 25)),
        grain_mm=float(rng.uniform(0.4, 0.9)),
    )  # fmt: skip
    k, j, i = (float(one) for one in rng.uniform(-0.5, 0.5, 3))
    hu = float(np.exp(rng.uniform(np.log(350), np.log(1300))))
    tissue = float(rng.choice([-100.0, 0.0, 50.0, 60.0]))
    return solid, Placed(solid.insert, hu, tissue, random_rotation(rng), (k, j, i)), scanner
