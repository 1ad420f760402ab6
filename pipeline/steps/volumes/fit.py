"""The volume whose picture, blurred as the scanner blurs, is the one that was seen.

Blur moves calcium about and loses none: the integral of HU above the background is contrast times
volume, whatever the blur (Hoffman 1979 for emission tomography; used for coronary calcium by
Dehmeshki 2007). What is missing is the contrast of the pure material, which no voxel shows where the
object is thin. Two figures of the picture depend on it:

- its effective volume, the square of the integral over the integral of the square. It equals the
  volume of an even object without blur and grows as the surface is smeared;
- its product with a model: the brightest cells that make up a volume, blurred.

For a volume that is tried, the model has both figures too. The volume is right when they agree. The first is
more certain for small objects, the second does not mind an uneven inside; they are mixed by how much of the
object is beyond the reach of blur (the *recovery*: volume over effective volume).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Float3
from pipeline.steps.volumes.optics import (
    Blur,
    Floats,
    Grid,
    Sampling,
    cells_to_voxels,
    voxels_to_cells,
)

CELL_MM = (0.9, 0.7, 0.7)
"""Size of a cell along k, j, i, about; in small boxes"""
SMALL_CELL_MM = (0.6, 0.45, 0.45)
"""this, so that rods of 2 mm have an inside."""
SMALL_VOXELS = 4000
"""Boxes of no more voxels are small."""
STEPS = 5
"""Volumes tried,"""
FIRST_SHARE, LUMP_SHARE = 0.75, 0.97
"""first this share of the effective volume, and next the second"""
STUCK = 0.03
"""where the first agrees this nearly: in a large lump with noise, any part of it that is brightest does."""
UNEVEN_FROM, UNEVEN_TO = 0.6, 0.8
"""Recovery from which the model's product counts, and from which it counts alone."""
BLUR_STEP = 1.08
"""Factor by which blur is changed to see what depends on it."""
LEAST_SHARE = 0.03
"""Cells below this share of the contrast are never the lesion's."""


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """A volume and what its certainty depends on."""

    volume_mm3: float
    contrast_hu: float  #: of the pure material above its background
    recovery: float  #: volume over effective volume: 1 without blur, small where no voxel is pure
    blur_slope: float  #: relative change of the volume for one of the blur
    noise_share: float  #: of the volume
    uneven_share: float  #: spread of the inside beyond noise, of the contrast
    seen_hu: Floats  #: contrast that the scanner would show of it, [k, j, i]


@dataclass(frozen=True, eq=False, slots=True)
class _Picture:
    """The contrast seen in a region, and the sum figures taken of it."""

    contrast_hu: Floats  #: 0 outside the region
    region: NDArray[np.bool_]
    grid: Grid
    noise_hu: float

    @property
    def voxel_mm3(self) -> float:
        return float(np.prod(self.grid.spacing_mm))

    @property
    def mass(self) -> float:
        """Contrast times volume, HU mm³."""
        return float(self.contrast_hu.sum(dtype=np.float64)) * self.voxel_mm3

    @property
    def power(self) -> float:
        """Squared contrast times volume without what noise adds to it."""
        square = float((self.contrast_hu.astype(np.float64) ** 2).sum())
        return (square - self.noise_hu**2 * int(np.count_nonzero(self.region))) * self.voxel_mm3


@dataclass(frozen=True, eq=False, slots=True)
class _Shapes:
    """Shapes of any volume: the brightest cells, their border drawn within a cell."""

    bright: Floats  #: contrast by cell
    slope: Floats  #: its change from cell to cell
    falling: Floats  #: brightest first
    cell_mm3: float

    def of_volume(self, volume_mm3: float) -> Floats:
        """Share of each cell that belongs to the shape."""
        rank = int(np.clip(volume_mm3 / self.cell_mm3, 0, len(self.falling) - 1))
        inside = (self.bright - self.falling[rank]) / self.slope + np.float32(0.5)
        return np.asarray(np.clip(inside, 0.0, 1.0))


def fit_volume(
    contrast_hu: Floats, region: NDArray[np.bool_], spacing_mm: Float3, blur: Blur, *, noise_hu: float
) -> Fit | None:
    """Volume of the one object in a region.

    Parameters
    ----------
    contrast_hu : array
        HU above the background, 0 outside the region; [k, j, i].
    region : array
        The object with all of its blur.
    noise_hu : float
        Standard deviation of a voxel's noise.

    Returns
    -------
    Fit or None
        None where there is no more than noise.
    """
    grid = _grid(contrast_hu.shape, spacing_mm)
    picture = _Picture(np.where(region, contrast_hu, 0).astype(np.float32), region, grid, noise_hu)
    if picture.mass <= 0 or picture.power <= 0:
        return None
    down = cells_to_voxels(grid, blur)
    shapes = _shapes(picture, down)
    volume, model = _solve(picture, shapes, down)
    wider = cells_to_voxels(grid, blur.scaled(BLUR_STEP))
    other, _ = _solve(picture, shapes, wider, start_mm3=volume, steps=2)
    contrast = picture.mass / volume
    return Fit(
        volume_mm3=volume,
        contrast_hu=contrast,
        recovery=volume * picture.power / picture.mass**2,
        blur_slope=float(np.log(other / volume) / np.log(BLUR_STEP)),
        noise_share=_noise_share(picture),
        uneven_share=_uneven_share(picture, model, contrast),
        seen_hu=np.asarray(contrast * model),
    )


def _grid(shape: tuple[int, ...], spacing_mm: Float3) -> Grid:
    cell_mm = SMALL_CELL_MM if np.prod(shape) <= SMALL_VOXELS else CELL_MM
    k, j, i = (max(1, round(spacing / cell)) for spacing, cell in zip(spacing_mm, cell_mm, strict=True))
    return Grid((shape[0], shape[1], shape[2]), spacing_mm, (k, j, i))


def _shapes(picture: _Picture, down: Sampling) -> _Shapes:
    peak = float(np.percentile(picture.contrast_hu[picture.region], 98))
    share = picture.noise_hu / max(peak, picture.noise_hu, 1.0)
    bright = voxels_to_cells(picture.grid, down, noise_share=share)(picture.contrast_hu)
    bright = np.where(picture.grid.onto_cells(picture.region), bright, np.float32(0))
    square = np.full(bright.shape, 1e-3, dtype=np.float32)
    for axis in range(3):
        if bright.shape[axis] > 1:
            square += np.gradient(bright, axis=axis) ** 2
    above = bright[bright > LEAST_SHARE * peak]
    falling = np.sort(above)[::-1] if above.size else np.zeros(1, dtype=np.float32)
    return _Shapes(bright, np.sqrt(square), falling, picture.grid.cell_mm3)


def _solve(
    picture: _Picture, shapes: _Shapes, down: Sampling, *, start_mm3: float | None = None, steps: int = STEPS
) -> tuple[float, Floats]:
    """The volume that its own model agrees with, by secants in the logarithm, and the model."""
    effective = picture.mass**2 / picture.power
    at = np.log(start_mm3 or FIRST_SHARE * effective)
    last: tuple[float, float] | None = None
    model: Floats = np.zeros(0)
    for _ in range(steps):
        model = down(shapes.of_volume(float(np.exp(at))))
        gap = np.log(_asked_mm3(picture, model, float(np.exp(at)))) - at
        slope = -0.6 if last is None or at == last[0] else (gap - last[1]) / (at - last[0])
        stuck = last is None and start_mm3 is None and abs(gap) < STUCK
        step = np.log(LUMP_SHARE / FIRST_SHARE) if stuck else -gap / min(slope, -0.3)
        last = (at, gap)
        at += float(np.clip(step, -0.7, 0.7))
    return float(np.exp(at)), model


def _asked_mm3(picture: _Picture, model: Floats, tried_mm3: float) -> float:
    """The volume that follows from the picture if the model has the right shape."""
    voxel = picture.voxel_mm3
    total, square = (
        float(model.sum(dtype=np.float64)) * voxel,
        float((model**2).sum(dtype=np.float64)) * voxel,
    )
    product = float((model * picture.contrast_hu).sum(dtype=np.float64)) * voxel
    effective = picture.mass**2 / picture.power
    by_power = total * effective / (total**2 / square)
    by_product = picture.mass * square / max(product, 1e-6)
    recovery = tried_mm3 / effective
    weight = float(np.clip((recovery - UNEVEN_FROM) / (UNEVEN_TO - UNEVEN_FROM), 0.0, 1.0))
    asked = by_power ** (1 - weight) * by_product**weight
    return float(np.clip(asked, 0.05 * tried_mm3, 20 * tried_mm3))


def _noise_share(picture: _Picture) -> float:
    """Noise of the integral over the region, as a share of it, if every voxel's were its own."""
    count = int(np.count_nonzero(picture.region))
    return float(picture.noise_hu * np.sqrt(count) * picture.voxel_mm3 / picture.mass)


def _uneven_share(picture: _Picture, model: Floats, contrast_hu: float) -> float:
    """Spread of what the model leaves over where it is full, beyond noise."""
    full = model > 0.9
    if np.count_nonzero(full) < 8:
        return 0.0
    left = picture.contrast_hu[full] - contrast_hu * model[full]
    return float(np.sqrt(max(0.0, float(np.var(left)) - picture.noise_hu**2)) / contrast_hu)
