"""How a scanner samples: matrices from a fine grid to voxels along each axis, and back.

Blur is a Gaussian in the slice and a box of the slice thickness across it, so that the sampling of a
volume is one matrix for each axis. The way back is the linear estimate with the least expected error
under an exponential covariance (Gaussian process regression, as kriging does), so that slices far apart
are brought onto a fine grid without a shift of mass, and noise is not sharpened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pipeline.domain.geometry import Float3

Floats = NDArray[np.floating[Any]]

COVARIANCE_MM = 4.0
"""Length over which tissue is alike."""
LEAST_NOISE_SHARE = 0.003
"""Variance of the noise against that of the picture, at least: keeps the way back stable."""
NOISE_WEIGHT = 2.0
"""Noise counts this many times its variance: it is correlated."""


@dataclass(frozen=True, slots=True)
class Blur:
    """How far the scanner smears a point."""

    in_plane_mm: float  #: Gaussian sigma
    slice_mm: float  #: full width of the box across the slice
    share: float  #: standard deviation of both, as a share of them
    from_scan: bool  #: taken from an edge of this scan

    def scaled(self, factor: float) -> Blur:
        """All of it larger by a factor."""
        return replace(self, in_plane_mm=self.in_plane_mm * factor, slice_mm=self.slice_mm * factor)


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """Voxels of a box and the finer cells they are made of, along each axis from the first voxel's centre."""

    shape: tuple[int, int, int]
    spacing_mm: Float3
    parts: tuple[int, int, int]  #: cells in a voxel along each axis

    @property
    def cell_mm3(self) -> float:
        """Volume of a cell."""
        return float(np.prod(self.spacing_mm) / np.prod(self.parts))

    def centres_mm(self, axis: int) -> tuple[Floats, Floats]:
        """Of voxels and of cells."""
        spacing, parts = self.spacing_mm[axis], self.parts[axis]
        voxels = np.arange(self.shape[axis]) * spacing
        cells = (np.arange(self.shape[axis] * parts) - (parts - 1) / 2) * spacing / parts
        return voxels, cells

    def onto_cells(self, voxels: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Each voxel's answer for all of its cells."""
        for axis in range(3):
            voxels = voxels.repeat(self.parts[axis], axis=axis)
        return voxels


@dataclass(frozen=True, eq=False, slots=True)
class Sampling:
    """One matrix for each axis k, j, i, applied one after the other."""

    matrices: tuple[Floats, Floats, Floats]

    def __call__(self, values: Floats) -> Floats:
        """The values sampled anew along all axes."""
        k, j, i = self.matrices
        return np.asarray(np.matmul(np.matmul(j, np.tensordot(k, values, 1)), i.T))


def cells_to_voxels(grid: Grid, blur: Blur) -> Sampling:
    """What the scanner makes of densities in cells.

    Every row sums to 1: beyond the box all goes on as it ends.
    """
    k, j, i = (_down(grid, axis, blur) for axis in range(3))
    return Sampling((k, j, i))


def _down(grid: Grid, axis: int, blur: Blur) -> Floats:
    voxels, cells = grid.centres_mm(axis)
    half = 0.5 * grid.spacing_mm[axis] / grid.parts[axis]
    away = cells[None] - voxels[:, None]
    if axis == 0:
        reach = 0.5 * blur.slice_mm
        shares = np.clip(np.minimum(away + half, reach) - np.maximum(away - half, -reach), 0.0, None)
    else:
        shares = ndtr((away + half) / blur.in_plane_mm) - ndtr((away - half) / blur.in_plane_mm)
    return np.asarray(shares / shares.sum(1, keepdims=True), dtype=np.float32)


def smoothing(grid: Grid, sigma_mm: float) -> Sampling:
    """A Gaussian over cells. Every row sums to 1, as in `cells_to_voxels`."""
    k, j, i = (_gaussian(grid.centres_mm(axis)[1], sigma_mm) for axis in range(3))
    return Sampling((k, j, i))


def _gaussian(places_mm: Floats, sigma_mm: float) -> Floats:
    weights = np.exp(-0.5 * ((places_mm[:, None] - places_mm[None]) / sigma_mm) ** 2)
    return np.asarray(weights / weights.sum(1, keepdims=True), dtype=np.float32)


def voxels_to_cells(grid: Grid, down: Sampling, *, noise_share: float) -> Sampling:
    """The most likely densities in cells.

    Parameters
    ----------
    noise_share : float
        Noise as a share of the contrast looked at.
    """
    ridge = NOISE_WEIGHT * noise_share**2 + LEAST_NOISE_SHARE
    k, j, i = (_up(grid, axis, down.matrices[axis], ridge) for axis in range(3))
    return Sampling((k, j, i))


def _up(grid: Grid, axis: int, down: Floats, ridge: float) -> Floats:
    _, cells = grid.centres_mm(axis)
    covariance = np.exp(-np.abs(cells[:, None] - cells[None]) / COVARIANCE_MM) @ down.T.astype(np.float64)
    known = down @ covariance + ridge * np.eye(len(down))
    return np.asarray(np.linalg.solve(known, covariance.T).T, dtype=np.float32)
