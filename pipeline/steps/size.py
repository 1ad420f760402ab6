"""How big a lesion is: volumes, diameters, extent.

Diameters follow RECIST 1.1 (the longest in a plane, and the longest perpendicular to it in the same
slice), volumes and the 3D diameter the Image Biomarker Standardisation Initiative (IBSI): voxel
counting YEKZ, mesh RNU0, maximum 3D diameter L0JK.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from pipeline.domain.geometry import Float3, float3
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Interval, Size, VolumeEstimate
from pipeline.steps.forms.axes import all_axes, largest_distance_mm
from pipeline.steps.forms.body import Body, outline_body

STAIRCASE = 2 / 3
"""Mean projection of a surface over its faces along the axes: a face turned any way counts 3/2 on average."""


@dataclass(frozen=True, slots=True)
class OutlineSize:
    """What the voxels of an outline say of its size."""

    voxel_volume_mm3: float  #: IBSI YEKZ
    mesh_volume_mm3: float  #: IBSI RNU0
    diameter_3d_mm: float  #: IBSI L0JK
    extent_mm: Float3  #: along x, y, z
    centroid_lps_mm: Float3


def measure_outline(mask: BoxedMask) -> OutlineSize:
    """All of one lesion's size that needs neither a body nor the volume corrected for partial volume."""
    points = mask.points_lps_mm()
    mesh_mm3, diameter_mm = mesh_measures(mask)
    return OutlineSize(
        voxel_volume_mm3=mask.volume_mm3,
        mesh_volume_mm3=mesh_mm3,
        diameter_3d_mm=diameter_mm,
        extent_mm=_extent_mm(mask, points),
        centroid_lps_mm=float3(points.mean(0)),
    )


def measure_size(mask: BoxedMask) -> Size:
    """Volumes, diameters in three planes, 3D diameter, extent and centroid of one lesion.

    The volume is the counted one, its limits unknown. The border of the mask runs halfway between the
    centres of inner and outer voxels.
    """
    return size_of(measure_outline(mask), outline_body(mask), None)


def size_of(outline: OutlineSize, body: Body, estimate: VolumeEstimate | None) -> Size:
    """The size of a lesion with the axes of its body; without an estimate of its volume the counted one."""
    axial, coronal, sagittal = all_axes(body)
    return Size(
        volume_mm3=Interval(outline.voxel_volume_mm3) if estimate is None else estimate.volume_mm3,
        voxel_volume_mm3=outline.voxel_volume_mm3,
        mesh_volume_mm3=outline.mesh_volume_mm3,
        axial=axial,
        coronal=coronal,
        sagittal=sagittal,
        diameter_3d_mm=outline.diameter_3d_mm,
        extent_mm=outline.extent_mm,
        centroid_lps_mm=outline.centroid_lps_mm,
        estimate=estimate,
    )


def _extent_mm(mask: BoxedMask, points_lps_mm: NDArray[np.float64]) -> Float3:
    """Range along x, y, z, out to the faces of the outermost voxels."""
    half = np.abs(mask.geometry.affine[:3, :3]).sum(axis=1)
    return float3(np.ptp(points_lps_mm, axis=0) + half)


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
    return volume_mm3, largest_distance_mm(vertices.astype(np.float64))
