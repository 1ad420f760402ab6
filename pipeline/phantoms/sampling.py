"""Fine sampling of a scene for a CT grid, tile by tile, averaged down to voxels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Geometry, RigidTransform
from pipeline.phantoms.anatomy import Layer, paint
from pipeline.phantoms.materials import AIR_HU
from pipeline.phantoms.shapes import Floats, Shape

TILE_MM = 5.0
"""About the side of a tile: a square of pixels in one slice that is drawn or passed over as a whole."""

POINTS_AT_ONCE = 1_500_000
"""Sampling points held in memory at a time (about 50 bytes each)."""


@dataclass(frozen=True)
class Scene:
    """Layers in the coordinates of the patient, over layers in those of the scanner."""

    patient_layers: tuple[Layer, ...]
    outline: Shape  #: of the patient
    body_to_scanner: RigidTransform
    room_layers: tuple[Layer, ...] = ()


@dataclass(frozen=True)
class Sampling:
    """How finely each voxel is sampled."""

    in_plane: int  #: points along each side of a pixel
    slice_offsets_mm: tuple[float, ...]  #: along the slice normal, from the slice's middle
    slice_weights: tuple[float, ...]  #: sum 1


def render_slices(
    scene: Scene, geometry: Geometry, sampling: Sampling, *, calcium: float
) -> Iterator[Floats]:
    """Noise-free HU (float32, [j, i]) of one slice after the other, sampled finely and averaged.

    Parameters
    ----------
    calcium : float
        By which the HU of calcium is multiplied.
    """
    tiles = _Tiles.of(geometry, sampling)
    for k in range(geometry.shape[0]):
        yield tiles.slice_hu(scene, k, calcium)


@dataclass(frozen=True)
class _Tiles:
    """The tiling of one slice, the same for all."""

    geometry: Geometry
    side: int  #: pixels
    rows: int  #: tiles along j
    columns: int  #: tiles along i
    offsets_mm: Floats  #: (3, m) from a tile's middle, LPS
    weights: Floats  #: of the points of one pixel

    @classmethod
    def of(cls, geometry: Geometry, sampling: Sampling) -> _Tiles:
        side = max(1, round(TILE_MM / geometry.spacing_mm[2]))
        _, rows, columns = geometry.shape
        return cls(
            geometry, side, -(-rows // side), -(-columns // side),
            _tile_offsets(geometry, side, sampling),
            np.repeat(np.array(sampling.slice_weights), sampling.in_plane**2) / sampling.in_plane**2,
        )  # fmt: skip

    def slice_hu(self, scene: Scene, k: int, calcium: float) -> Floats:
        """One slice (j, i)."""
        _, rows, columns = self.geometry.shape
        j, i = np.meshgrid(np.arange(self.rows), np.arange(self.columns), indexing="ij")
        middle = (self.side - 1) / 2
        index = np.stack(
            [np.full(j.size, float(k)), j.ravel() * self.side + middle, i.ravel() * self.side + middle], 1
        )
        centres = self.geometry.to_lps_mm(index).T
        tiles = np.full((j.size, self.side**2), AIR_HU, dtype=np.float32)
        for chosen in self._chunks(self._occupied(scene, centres)):
            tiles[chosen] = self._tile_hu(scene, centres[:, chosen], calcium)
        grid = tiles.reshape(self.rows, self.columns, self.side, self.side).swapaxes(1, 2)
        return grid.reshape(self.rows * self.side, self.columns * self.side)[:rows, :columns]

    def _chunks(self, chosen: NDArray[np.intp]) -> Sequence[NDArray[np.intp]]:
        pieces = max(1, -(-chosen.size * self.offsets_mm.shape[1] // POINTS_AT_ONCE))
        return np.array_split(chosen, pieces)

    @property
    def radius_mm(self) -> float:
        """Of the ball around a tile that holds its points."""
        return float(np.linalg.norm(self.offsets_mm, axis=0).max())

    def _occupied(self, scene: Scene, centres: Floats) -> NDArray[np.intp]:
        """Tiles that hold more than air."""
        inverse = scene.body_to_scanner.inverse()
        slack_mm = 1.25 * self.radius_mm + 0.5
        near = _distance(scene.outline, inverse.apply(centres.T).T) * scene.body_to_scanner.scale < slack_mm
        for layer in scene.room_layers:
            near |= _distance(layer.shape, centres) < slack_mm
        return np.flatnonzero(near)

    def _tile_hu(self, scene: Scene, centres: Floats, calcium: float) -> Floats:
        points = (centres[:, :, None] + self.offsets_mm[:, None, :]).astype(np.float32)
        hu = np.full((points.shape[1], points.shape[2]), AIR_HU, dtype=np.float32)
        paint(scene.room_layers, points, hu, radius_mm=self.radius_mm)
        inverse = scene.body_to_scanner.inverse()
        linear = inverse.scale * inverse.rotation
        own_centres = linear @ centres + inverse.shift_mm[:, None]
        own_offsets = linear @ self.offsets_mm
        points = (own_centres[:, :, None] + own_offsets[:, None, :]).astype(np.float32)
        paint(scene.patient_layers, points, hu, radius_mm=self.radius_mm * inverse.scale, calcium=calcium)
        by_pixel = hu.reshape(len(hu), self.side**2, hu.shape[1] // self.side**2)
        return np.asarray(np.einsum("tps,s->tp", by_pixel, self.weights.astype(np.float32)))


def _distance(shape: Shape, points: Floats) -> Floats:
    return shape.distance_mm(points[:, :, None])[:, 0]


def _tile_offsets(geometry: Geometry, side: int, sampling: Sampling) -> Floats:
    """(3, m), by pixel, then by slice offset, then by point in the pixel."""
    n = sampling.in_plane
    pixel = np.arange(side) - (side - 1) / 2
    fine = (np.arange(n) + 0.5) / n - 0.5
    pj, pi, z, fj, fi = np.meshgrid(
        pixel, pixel, np.array(sampling.slice_offsets_mm), fine, fine, indexing="ij"
    )
    k_axis, j_axis, i_axis = geometry.directions.T
    _, dj, di = geometry.spacing_mm
    steps = np.multiply.outer(k_axis, z) + np.multiply.outer(j_axis * dj, pj + fj)
    return np.asarray((steps + np.multiply.outer(i_axis * di, pi + fi)).reshape(3, -1))
