"""Slices as a radiologist looks at them: which way is right, which way is up.

Every panel has its own plane of millimetres, (right, up) from its middle. The patient's right is on
the picture's left in axial and coronal panels, the front is on the left in sagittal ones; up is the
front in axial panels and the head in the others. All other modules draw in these millimetres, so
that this is the only place where left and right can go wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.domain.geometry import Float3, Geometry
from pipeline.domain.image import BoxedMask

Extent = tuple[float, float, float, float]
"""Left, right, bottom, top of a picture in panel millimetres."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One of the three ways to cut a patient."""

    name: str
    axis: int  #: array axis across the plane
    row: int  #: array axis along the picture's rows
    column: int  #: array axis along the picture's columns
    coordinate: str  #: the patient axis across the plane
    marks: tuple[str, str, str]  #: letters at the left, right and upper border

    @property
    def across(self) -> int:
        """Which of x, y, z stays the same in the plane."""
        return "xyz".index(self.coordinate)


AXIAL = Plane("axial", 0, 1, 2, "z", ("R", "L", "A"))
CORONAL = Plane("coronal", 1, 0, 2, "y", ("R", "L", "H"))
SAGITTAL = Plane("sagittal", 2, 0, 1, "x", ("A", "P", "H"))
PLANES = (AXIAL, CORONAL, SAGITTAL)


def display_steps_mm(geometry: Geometry, plane: Plane) -> tuple[float, float]:
    """Millimetres to the right for one column, and up for one row; negative where it runs the other way."""
    towards = [1.0 if geometry.directions[2 - n, n] >= 0 else -1.0 for n in range(3)]
    spacing = geometry.spacing_mm
    right = towards[plane.column] * spacing[plane.column]
    up = towards[plane.row] * spacing[plane.row]
    return right, -up if plane is AXIAL else up


def orient(pixels: NDArray[Any], geometry: Geometry, plane: Plane) -> NDArray[Any]:
    """A slice [row axis, column axis] turned so that row 0 is the top and column 0 the left."""
    right, up = display_steps_mm(geometry, plane)
    rows = slice(None, None, -1) if up > 0 else slice(None)
    columns = slice(None, None, -1) if right < 0 else slice(None)
    return pixels[rows, columns]


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """The part of a mask that lies in a panel's slice, with a border of empty pixels."""

    right_mm: NDArray[np.float64]  #: of each column's centre
    up_mm: NDArray[np.float64]  #: of each row's centre
    inside: NDArray[np.bool_]  #: [row, column]

    def points_mm(self) -> NDArray[np.float64]:
        """(n, 2): centres of the pixels that are set, (right, up)."""
        rows, columns = np.nonzero(self.inside)
        return np.stack([self.right_mm[columns], self.up_mm[rows]], axis=1)

    def corners_mm(self) -> NDArray[np.float64]:
        """(n, 2): corners of the pixels that are set, (right, up)."""
        half = np.array([np.ptp(self.right_mm[:2]), np.ptp(self.up_mm[:2])]) / 2
        turns = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * half
        return (self.points_mm()[:, None, :] + turns).reshape(-1, 2)

    def holds(self, points_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each point (…, 2) lies in a pixel that is set."""
        steps = np.array([np.diff(self.right_mm[:2])[0], np.diff(self.up_mm[:2])[0]])
        index = np.rint((points_mm - [self.right_mm[0], self.up_mm[0]]) / steps).astype(int)
        column, row = (np.clip(index[..., n], 0, size - 1) for n, size in enumerate(self.inside.shape[::-1]))
        answer: NDArray[np.bool_] = self.inside[row, column]
        return answer


def pull_inside(geometry: Geometry, middle_lps_mm: Float3, *, half_mm: float, most_mm: float) -> Float3:
    """A middle moved at most so far that a cube around it leaves the scan less.

    Nothing of the scan is lost from view by it: the cube moves only while it shows what lies outside.
    """
    index = geometry.to_index(middle_lps_mm)
    size, spacing = np.array(geometry.shape), np.array(geometry.spacing_mm)
    low, high = half_mm / spacing - 0.5, size - 0.5 - half_mm / spacing
    wanted = np.where(low <= high, np.clip(index, low, np.maximum(low, high)), (size - 1) / 2)
    moved = index + np.clip(wanted - index, -most_mm / spacing, most_mm / spacing)
    x, y, z = geometry.to_lps_mm(moved)
    return float(x), float(y), float(z)


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """A square window onto one slice of a scan."""

    geometry: Geometry
    plane: Plane
    slice_index: int  #: along the plane's axis
    middle_kji: NDArray[np.float64]  #: fractional index of the panel's middle
    half_mm: float

    @property
    def position_mm(self) -> float:
        """Of the slice at the panel's middle: z of an axial, y of a coronal, x of a sagittal one."""
        index = self.middle_kji.copy()
        index[self.plane.axis] = self.slice_index
        return float(self.geometry.to_lps_mm(index)[self.plane.across])

    def to_panel_mm(self, points_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """(…, 2): (right, up) of patient positions (…, 3), dropped onto the slice."""
        away = self.geometry.to_index(points_lps_mm) - self.middle_kji
        columns, rows = away[..., self.plane.column], away[..., self.plane.row]
        return np.stack([columns, rows], axis=-1) * display_steps_mm(self.geometry, self.plane)

    def picture(self, voxels: NDArray[Any]) -> tuple[NDArray[Any], Extent] | None:
        """The slice inside the window, turned for display, and its borders; None if the scan ends before."""
        columns, rows = self._reach(self.plane.column), self._reach(self.plane.row)
        if columns.start >= columns.stop or rows.start >= rows.stop:
            return None
        box: list[int | slice] = [self.slice_index] * 3
        box[self.plane.column], box[self.plane.row] = columns, rows
        pixels = orient(voxels[tuple(box)], self.geometry, self.plane)
        borders = (
            *self._borders_mm(columns, 0, self.plane.column),
            *self._borders_mm(rows, 1, self.plane.row),
        )
        return pixels, borders

    def section(self, mask: BoxedMask) -> Section | None:
        """Where the slice meets a mask; None if it does not."""
        place = mask.box[self.plane.axis]
        if not place.start <= self.slice_index < place.stop:
            return None
        inside = mask.voxels.take(self.slice_index - place.start, axis=self.plane.axis)
        return self._placed(inside, mask) if inside.any() else None

    def shadow(self, mask: BoxedMask) -> Section:
        """What a mask covers, seen through the whole scan across the plane."""
        covered: NDArray[np.bool_] = np.any(mask.voxels, axis=self.plane.axis)
        return self._placed(covered, mask)

    def borders_mm(self) -> Extent:
        """Where the scan ends."""
        columns, rows = (slice(0, self.geometry.shape[n]) for n in (self.plane.column, self.plane.row))
        return *self._borders_mm(columns, 0, self.plane.column), *self._borders_mm(rows, 1, self.plane.row)

    def centres_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of all columns and of all rows of the scan, and of one more on both sides."""
        columns, rows = (slice(0, self.geometry.shape[n]) for n in (self.plane.column, self.plane.row))
        return self._centres_mm(columns, 0, self.plane.column), self._centres_mm(rows, 1, self.plane.row)

    def _placed(self, inside: NDArray[np.bool_], mask: BoxedMask) -> Section:
        right_mm = self._centres_mm(mask.box[self.plane.column], 0, self.plane.column)
        up_mm = self._centres_mm(mask.box[self.plane.row], 1, self.plane.row)
        return Section(right_mm, up_mm, np.pad(inside, 1))

    def _reach(self, axis: int) -> slice:
        """Voxels in view along an axis, one more on both sides for interpolation."""
        half = self.half_mm / self.geometry.spacing_mm[axis]
        first, last = np.floor(self.middle_kji[axis] - half) - 1, np.ceil(self.middle_kji[axis] + half) + 2
        return slice(max(0, int(first)), min(self.geometry.shape[axis], int(last)))

    def _borders_mm(self, reach: slice, way: int, axis: int) -> tuple[float, float]:
        step = display_steps_mm(self.geometry, self.plane)[way]
        ends = [(n - 0.5 - self.middle_kji[axis]) * step for n in (reach.start, reach.stop)]
        return float(min(ends)), float(max(ends))

    def _centres_mm(self, reach: slice, way: int, axis: int) -> NDArray[np.float64]:
        """Of the voxels of a range and one more on both sides."""
        index = np.arange(reach.start - 1, reach.stop + 1, dtype=np.float64)
        centres: NDArray[np.float64] = index - self.middle_kji[axis]
        return centres * display_steps_mm(self.geometry, self.plane)[way]


def view_through(
    geometry: Geometry, plane: Plane, point_lps_mm: Float3, *, middle_lps_mm: Float3, half_mm: float
) -> View:
    """The view of the slice nearest to a point, its middle somewhere else perhaps."""
    index = int(np.rint(geometry.to_index(point_lps_mm)[plane.axis]))
    index = min(max(index, 0), geometry.shape[plane.axis] - 1)
    return View(geometry, plane, index, geometry.to_index(middle_lps_mm), half_mm)


def view_of_all(geometry: Geometry, plane: Plane, slice_index: int = 0) -> View:
    """The view of a whole slice, around its middle."""
    middle = (np.array(geometry.shape, dtype=np.float64) - 1) / 2
    half_mm = max(n * mm for n, mm in zip(geometry.shape, geometry.spacing_mm, strict=True)) / 2
    return View(geometry, plane, slice_index, middle, half_mm)
