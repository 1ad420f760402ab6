"""Where a voxel lies: grids in patient space and the transforms between patients' positions.

Arrays are ``[k, j, i]`` (slice, row, column); points are ``(x, y, z)`` in DICOM patient space
(LPS: x to the patient's left, y to the back, z to the head), millimetres, float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import GeometryError

Box = tuple[slice, slice, slice]
"""Half-open ranges of k, j and i, never negative."""

Index3 = tuple[int, int, int]
Float3 = tuple[float, float, float]

ORTHOGONALITY_TOLERANCE = 1e-3
"""Largest cosine between two axes of a grid; DICOM writes direction cosines to about 1e-5."""


def float3(values: Sequence[float] | NDArray[np.floating[Any]]) -> Float3:
    """Three numbers as a tuple of plain floats."""
    x, y, z = (float(value) for value in values)
    return x, y, z


def read_only(array: NDArray[np.generic]) -> None:
    """Close an array for writing."""
    array.setflags(write=False)


def frozen_array(values: ArrayLike, dtype: type | np.dtype[np.generic]) -> NDArray[np.generic]:
    """Array that nobody can write any more: taken over if read-only already, else copied."""
    array = np.asarray(values, dtype=dtype)
    owner = array if array.base is None else array.base
    if isinstance(values, np.ndarray) and np.shares_memory(array, values):
        still_open = array.flags.writeable or not isinstance(owner, np.ndarray) or owner.flags.writeable
        if still_open:
            array = array.copy()
    read_only(array)
    return array


def grow_box(box: Box, margin_voxels: Index3, shape: tuple[int, ...]) -> Box:
    """A box widened on all sides, cut at the edge of a grid of `shape`."""
    k, j, i = (
        slice(max(0, s.start - m), min(n, s.stop + m))
        for s, m, n in zip(box, margin_voxels, shape, strict=True)
    )
    return k, j, i


def box_within(box: Box, outer: Box) -> Box:
    """Where a box lies in a larger one, both given on the same grid."""
    k, j, i = (slice(s.start - o.start, s.stop - o.start) for s, o in zip(box, outer, strict=True))
    return k, j, i


@dataclass(frozen=True, eq=False, slots=True)
class Geometry:
    """A regular grid of voxels in patient space.

    Raises
    ------
    GeometryError
        If the affine is not finite, has no volume, or its axes are not orthogonal.
    """

    shape: Index3  #: voxels along k, j, i
    affine: NDArray[np.float64]  #: (4, 4), takes (k, j, i, 1) of a voxel centre to (x, y, z, 1) in mm, LPS

    def __post_init__(self) -> None:
        affine = frozen_array(self.affine, np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError("the grid's affine must be a finite 4 x 4 matrix")
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise GeometryError(f"a grid needs three positive sizes, found {shape}")
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        if spacing.min() <= 0:
            raise GeometryError("the grid has an axis without length")
        cosines = (affine[:3, :3] / spacing).T @ (affine[:3, :3] / spacing) - np.eye(3)
        if np.abs(cosines).max() > ORTHOGONALITY_TOLERANCE:
            raise GeometryError("the grid's axes are not orthogonal")
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", shape)

    @classmethod
    def from_spacing(
        cls, shape: Index3, *, spacing_mm: Float3, origin_lps_mm: Float3 = (0.0, 0.0, 0.0)
    ) -> Geometry:
        """Make an axial grid: k towards the head, j towards the back, i towards the left.

        Parameters
        ----------
        shape : tuple of int
            Voxels along k, j, i.
        spacing_mm : tuple of float
            Along k, j, i.
        origin_lps_mm : tuple of float
            Centre of voxel (0, 0, 0) as (x, y, z).
        """
        affine = np.eye(4)
        affine[:3, :3] = np.fliplr(np.diag(spacing_mm[::-1]))
        affine[:3, 3] = origin_lps_mm
        return cls(shape, affine)

    @property
    def spacing_mm(self) -> Float3:
        """Distance between voxel centres along k, j, i."""
        k, j, i = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(k), float(j), float(i)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def directions(self) -> NDArray[np.float64]:
        """(3, 3): columns are the unit vectors of k, j, i in LPS."""
        columns = self.affine[:3, :3]
        return np.asarray(columns / np.linalg.norm(columns, axis=0), dtype=np.float64)

    def to_lps_mm(self, index_kji: ArrayLike) -> NDArray[np.float64]:
        """Patient positions (…, 3) of fractional voxel indices (…, 3)."""
        index = np.asarray(index_kji, dtype=np.float64)
        return index @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Fractional voxel indices (…, 3) as k, j, i of patient positions (…, 3)."""
        points = np.asarray(points_lps_mm, dtype=np.float64)
        return (points - self.affine[:3, 3]) @ np.linalg.inv(self.affine[:3, :3]).T

    def crop(self, box: Box) -> Geometry:
        """The grid of a box cut from this one."""
        start = [s.start for s in box]
        affine = self.affine.copy()
        affine[:3, 3] = self.to_lps_mm(start)
        return Geometry((box[0].stop - start[0], box[1].stop - start[1], box[2].stop - start[2]), affine)

    def coarsen(self, steps: Index3) -> Geometry:
        """The grid of blocks of `steps` voxels (an incomplete block at the end counts)."""
        affine = self.affine.copy()
        affine[:3, 3] = self.to_lps_mm([(n - 1) / 2 for n in steps])
        affine[:3, :3] = affine[:3, :3] * np.asarray(steps, dtype=np.float64)
        k, j, i = (-(-n // s) for n, s in zip(self.shape, steps, strict=True))
        return Geometry((k, j, i), affine)

    def is_close(self, other: Geometry, *, tolerance_mm: float = 1e-3) -> bool:
        """Whether both grids have the same voxels at the same places."""
        if self.shape != other.shape:
            return False
        corners = np.array([[0, 0, 0], self.shape], dtype=np.float64)
        return bool(np.abs(self.to_lps_mm(corners) - other.to_lps_mm(corners)).max() <= tolerance_mm)

    def bounds_lps_mm(self) -> NDArray[np.float64]:
        """(2, 3): smallest and largest x, y, z of the grid's outer faces."""
        ends = (
            np.array([[k, j, i] for k in (0, 1) for j in (0, 1) for i in (0, 1)], dtype=np.float64)
            * np.asarray(self.shape)
            - 0.5
        )
        points = self.to_lps_mm(ends)
        return np.stack([points.min(0), points.max(0)])


@dataclass(frozen=True, eq=False, slots=True)
class RigidTransform:
    """Rotation and shift, with one scale for growth: ``y = scale * rotation @ x + shift``.

    Takes points of the earlier scan to the later one.
    """

    rotation: NDArray[np.float64]  #: (3, 3), determinant +1
    shift_mm: NDArray[np.float64]  #: (3,)
    scale: float = 1.0

    def __post_init__(self) -> None:
        rotation = np.asarray(frozen_array(self.rotation, np.float64), dtype=np.float64)
        if rotation.shape != (3, 3) or not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6):
            raise GeometryError("a rotation must be an orthogonal 3 x 3 matrix")
        if np.linalg.det(rotation) < 0:
            raise GeometryError("a rotation must not swap left and right")
        shift_mm = frozen_array(self.shift_mm, np.float64)
        if shift_mm.shape != (3,) or not np.isfinite(shift_mm).all():
            raise GeometryError("a shift must be three finite lengths")
        if not 0 < self.scale < np.inf:
            raise GeometryError(f"a transform's scale must be positive, found {self.scale}")
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "shift_mm", shift_mm)

    @classmethod
    def identity(cls) -> RigidTransform:
        """The transform that moves nothing."""
        return cls(np.eye(3), np.zeros(3))

    @property
    def matrix_lps(self) -> NDArray[np.float64]:
        """(4, 4), takes (x, y, z, 1) of the earlier scan to the later one."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.scale * self.rotation
        matrix[:3, 3] = self.shift_mm
        return matrix

    def apply(self, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Positions (…, 3) in the later scan of positions (…, 3) in the earlier."""
        points = np.asarray(points_lps_mm, dtype=np.float64)
        return self.scale * points @ self.rotation.T + self.shift_mm

    def inverse(self) -> RigidTransform:
        """The transform from the later scan back to the earlier one."""
        rotation = self.rotation.T
        return RigidTransform(rotation, -(rotation @ self.shift_mm) / self.scale, 1.0 / self.scale)
