"""How big a lesion is: volumes, diameters, extent.

Diameters follow RECIST 1.1 (the longest in a plane, and the longest perpendicular to it in the same
slice), volumes and the 3D diameter the Image Biomarker Standardisation Initiative (IBSI): voxel
counting YEKZ, mesh RNU0, maximum 3D diameter L0JK.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist, squareform
from skimage.measure import find_contours, marching_cubes

from pipeline.domain.geometry import Float3
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Interval, PlanarAxes, Size, VolumeEstimate

PLANES = {"axial": 0, "coronal": 1, "sagittal": 2}
"""The array axis that runs across each plane."""
STAIRCASE = 2 / 3
"""Mean projection of a surface over its faces along the axes: a face turned any way counts 3/2 on average."""


def measure_size(mask: BoxedMask, estimate: VolumeEstimate | None = None) -> Size:
    """Volumes, diameters in three planes, 3D diameter, extent and centroid of one lesion.

    The border of the mask runs halfway between the centres of inner and outer voxels.

    Parameters
    ----------
    estimate : VolumeEstimate, optional
        The volume corrected for partial volume. Without it the counted one stands, its limits unknown.
    """
    points = mask.points_lps_mm()
    mesh_mm3, diameter_mm = mesh_measures(mask)
    axial, coronal, sagittal = (planar_axes(mask, axis) for axis in PLANES.values())
    return Size(
        volume_mm3=Interval(mask.volume_mm3) if estimate is None else estimate.volume_mm3,
        voxel_volume_mm3=mask.volume_mm3,
        mesh_volume_mm3=mesh_mm3,
        axial=axial,
        coronal=coronal,
        sagittal=sagittal,
        diameter_3d_mm=diameter_mm,
        extent_mm=_extent_mm(mask, points),
        centroid_lps_mm=_float3(points.mean(0)),
        estimate=estimate,
    )


def _float3(values: NDArray[np.float64]) -> Float3:
    return float(values[0]), float(values[1]), float(values[2])


def _extent_mm(mask: BoxedMask, points_lps_mm: NDArray[np.float64]) -> Float3:
    """Range along x, y, z, out to the faces of the outermost voxels."""
    half = np.abs(mask.geometry.affine[:3, :3]).sum(axis=1)
    return _float3(np.ptp(points_lps_mm, axis=0) + half)


def surface_mm2(mask: BoxedMask) -> float:
    """Surface by counting free faces of voxels, less the third by which a staircase is too large."""
    voxels = np.pad(mask.voxels, 1)
    spacing = np.asarray(mask.geometry.spacing_mm)
    faces = [np.count_nonzero(np.diff(voxels, axis=axis)) for axis in range(3)]
    return float(np.dot(faces, spacing.prod() / spacing) * STAIRCASE)


def mesh_measures(mask: BoxedMask) -> tuple[float, float]:
    """IBSI mesh volume (mm³) and maximum 3D diameter (mm) from marching cubes at 0.5.

    Source: IBSI reference manual, sections 3.1.1 and 3.1.11.
    """
    padded = np.pad(mask.voxels, 1).astype(np.float32)
    vertices, faces, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
        padded, level=0.5, spacing=mask.geometry.spacing_mm
    )
    a, b, c = (vertices[faces[:, n]].astype(np.float64) for n in range(3))
    volume_mm3 = abs(float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())) / 6.0
    return volume_mm3, _largest_distance_mm(vertices.astype(np.float64))


def _hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points that can be ends of a diameter; all of them where they lie in a line."""
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:
        return points


def _largest_distance_mm(points: NDArray[np.float64]) -> float:
    return float(pdist(_hull(points)).max())


def planar_axes(mask: BoxedMask, axis: int) -> PlanarAxes:
    """Long and short axis over all slices of a plane.

    Parameters
    ----------
    axis : int
        Array axis across the plane: 0 axial, 1 coronal, 2 sagittal.
    """
    spacing = np.delete(np.asarray(mask.geometry.spacing_mm), axis)
    best: tuple[float, int, NDArray[np.float64]] | None = None
    for n in range(mask.voxels.shape[axis]):
        outline = _outline_mm(mask.voxels.take([n], axis=axis).squeeze(axis), spacing)
        if outline is None:
            continue
        length = _largest_distance_mm(outline[:, 0])
        if best is None or length > best[0]:
            best = (length, n, outline)
    if best is None:
        raise ValueError("an empty mask has no axes")
    return _axes_in_slice(mask, axis, best[1], best[2])


def _outline_mm(plane: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """(n, 2, 2): begin and end of each piece of the border of a slice, in mm from its first voxel.

    None if the slice is empty.
    """
    if not plane.any():
        return None
    padded = np.pad(plane, 1).astype(np.float64)
    contours = find_contours(padded, level=0.5)  # type: ignore[no-untyped-call]
    pieces = np.concatenate([np.stack([one[:-1], one[1:]], axis=1) for one in contours])
    return np.asarray((pieces - 1.0) * spacing_mm, dtype=np.float64)


def _axes_in_slice(mask: BoxedMask, axis: int, n: int, outline: NDArray[np.float64]) -> PlanarAxes:
    hull = _hull(outline[:, 0])
    distances = squareform(pdist(hull))
    first, second = np.unravel_index(int(distances.argmax()), distances.shape)
    ends = hull[[first, second]]
    chord = _longest_chord(outline, ends)
    long_points, short_points = (_to_lps(mask, axis, n, pair) for pair in (ends, chord))
    across = {0: 2, 1: 1, 2: 0}[axis]
    return PlanarAxes(
        long_axis_mm=float(np.linalg.norm(ends[1] - ends[0])),
        short_axis_mm=float(np.linalg.norm(chord[1] - chord[0])),
        long_axis_points_lps_mm=long_points,
        short_axis_points_lps_mm=short_points,
        position_mm=long_points[0][across],
    )


def _longest_chord(outline: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 2): ends of the longest chord perpendicular to the line between `ends`.

    The width of a polygon changes evenly between its corners, so that only chords through a corner
    need be looked at.
    """
    along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    across = np.array([-along[1], along[0]])
    position, offset = (outline - ends[0]) @ along, (outline - ends[0]) @ across
    corners = np.unique(position[:, 0])
    bounds = [_bounds_at(part, position, offset) for part in np.split(corners, range(256, len(corners), 256))]
    low, high = np.concatenate(bounds).T
    widest = int(np.argmax(high - low))
    foot = ends[0] + corners[widest] * along
    return np.stack([foot + low[widest] * across, foot + high[widest] * across])


def _bounds_at(
    places: NDArray[np.float64], position: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, 2): least and greatest offset of border pieces at places along the long axis."""
    length = position[:, 1] - position[:, 0]
    share = (places[:, None] - position[:, 0]) / np.where(length == 0, 1.0, length)
    crossed = (position.min(1) <= places[:, None]) & (places[:, None] <= position.max(1))
    at = offset[:, 0] + np.clip(share, 0, 1) * (offset[:, 1] - offset[:, 0])
    return np.stack([np.where(crossed, at, np.inf).min(1), np.where(crossed, at, -np.inf).max(1)], axis=1)


def _to_lps(mask: BoxedMask, axis: int, n: int, pair_mm: NDArray[np.float64]) -> tuple[Float3, Float3]:
    spacing = np.asarray(mask.geometry.spacing_mm)
    index = np.insert(pair_mm / np.delete(spacing, axis), axis, float(n), axis=1)
    points = mask.geometry.to_lps_mm(index + np.array([s.start for s in mask.box]))
    return _float3(points[0]), _float3(points[1])
