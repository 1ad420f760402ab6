"""Inserts of known volume in a body of one tissue, scanned with known blur, slices and noise.

A fast scanner for volumes: blur is a Gaussian in the slice and a box across it, so that a scan is one
matrix product for each axis over a fine drawing of the insert alone. Volumes come from geometry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from pipeline.domain.geometry import Float3, Geometry
from pipeline.domain.image import CTVolume
from pipeline.domain.scan import Acquisition, Scan

Floats = NDArray[np.floating[Any]]
Texture = Callable[[Floats], Floats]

KINDS = ("sphere", "ellipsoid", "rod", "sheet")
AIR_HU, SKIN_HU, SKIN_MM = -1000.0, 30.0, 1.5
AROUND_MM = 14.0
"""Tissue between an insert and the skin."""
OUTSIDE_MM = 9.0
"""Air around the body."""


@dataclass(frozen=True)
class Insert:
    """A solid around the origin."""

    kind: str
    volume_mm3: float
    reach_mm: float  #: no point of it lies further from the origin
    least_mm: float  #: its smallest dimension
    distance_mm: Callable[[Floats], Floats]  #: of points (3, n): negative inside, true near the surface


@dataclass(frozen=True)
class Scanner:
    """How an insert is scanned."""

    slice_mm: float
    pixel_mm: float
    thickness_mm: float
    blur_mm: float  #: Gaussian sigma in the slice
    noise_hu: float
    grain_mm: float = 0.6  #: Gaussian sigma that makes the grain of the noise
    overshoot: float = 0.0  #: of an edge-enhancing kernel: this share of a wider blur is taken off
    profile: str = "box"  #: of a slice; or "bell", a Gaussian of the same width at half height

    @property
    def spacing_mm(self) -> Float3:
        """Along k, j, i."""
        return self.slice_mm, self.pixel_mm, self.pixel_mm


@dataclass(frozen=True)
class Placed:
    """An insert in the body: its density, its surroundings, its pose."""

    insert: Insert
    hu: float
    tissue_hu: float
    rotation: Floats
    shift_voxels: Float3 = (0.0, 0.0, 0.0)  #: of its middle against that of the middle voxel
    texture: Texture | None = None  #: factor of the contrast at points (3, n), of mean 1


def sphere(volume_mm3: float) -> Insert:
    """A ball."""
    radius = (3 * volume_mm3 / 4 / np.pi) ** (1 / 3)
    return Insert(
        "sphere", volume_mm3, radius, 2 * radius, lambda p: np.asarray(np.linalg.norm(p, axis=0) - radius)
    )


def ellipsoid(volume_mm3: float, shape: Float3) -> Insert:
    """An ellipsoid with semi-axes in these proportions."""
    axes = np.array(shape) * (3 * volume_mm3 / 4 / np.pi / np.prod(shape)) ** (1 / 3)

    def distance(p: Floats) -> Floats:
        reduced = p / axes[:, None]
        radius = np.linalg.norm(reduced, axis=0)
        return np.asarray(radius * (radius - 1) / (np.linalg.norm(reduced / axes[:, None], axis=0) + 1e-12))

    return Insert("ellipsoid", volume_mm3, float(axes.max()), float(2 * axes.min()), distance)


def rod(diameter_mm: float, length_mm: float) -> Insert:
    """A cylinder along z."""

    def distance(p: Floats) -> Floats:
        return _edges(np.hypot(p[0], p[1]) - diameter_mm / 2, np.abs(p[2]) - length_mm / 2)

    return Insert(
        "rod",
        np.pi / 4 * diameter_mm**2 * length_mm,
        float(np.hypot(diameter_mm, length_mm) / 2),
        min(diameter_mm, length_mm),
        distance,
    )


def sheet(length_mm: float, width_mm: float, thickness_mm: float) -> Insert:
    """A flat block."""
    half = np.array([length_mm, width_mm, thickness_mm]) / 2

    def distance(p: Floats) -> Floats:
        return _edges(*(np.abs(p[axis]) - half[axis] for axis in range(3)))

    return Insert(
        "sheet",
        length_mm * width_mm * thickness_mm,
        float(np.linalg.norm(half)),
        float(2 * half.min()),
        distance,
    )


def _edges(*sides: Floats) -> Floats:
    outside = np.sqrt(sum(np.maximum(side, 0) ** 2 for side in sides))
    return np.asarray(np.minimum(np.maximum.reduce(sides), 0) + outside)


def random_insert(rng: np.random.Generator, kind: str, volume_mm3: float) -> Insert:
    """An insert of a kind and volume: rods from 2 mm, sheets from 1.5 mm, as far as 70 mm allow."""
    if kind == "sphere":
        return sphere(volume_mm3)
    if kind == "ellipsoid":
        a, b, c = rng.uniform(1, 3, 3)
        return ellipsoid(volume_mm3, (a, b, c))
    if kind == "rod":
        thin = max(2.0, float(np.sqrt(volume_mm3 / 55)))
        thick = max(1.05 * thin, min(10.0, (volume_mm3 / 1.57) ** (1 / 3)))
        diameter = float(np.exp(rng.uniform(np.log(thin), np.log(thick))))
        return rod(diameter, volume_mm3 / (np.pi / 4 * diameter**2))
    thin = max(1.5, volume_mm3 / 2500)
    thickness = float(
        np.exp(rng.uniform(np.log(thin), np.log(max(1.05 * thin, min(5.0, (volume_mm3 / 9) ** (1 / 3))))))
    )
    length = float(np.sqrt(volume_mm3 / thickness * np.exp(rng.uniform(0, np.log(2.5)))))
    return sheet(length, volume_mm3 / thickness / length, thickness)


def random_rotation(rng: np.random.Generator) -> Floats:
    """A rotation, all alike likely."""
    w, x, y, z = (q := rng.normal(size=4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def about_z(degrees: float) -> Floats:
    """A rotation in the slice."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def scan(placed: Placed, scanner: Scanner, *, seed: int, kvp: float | None = 120.0) -> Scan:
    """The scan of an insert in a round body with skin, in air."""
    shape, centres, radius = _grid(placed, scanner)
    hu = _body(centres, radius, placed.tissue_hu, scanner) + _insert_hu(placed, scanner, centres)
    noise = np.random.default_rng([seed, 1]).standard_normal(shape)
    grain = scanner.grain_mm / scanner.pixel_mm
    noise = ndimage.gaussian_filter(noise, (0, grain, grain), mode="wrap")
    hu = np.clip(np.rint(hu + scanner.noise_hu * noise / noise.std()), -1024, 3071).astype(np.int16)
    k, j, i = centres
    geometry = Geometry.from_spacing(
        shape, spacing_mm=scanner.spacing_mm, origin_lps_mm=(float(i[0]), float(j[0]), float(k[0]))
    )
    return Scan(CTVolume(hu, geometry), Acquisition(kvp=kvp, slice_thickness_mm=scanner.thickness_mm))


def _grid(placed: Placed, scanner: Scanner) -> tuple[tuple[int, int, int], list[Floats], float]:
    """Voxels along k, j, i, where their centres lie, and the radius of the body."""
    reach = placed.insert.reach_mm
    radius = max(30.0, reach + AROUND_MM)
    sizes = (2 * reach + 2 * AROUND_MM, 2 * (radius + OUTSIDE_MM), 2 * (radius + OUTSIDE_MM))
    counts = [int(np.ceil(size / step)) + 1 for size, step in zip(sizes, scanner.spacing_mm, strict=True)]
    centres = [
        (np.arange(n) - (n - 1) / 2) * step for n, step in zip(counts, scanner.spacing_mm, strict=True)
    ]
    return (counts[0], counts[1], counts[2]), centres, radius


def _body(centres: list[Floats], radius_mm: float, tissue_hu: float, scanner: Scanner) -> Floats:
    """Tissue in skin in air, blurred as edges that are nearly straight."""
    _, j, i = centres
    depth = radius_mm - np.hypot(j[:, None], i[None])

    def step(at_mm: Floats) -> Floats:
        sharp, wide = ndtr(at_mm / scanner.blur_mm), ndtr(at_mm / _wider(scanner.blur_mm))
        return np.asarray((1 + scanner.overshoot) * sharp - scanner.overshoot * wide)

    hu = AIR_HU + (SKIN_HU - AIR_HU) * step(depth) + (tissue_hu - SKIN_HU) * step(depth - SKIN_MM)
    return np.asarray(hu[None])


def _wider(blur_mm: float) -> float:
    return 2 * blur_mm + 0.3


def _insert_hu(placed: Placed, scanner: Scanner, centres: list[Floats]) -> Floats:
    """Contrast of the insert, drawn finely and sampled."""
    insert = placed.insert
    step = float(np.clip(insert.reach_mm / 40, 0.2, 0.4))
    steps = (min(step, scanner.thickness_mm / 5), step, step)
    reach = [insert.reach_mm + 0.5 + 0.6 * size for size in scanner.spacing_mm]
    fine = [np.arange(-end, end, one) for end, one in zip(reach, steps, strict=True)]
    moved = [
        points - shift * size
        for points, shift, size in zip(fine, placed.shift_voxels, scanner.spacing_mm, strict=True)
    ]
    z, y, x = (one.ravel() for one in np.meshgrid(*moved, indexing="ij"))
    own = (placed.rotation.T @ np.stack([x, y, z])).astype(np.float32)
    share = np.clip(0.5 - insert.distance_mm(own) / np.cbrt(np.prod(steps)), 0, 1)
    if placed.texture is not None:
        share = share * placed.texture(own)
    drawn = share.reshape([len(one) for one in fine]).astype(np.float32)
    sharp = _sampled(drawn, fine, steps, centres, scanner, scanner.blur_mm)
    if scanner.overshoot:
        wide = _sampled(drawn, fine, steps, centres, scanner, _wider(scanner.blur_mm))
        sharp = (1 + scanner.overshoot) * sharp - scanner.overshoot * wide
    return np.asarray((placed.hu - placed.tissue_hu) * sharp)


def _sampled(
    drawn: Floats,
    fine: list[Floats],
    steps: tuple[float, ...],
    centres: list[Floats],
    scanner: Scanner,
    blur_mm: float,
) -> Floats:
    half = 0.5 * scanner.thickness_mm
    away = [points[None] - middle[:, None] for points, middle in zip(fine, centres, strict=True)]
    if scanner.profile == "bell":
        sigma = scanner.thickness_mm / (2 * np.sqrt(2 * np.log(2)))
        k = ndtr((away[0] + steps[0] / 2) / sigma) - ndtr((away[0] - steps[0] / 2) / sigma)
    else:
        across = np.minimum(away[0] + steps[0] / 2, half) - np.maximum(away[0] - steps[0] / 2, -half)
        k = np.clip(across, 0, None) / scanner.thickness_mm
    j, i = (
        ndtr((one + step / 2) / blur_mm) - ndtr((one - step / 2) / blur_mm)
        for one, step in zip(away[1:], steps[1:], strict=True)
    )
    in_slices = np.tensordot(k, drawn, 1)
    return np.asarray(np.matmul(np.matmul(j, in_slices), i.T))
