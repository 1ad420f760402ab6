"""The bone surface of a scan: points with their normals, and the nearest of them to others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from pipeline.domain.geometry import Geometry
from pipeline.steps.naming.atlas import Points
from pipeline.steps.voxels import Voxels

NORMAL_MM = 10.0
"""A surface that faces the other way counts as this much further off, twice."""
FACE_MM = 4.0
"""Points this near to a face of the scan lie where the scan cuts bone, and are no surface."""
SMOOTHING_MM = 3.0
"""Of the mask that normals are taken from."""
LEAF_POINTS = 32
"""Of a search tree."""
MOST_POINTS = 4000
MANY_POINTS = 2000
"""For fewer, starting threads takes longer than they save."""


@dataclass(frozen=True, eq=False, slots=True)
class Surface:
    """Points of a surface with normals, found again quickly."""

    points: Points  #: (n, 3), LPS mm
    normals: Points  #: (n, 3), outward, of length 1
    tree: KDTree

    @classmethod
    def of(cls, points: Points, normals: Points) -> Surface:
        """A surface from points and normals."""
        places = np.hstack([points, NORMAL_MM * normals])
        return cls(points, normals, KDTree(places, LEAF_POINTS, compact_nodes=False, balanced_tree=False))

    def nearest(self, points: Points, normals: Points) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Distance in mm, opposed normals adding to it, and position of the nearest point for each."""
        workers = -1 if len(points) >= MANY_POINTS else 1
        distance, found = self.tree.query(np.hstack([points, NORMAL_MM * normals]), workers=workers)
        return np.asarray(distance), np.asarray(found, dtype=np.intp)


@dataclass(frozen=True, eq=False, slots=True)
class ScanSurface:
    """The bone surface that a scan shows."""

    surface: Surface
    some: NDArray[np.intp]  #: positions of the points that are paired
    low_mm: Points  #: (3,), corner of the scan
    high_mm: Points  #: (3,), the other corner

    def shows(self, points: Points) -> NDArray[np.bool_]:
        """(n,): which points lie in the scan."""
        return np.asarray(((points > self.low_mm) & (points < self.high_mm)).all(axis=1))


def bone_surface(solid: Voxels, geometry: Geometry) -> ScanSurface:
    """Surface of a bone mask [k, j, i] on a coarse grid; points on the faces of the scan are left out."""
    smooth = ndimage.gaussian_filter(
        solid.astype(np.float32), [SMOOTHING_MM / mm for mm in geometry.spacing_mm]
    )
    slope = np.stack([a / mm for a, mm in zip(np.gradient(smooth), geometry.spacing_mm, strict=True)], -1)
    outer = solid & ~ndimage.binary_erosion(solid, border_value=1)
    points = geometry.to_lps_mm(np.argwhere(outer))
    low, high = geometry.bounds_lps_mm()
    inner = ((points > low + FACE_MM) & (points < high - FACE_MM)).all(axis=1)
    normals = -slope[outer][inner] @ geometry.directions.T
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    points = points[inner]
    some = np.linspace(0, len(points) - 1, min(len(points), MOST_POINTS)).astype(np.intp)
    return ScanSurface(Surface.of(points, normals), some, low, high)
