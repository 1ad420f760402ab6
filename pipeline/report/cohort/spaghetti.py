"""The burden of each patient over the time since the first scan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.cohort.entries import PatientEntry

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1120.0, 380.0, 74.0, 14.0, 14.0, 44.0
"""Of the drawing, in its own units."""
NONE_ROOM = 34.0
"""Between the line of no burden and the least that the scale of logarithms shows."""
LEAST_DECADES = 2
DAYS_PER_MONTH = 365.2425 / 12
STEPS_MONTHS = (1, 2, 3, 6, 12, 24, 60)
MOST_TICKS = 12
FEW = 12
"""Patients up to whom points are large."""


@dataclass(frozen=True, slots=True)
class Line:
    """One patient."""

    points: tuple[tuple[float, float], ...]
    style: str  #: category of the answer; single where there is one scan
    name: str  #: for people who do not see it
    link: str | None

    @property
    def path(self) -> str:
        """As an SVG polyline has it."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Spaghetti:
    """All lines with their axes."""

    width: float
    height: float
    left: float
    right: float  #: end of the axis
    bottom: float
    lines: tuple[Line, ...]
    volumes: tuple[tuple[float, str], ...]  #: height and label
    months: tuple[tuple[float, str], ...]  #: place and label
    radius: float


@dataclass(frozen=True, slots=True)
class _Scale:
    lowest: int  #: decades of mm³
    highest: int
    days: float

    def x(self, days: float) -> float:
        return round(LEFT + days / self.days * (WIDTH - LEFT - RIGHT), 1)

    def y(self, volume_mm3: float) -> float:
        floor = HEIGHT - BOTTOM
        if volume_mm3 <= 0:
            return floor
        share = (math.log10(volume_mm3) - self.lowest) / (self.highest - self.lowest)
        return round(floor - NONE_ROOM - max(0.0, share) * (floor - NONE_ROOM - TOP), 1)


def draw_spaghetti(patients: Sequence[PatientEntry]) -> Spaghetti:
    """A line for each patient whose days are known; a burden of nothing has a line of its own below."""
    known = [one for one in patients if all(scan.days is not None for scan in one.scans)]
    volumes = [scan.volume_mm3 for one in known for scan in one.scans if scan.volume_mm3 > 0]
    highest = math.ceil(math.log10(max(volumes, default=1000.0)))
    lowest = min(math.floor(math.log10(min(volumes, default=100.0))), highest - LEAST_DECADES)
    longest = max((scan.days or 0 for one in known for scan in one.scans), default=0)
    scale = _Scale(lowest, highest, max(longest * 1.02, DAYS_PER_MONTH))
    labels = [(scale.y(10.0**n), _label(n)) for n in range(lowest, highest + 1)]
    return Spaghetti(
        WIDTH,
        HEIGHT,
        LEFT,
        WIDTH - RIGHT,
        HEIGHT - BOTTOM,
        tuple(_line(one, scale) for one in sorted(known, key=lambda one: len(one.scans))),
        ((scale.y(0), "none"), *labels),
        _months(scale),
        4.0 if len(known) <= FEW else 2.4,
    )


def _line(one: PatientEntry, scale: _Scale) -> Line:
    points = tuple((scale.x(scan.days or 0), scale.y(scan.volume_mm3)) for scan in one.scans)
    burden = " to ".join(
        one.burden(which) for which in (("first", "last") if len(points) > 1 else ("first",))
    )
    return Line(points, one.category or "single", f"{one.key}: {burden}; {one.answer}", one.report)


def _label(decade: int) -> str:
    return f"{10.0 ** (decade - 3):g} mL" if decade >= 3 else f"{10.0**decade:g} mm³"


def _months(scale: _Scale) -> tuple[tuple[float, str], ...]:
    span = scale.days / DAYS_PER_MONTH
    step = next((one for one in STEPS_MONTHS if span / one <= MOST_TICKS), STEPS_MONTHS[-1] * 2)
    return tuple(
        (scale.x(month * DAYS_PER_MONTH), "first scan" if not month else _time(month))
        for month in range(0, int(span) + 1, step)
    )


def _time(months: int) -> str:
    if months % 12:
        return f"{months} months" if months > 1 else "1 month"
    return "1 year" if months == 12 else f"{months // 12} years"
