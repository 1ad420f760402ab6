"""What is true of a phantom scan, computed from the analytic shapes and never from the scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.geometry import Float3, Geometry, RigidTransform, float3
from pipeline.domain.image import LabelMap
from pipeline.domain.lesion import PlanarAxes
from pipeline.phantoms.axes import FineGrid, planar_axes, surface_points, widest_pair
from pipeline.phantoms.bones import GrowthCentre
from pipeline.phantoms.lesions import PhantomLesion
from pipeline.phantoms.shapes import Bounds, Shape, distance_at

FINE_STEP_MM = 0.3
FINE_NODES = 20_000_000
"""Largest fine grid; a wider lesion is measured on a coarser one."""


@dataclass(frozen=True, slots=True)
class LesionTruth:
    """One lesion as it lies in one scan."""

    name: str
    side: str
    structure: str
    morphology: str
    mimic: str | None  #: what it is, if it must not be counted
    hu: float  #: at the scan's tube voltage
    volume_mm3: float
    axial: PlanarAxes
    coronal: PlanarAxes
    sagittal: PlanarAxes
    diameter_3d_mm: float
    extent_mm: Float3  #: along x, y, z
    centroid_lps_mm: Float3


@dataclass(frozen=True, slots=True)
class PlacedCentre:
    """A growth centre as it lies in one scan."""

    name: str
    side: str
    place_lps_mm: Float3


@dataclass(frozen=True, slots=True)
class Truth:
    """All that is known of a phantom scan."""

    lesions: tuple[LesionTruth, ...]
    growth_centres: tuple[PlacedCentre, ...]
    landmarks_lps_mm: Mapping[str, Float3]  #: bony points by name
    body_to_scanner: RigidTransform
    noise_hu: float


def measure_lesion(
    lesion: PhantomLesion,
    body_to_scanner: RigidTransform,
    *,
    calcium: float = 1.0,
    step_mm: float = FINE_STEP_MM,
) -> LesionTruth:
    """Size and place of a lesion in the scanner's space."""
    grid = fine_grid(lesion.shape, body_to_scanner, step_mm=step_mm)
    volume_mm3, centroid = _volume_and_centroid(grid)
    surface = surface_points(grid)
    first, second = widest_pair(surface)
    x, y, z = (planar_axes(grid, normal) for normal in range(3))
    return LesionTruth(
        lesion.name, lesion.side, lesion.structure, lesion.morphology, lesion.mimic,
        hu=lesion.hu * calcium, volume_mm3=volume_mm3, axial=z, coronal=y, sagittal=x,
        diameter_3d_mm=float(np.linalg.norm(second - first)),
        extent_mm=float3(np.ptp(surface, axis=0)), centroid_lps_mm=centroid,
    )  # fmt: skip


def fine_grid(shape: Shape, body_to_scanner: RigidTransform, *, step_mm: float = FINE_STEP_MM) -> FineGrid:
    """Signed distances (mm of the scan) of a shape on a fine grid around it, in scanner LPS."""
    bounds = scanner_bounds(shape.bounds, body_to_scanner)
    size = np.subtract(bounds.high_mm, bounds.low_mm) + 4 * step_mm
    step_mm = max(step_mm, float(np.cbrt(size.prod() / FINE_NODES)))
    origin = np.subtract(bounds.low_mm, 2 * step_mm)
    nodes = [origin[a] + step_mm * np.arange(int(size[a] / step_mm) + 2) for a in range(3)]
    distance = np.empty([len(axis) for axis in nodes], dtype=np.float32)
    inverse = body_to_scanner.inverse()
    for n, x in enumerate(nodes[0]):
        points = np.stack(np.meshgrid([x], nodes[1], nodes[2], indexing="ij"), axis=-1)[0]
        distance[n] = distance_at(shape, inverse.apply(points)) * body_to_scanner.scale
    return FineGrid(distance, origin, step_mm)


def scanner_bounds(bounds: Bounds, body_to_scanner: RigidTransform) -> Bounds:
    """Box in the scanner's space around a box of the body."""
    return Bounds.around(body_to_scanner.apply(bounds.corners().T).T)


def _volume_and_centroid(grid: FineGrid) -> tuple[float, Float3]:
    """Volume and centroid; a cell on the surface counts by the surface's distance from its middle."""
    share = np.clip(0.5 - grid.distance_mm / grid.step_mm, 0.0, 1.0)
    total = float(share.sum(dtype=np.float64))
    sums = [share.sum(axis=tuple(b for b in range(3) if b != a), dtype=np.float64) for a in range(3)]
    means = [float(row @ np.arange(row.size)) / total for row in sums]
    return total * grid.step_mm**3, float3(grid.origin_mm + np.array(means) * grid.step_mm)


def place_centres(
    centres: Sequence[GrowthCentre], body_to_scanner: RigidTransform
) -> tuple[PlacedCentre, ...]:
    """Growth centres in the scanner's space."""
    return tuple(PlacedCentre(c.name, c.side, float3(body_to_scanner.apply(c.place_mm))) for c in centres)


def label_volume(
    shapes: Sequence[tuple[str, Shape]],
    body_to_scanner: RigidTransform,
    geometry: Geometry,
    *,
    subvoxels: int = 4,
) -> LabelMap:
    """Label map on a scan's grid: value n is the n-th shape.

    A voxel belongs to a shape if at least half of its `subvoxels`³ parts do; of two shapes the later stands.
    """
    values = np.zeros(geometry.shape, dtype=np.uint8)
    for number, (_, shape) in enumerate(shapes, start=1):
        low, high = _index_box(shape, body_to_scanner, geometry)
        for k in range(low[0], high[0]):
            share = _slice_share(shape, body_to_scanner, geometry, (k, low, high), subvoxels)
            values[k, low[1] : high[1], low[2] : high[2]][share >= 0.5] = number
    values.setflags(write=False)
    return LabelMap(values, geometry, {n: name for n, (name, _) in enumerate(shapes, start=1)})


def _index_box(
    shape: Shape, body_to_scanner: RigidTransform, geometry: Geometry
) -> tuple[list[int], list[int]]:
    corners = scanner_bounds(shape.bounds, body_to_scanner).corners().T
    index = geometry.to_index(corners)
    low = np.clip(np.floor(index.min(0)), 0, geometry.shape).astype(int)
    high = np.clip(np.ceil(index.max(0)) + 1, 0, geometry.shape).astype(int)
    return low.tolist(), high.tolist()


def _slice_share(
    shape: Shape,
    body_to_scanner: RigidTransform,
    geometry: Geometry,
    window: tuple[int, list[int], list[int]],
    subvoxels: int,
) -> NDArray[np.float64]:
    """Share of each voxel of one slice of the window that lies in a shape."""
    k, low, high = window
    fine = (np.arange(subvoxels) + 0.5) / subvoxels - 0.5
    axes = [np.arange(low[a], high[a]) for a in (1, 2)]
    index = np.meshgrid(axes[0], axes[1], fine, fine, fine, indexing="ij")
    points = np.stack([k + index[2], index[0] + index[3], index[1] + index[4]], axis=-1)
    points = body_to_scanner.inverse().apply(geometry.to_lps_mm(points))
    inside = distance_at(shape, points.reshape(-1, 3)) < 0
    return np.asarray(inside.reshape(len(axes[0]), len(axes[1]), -1).mean(-1))
