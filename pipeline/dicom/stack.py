"""Slices put in order by where they lie, or refused: order, spacing, and what all must share.

Positions along the normal of the slices decide; InstanceNumber and SliceLocation never do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.dicom.headers import SliceHeader
from pipeline.errors import GeometryError, InputRefused

MIN_SLICES = 3
"""Two slices cannot show that the spacing is even, so a missing one would go unseen."""

UNIT_TOLERANCE = 1e-3
"""Largest error of a direction cosine's length or angle; scanners write 5 digits or more."""

PIXEL_RANGE_MM = (0.01, 10.0)
"""From micro-CT to a body of 5 m across a coarse matrix of 512."""

SPACING_TOLERANCE = 0.01
"""Largest deviation of one gap from the usual one, as a part of it: 1 % of a lesion's height."""

JITTER_TOLERANCE_MM = 0.03
"""Deviation of a gap that is always allowed: positions jitter by 0.01 mm, and are rounded."""

SAME_POSITION_PART = 0.02
"""Slices closer than this part of the usual gap are at one position."""

DRIFT_TOLERANCE_MM = 0.1
"""How far a slice may lie beside the line of the others: a tenth of the finest pixel in use."""

TILT_TAG_TOLERANCE_DEGREES = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Stack:
    """Slices in order along their normal, evenly spaced, with the place of the first."""

    slices: tuple[SliceHeader, ...]
    rows: int
    columns: int
    affine: NDArray[np.float64]  #: (4, 4), from (slice, row, column, 1) to LPS mm

    @property
    def spacing_mm(self) -> float:
        """Distance between neighbouring slices."""
        return float(np.linalg.norm(self.affine[:3, 0]))


def check_agreement(slices: list[SliceHeader]) -> None:
    """Refuse slices of different patients, grids or frames of reference.

    Raises
    ------
    InputRefused
        MIXED_PATIENTS, MIXED_SERIES.
    GeometryError
        BAD_GEOMETRY.
    """
    if len({s.patient for s in slices}) > 1:
        raise InputRefused("MIXED_PATIENTS", "patient ID, name, sex or birth date changes inside the series")
    for s in slices:
        _check_slice(s)
    for what, values in (
        ("matrix", {(s.grid.rows, s.grid.columns) for s in slices}),
        ("frame of reference", {s.grid.frame_of_reference_uid for s in slices}),
        ("sign of the stored numbers", {s.pixels.signed for s in slices}),
    ):
        if len(values) > 1:
            raise InputRefused("MIXED_SERIES", f"expected one {what}, found {len(values)} in the series")
    for what, numbers, tolerance in (
        ("pixel spacing", [s.grid.spacing_mm for s in slices], 1e-4),
        ("orientation", [s.grid.orientation for s in slices], UNIT_TOLERANCE),
    ):
        if np.ptp(np.array(numbers, dtype=float), axis=0).max() > tolerance:
            raise InputRefused("MIXED_SERIES", f"the {what} changes inside the series")


def _check_slice(header: SliceHeader) -> None:
    """Refuse a slice whose own geometry is absent or impossible."""
    _numbers("image position", header.position_mm, 3)
    orientation = _numbers("image orientation", header.grid.orientation, 6)
    spacing = _numbers("pixel spacing", header.grid.spacing_mm, 2)
    if spacing.min() <= 0:
        raise GeometryError(f"expected a positive pixel spacing, found {spacing.tolist()}")
    if spacing.min() < PIXEL_RANGE_MM[0] or spacing.max() > PIXEL_RANGE_MM[1]:
        raise GeometryError(f"expected pixels from 0.01 to 10 mm, found {spacing.tolist()}")
    if not header.grid.rows or not header.grid.columns:
        raise GeometryError("rows or columns are missing or zero")
    row, column = orientation[:3], orientation[3:]
    lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
    if np.abs(lengths - 1).max() > UNIT_TOLERANCE:
        raise GeometryError(
            f"expected unit vectors as image orientation, found lengths {lengths.round(4).tolist()}"
        )
    if abs(float(row @ column)) > UNIT_TOLERANCE:
        raise GeometryError("the image orientation's rows and columns are not at right angles")


def _numbers(what: str, values: tuple[float, ...] | None, count: int) -> NDArray[np.float64]:
    if values is None:
        raise GeometryError(f"the {what} is missing")
    if len(values) != count or not all(math.isfinite(v) for v in values):
        raise GeometryError(
            f"expected {count} finite numbers as {what}, found {len(values)} or malformed ones"
        )
    return np.array(values, dtype=np.float64)


def normal_of(header: SliceHeader) -> NDArray[np.float64]:
    """Unit vector across a checked slice: along its rows times down its columns."""
    orientation = np.array(header.grid.orientation, dtype=np.float64)
    normal = np.cross(orientation[:3], orientation[3:])
    return normal / np.linalg.norm(normal)


def positions_mm(slices: list[SliceHeader]) -> NDArray[np.float64]:
    """Place of each checked slice along the normal of the first."""
    points = np.array([s.position_mm for s in slices], dtype=np.float64)
    return points @ normal_of(slices[0])


def at_one_position(slices: list[SliceHeader]) -> list[tuple[SliceHeader, SliceHeader]]:
    """Pairs of checked slices at the same place, in order of place."""
    places = positions_mm(slices)
    order = np.lexsort((np.array([s.sop_instance_uid for s in slices]), places))
    gaps = np.diff(places[order])
    apart = gaps[gaps > JITTER_TOLERANCE_MM]
    closest = SAME_POSITION_PART * float(np.median(apart)) if apart.size else math.inf
    return [(slices[order[n]], slices[order[n + 1]]) for n in np.flatnonzero(gaps < closest)]


def build_stack(slices: list[SliceHeader]) -> Stack:
    """Put checked slices, no two at one position, in order.

    Raises
    ------
    InputRefused
        NOT_A_VOLUME, GANTRY_TILT, MISSING_SLICES, UNEVEN_SPACING.
    GeometryError
        BAD_GEOMETRY.
    """
    if len(slices) < MIN_SLICES:
        raise InputRefused("NOT_A_VOLUME", f"expected at least {MIN_SLICES} slices, found {len(slices)}")
    places = positions_mm(slices)
    order = np.argsort(places, kind="stable")
    ordered = [slices[n] for n in order]
    _check_line(ordered)
    _check_gaps(places[order])
    first = ordered[0].grid
    return Stack(tuple(ordered), int(first.rows or 0), int(first.columns or 0), _affine(ordered))


def _check_line(ordered: list[SliceHeader]) -> None:
    """Refuse slices whose line of positions is not their normal: a tilted gantry or a shifted slice."""
    normal = normal_of(ordered[0])
    points = np.array([s.position_mm for s in ordered], dtype=np.float64)
    steps = points - points[0]
    line = steps[-1] / np.linalg.norm(steps[-1])
    angle_degrees = math.degrees(math.acos(min(1.0, abs(float(line @ normal)))))
    beside_mm = np.linalg.norm(steps - np.outer(steps @ line, line), axis=1).max()
    if beside_mm > DRIFT_TOLERANCE_MM:
        raise GeometryError(f"expected slices in one line, found one {beside_mm:.2f} mm beside it")
    drift_mm = float(np.linalg.norm(steps[-1] - (steps[-1] @ normal) * normal))
    if drift_mm > DRIFT_TOLERANCE_MM and math.tan(math.radians(angle_degrees)) > UNIT_TOLERANCE:
        raise InputRefused(
            "GANTRY_TILT", f"the slices are stacked {angle_degrees:.1f} degrees away from their normal"
        )
    tilt = ordered[0].exam.tilt_degrees
    if tilt is not None and abs(tilt) > TILT_TAG_TOLERANCE_DEGREES and abs(normal[2]) > 1 - 1e-6:
        raise InputRefused(
            "GANTRY_TILT", f"the header names a tilt of {tilt:.1f} degrees that the orientation does not show"
        )


def _check_gaps(places_mm: NDArray[np.float64]) -> None:
    """Refuse slices that are missing inside, or unevenly spaced."""
    gaps = np.diff(places_mm)
    usual = float(np.median(gaps))
    allowed = max(SPACING_TOLERANCE * usual, JITTER_TOLERANCE_MM)
    wrong = np.flatnonzero(np.abs(gaps - usual) > allowed)
    if wrong.size == 0:
        return
    where = f"between {places_mm[wrong[0]]:.2f} and {places_mm[wrong[0] + 1]:.2f} mm along the normal"
    multiples = np.rint(gaps[wrong] / usual)
    whole = np.abs(gaps[wrong] - multiples * usual) <= allowed * multiples
    if np.all(whole & (multiples >= 2)):
        missing = int((multiples - 1).sum())
        raise InputRefused("MISSING_SLICES", f"{missing} slices of {usual:.3f} mm are missing, first {where}")
    found = f"from {gaps.min():.3f} to {gaps.max():.3f} mm"
    raise InputRefused(
        "UNEVEN_SPACING", f"expected even gaps of {usual:.3f} mm, found {found}, first {where}"
    )


def _affine(ordered: list[SliceHeader]) -> NDArray[np.float64]:
    """Affine from (slice, row, column): the gap is the mean one, so that both ends are met."""
    grid = ordered[0].grid
    orientation = np.array(grid.orientation, dtype=np.float64)
    spacing = np.array(grid.spacing_mm, dtype=np.float64)
    row = orientation[:3] / np.linalg.norm(orientation[:3])
    column = orientation[3:] / np.linalg.norm(orientation[3:])
    places = positions_mm(ordered)
    affine = np.eye(4)
    affine[:3, 0] = normal_of(ordered[0]) * (places[-1] - places[0]) / (len(ordered) - 1)
    affine[:3, 1] = column * spacing[0]
    affine[:3, 2] = row * spacing[1]
    affine[:3, 3] = ordered[0].position_mm
    return affine
