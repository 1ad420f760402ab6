"""The body of a lesion: a field on a fine grid and the level that bounds it, its border within a cell.

An outline of voxels is as wide as its voxels and as blur makes it: in slices of 5 mm a ball is up to 5 mm
too high, and a thin sheet is two or three times too thick. The body is the solid of the measured volume
that, blurred as the scanner blurs, gives the picture that was seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.geometry import Box, Float3, Geometry, grow_box
from pipeline.domain.image import BoxedMask
from pipeline.steps.grid import bounding_box
from pipeline.steps.volumes.measure import Scene
from pipeline.steps.volumes.optics import (
    Blur,
    Floats,
    Grid,
    Sampling,
    cells_to_voxels,
    smoothing,
    voxels_to_cells,
)
from pipeline.steps.volumes.region import Region
from pipeline.steps.voxels import Voxels, label_components

CELL_MM = 0.5
"""Size of a cell, about, as long as there are not too many."""
MOST_CELLS = 120_000
NEAR_MM = 1.0
"""A body reaches this far beyond the outline at most, and one voxel at least."""
BESIDE_VOXELS = (1, 2, 2)
"""Looked at around that: what a box cuts goes on as it ends."""
ROUNDS = 5
SMOOTHING_MM = 0.4
"""Gaussian sigma that each round smooths the surface with: noise is rough, calcium is not."""
SMOOTHING_SLICE_SHARE = 0.1
"""It is wider by this share of what a slice is thicker than 1 mm: nothing is seen between slices,"""
SMOOTHING_NOISE_MM = 0.5
"""and by so much times the noise over the peak."""
CORRECTION = 1.2
"""What the picture shows beyond the blurred body is added to the field with this weight,"""
NOISY_SHARE = 0.12
"""half of it where the noise is this share of the peak;"""
KEPT_CORRECTION = 0.8
"""and what was shown in the rounds before with this, since smoothing takes corners and rims off each time,"""
KEPT_NOISY_SHARE = 0.03
"""half of it with this share of noise;"""
KEPT = 0.95
"""each round keeps this of the last ones;"""
NEAR_SURFACE = 5.0
"""all of it where a fifth of the surroundings is outside, none deep inside: uneven calcium has no holes."""
DENSITY_MM = 6.0
"""Over this distance (Gaussian sigma) a lesion is taken to be evenly dense."""
DENSITY_RANGE = (0.2, 3.0)
"""Least and greatest density of a part, of the peak."""
LEAST_SLOPE = 1e-4


@dataclass(frozen=True, eq=False, slots=True)
class Body:
    """A field whose values above a level are the lesion."""

    values: Floats  #: [k, j, i]; below the level all around
    level: float
    spacing_mm: Float3  #: of its cells along k, j, i
    first_index: Float3  #: of the first cell, in voxels of the scan
    geometry: Geometry  #: of the scan

    @property
    def inside(self) -> Voxels:
        """The cells that belong to it."""
        return np.asarray(self.values > self.level)

    def to_lps_mm(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 3): from the index of cells to the patient."""
        cells = np.divide(self.spacing_mm, self.geometry.spacing_mm)
        return self.geometry.to_lps_mm(index * cells + self.first_index)


@dataclass(frozen=True, eq=False, slots=True)
class _Picture:
    """What the scan shows of a lesion, in a box."""

    contrast_hu: Floats
    allowed: Voxels  #: where it can
    own: Voxels  #: the outline
    box: Box  #: in the region
    start: NDArray[np.int64]  #: in the scan
    spacing_mm: Float3
    noise_hu: float

    @property
    def peak_hu(self) -> float:
        return max(float(np.percentile(self.contrast_hu[self.allowed], 98)), 1.0)

    @property
    def noise_share(self) -> float:
        """Noise over the peak, 1 at most."""
        return self.noise_hu / max(self.peak_hu, self.noise_hu)


def outline_body(mask: BoxedMask) -> Body:
    """The outline itself: the border runs halfway between the centres of inner and outer voxels."""
    k, j, i = (float(s.start - 1) for s in mask.box)
    values = np.pad(mask.voxels, 1).astype(np.float32)
    return Body(values, 0.5, mask.geometry.spacing_mm, (k, j, i), mask.geometry)


def sharp_body(around: Scene, number: int, region: Region, volume_mm3: float) -> Body:
    """A lesion of a scene without its blur.

    The likeliest densities on a fine grid (`volumes.optics`) begin; of all levels one holds the volume.
    What the picture shows beyond that solid, blurred, corrects the field; a little smoothing keeps noise
    out of it; and again. An outline around nothing that stands out, as a human may draw one, is its own body.

    Parameters
    ----------
    region : Region
        The lesion against the tissue that its volume was found in (`volumes.measure`).
    volume_mm3 : float
        That it holds, as measured.
    """
    refining = _Refining.of(_picture(region), around.blur, volume_mm3)
    body = _body(refining.field(), refining, around.masks[number])
    return body if body.inside.any() else outline_body(around.masks[number])


@dataclass(frozen=True, eq=False, slots=True)
class _Refining:
    """A picture, the grid of its body, and how the one follows from the other."""

    picture: _Picture
    noise_share: float
    grid: Grid
    down: Sampling
    smooth: Sampling
    allowed: Voxels  #: cells that can be the lesion's
    cells: float  #: that it fills

    @classmethod
    def of(cls, picture: _Picture, blur: Blur, volume_mm3: float) -> _Refining:
        grid, share = _grid(picture), picture.noise_share
        allowed = grid.onto_cells(picture.allowed)
        sigma_mm = (
            SMOOTHING_MM + SMOOTHING_SLICE_SHARE * max(blur.slice_mm - 1, 0) + SMOOTHING_NOISE_MM * share
        )
        cells = volume_mm3 / grid.cell_mm3
        return cls(
            picture, share, grid, cells_to_voxels(grid, blur), smoothing(grid, sigma_mm), allowed, cells
        )

    def solid(self, field: Floats) -> Floats:
        """Share of each cell that belongs to the body."""
        return _solid(field, _level(field, self.allowed, self.cells)) * self.allowed

    def field(self) -> Floats:
        """Likeliest densities, corrected by the picture."""
        picture, back = self.picture, _back(self.down)
        field = voxels_to_cells(self.grid, self.down, noise_share=self.noise_share)(picture.contrast_hu)
        density = _density_hu(self.down(self.solid(field)), picture)
        weight = np.float32(CORRECTION / (1 + (self.noise_share / NOISY_SHARE) ** 2))
        weight_kept = np.float32(KEPT_CORRECTION / (1 + (self.noise_share / KEPT_NOISY_SHARE) ** 2))
        kept = np.zeros_like(field)
        for _ in range(ROUNDS):
            solid = self.solid(field)
            left = np.where(picture.allowed, picture.contrast_hu / density - self.down(solid), np.float32(0))
            shown, smooth = back(left), self.smooth(solid)
            kept = np.float32(KEPT) * kept + weight_kept * shown
            field = smooth + weight * shown + kept * np.clip(NEAR_SURFACE * (1 - smooth), 0, 1)
        return field


def _picture(region: Region) -> _Picture:
    allowed = _near(region)
    inner = bounding_box(allowed)
    if inner is None:
        raise ValueError("an empty mask has no body")
    k, j, i = allowed.shape
    box = grow_box(inner, BESIDE_VOXELS, (k, j, i))
    start = np.array([outer.start + s.start for outer, s in zip(region.box, box, strict=True)])
    return _Picture(
        region.contrast_hu[box],
        allowed[box],
        region.own[box],
        box,
        start,
        region.spacing_mm,
        region.noise.sd_hu,
    )


def _near(region: Region) -> Voxels:
    """The outline and what is next to it, as far as it is nobody else's."""
    sizes = [2 * max(1, int(np.ceil(NEAR_MM / step))) + 1 for step in region.spacing_mm]
    wide: Voxels = ndimage.maximum_filter(region.own, size=sizes, mode="constant")
    return np.asarray((wide & region.voxels) | region.own)


def _grid(picture: _Picture) -> Grid:
    """Cells of about the same size along all axes."""
    k, j, i = picture.own.shape
    room_mm3 = float(np.prod(np.multiply(picture.own.shape, picture.spacing_mm)))
    cell_mm = max(CELL_MM, float(np.cbrt(room_mm3 / MOST_CELLS)))
    parts = [max(1, round(step / cell_mm)) for step in picture.spacing_mm]
    return Grid((k, j, i), picture.spacing_mm, (parts[0], parts[1], parts[2]))


def _level(field: Floats, allowed: Voxels, cells: float) -> float:
    """The value that so many cells exceed."""
    values = field[allowed]
    rank = int(np.clip(cells, 1, max(1, values.size - 1)))
    return float(-np.partition(-values, rank - 1)[rank - 1 : rank + 1].mean())


def _solid(field: Floats, level: float) -> Floats:
    """Share of each cell that lies above a level, its border drawn within the cell."""
    square = np.full(field.shape, LEAST_SLOPE**2, dtype=np.float32)
    for axis in range(3):
        if field.shape[axis] > 1:
            square += np.gradient(field, axis=axis) ** 2
    return np.asarray(np.clip((field - level) / np.sqrt(square) + np.float32(0.5), 0.0, 1.0))


def _density_hu(blurred: Floats, picture: _Picture) -> Floats:
    """Contrast of the pure material around each voxel, by least squares."""
    sigma = [DENSITY_MM / step for step in picture.spacing_mm]
    product, square = (
        ndimage.gaussian_filter(one, sigma, truncate=2.0)
        for one in (picture.contrast_hu * blurred, blurred**2)
    )
    low, high = (share * picture.peak_hu for share in DENSITY_RANGE)
    return np.asarray(np.clip(product / np.maximum(square, 1e-3), low, high))


def _back(down: Sampling) -> Sampling:
    """From voxels to the cells that they see, each by how much."""
    k, j, i = (m.T / np.maximum(m.sum(0), 1e-6)[:, None] for m in down.matrices)
    return Sampling((k, j, i))


def _body(field: Floats, refining: _Refining, mask: BoxedMask) -> Body:
    """What hangs together with the outline."""
    allowed, grid = refining.allowed, refining.grid
    level = _level(field, allowed, refining.cells)
    least = np.float32(min(float(field.min()), level - 1))
    values = np.pad(np.where(allowed, field, least), 1, constant_values=least)
    labels = label_components(values > level, connectivity=26)
    own = np.unique(labels[np.pad(grid.onto_cells(refining.picture.own), 1)])
    values = np.where(np.isin(labels, own), values, np.minimum(values, np.float32(level)))
    parts = np.array(grid.parts)
    first = refining.picture.start - (parts - 1) / 2 / parts - 1 / parts
    return Body(values, level, _float3(grid.spacing_mm / parts), _float3(first), mask.geometry)


def _float3(values: NDArray[np.floating[Any]]) -> Float3:
    return float(values[0]), float(values[1]), float(values[2])
