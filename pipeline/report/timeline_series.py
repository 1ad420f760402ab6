"""Scores and laboratory values as strips of points, under the burden on the timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from pipeline.domain.case import LabValue, Score
from pipeline.report.canvas import halo, text_inches, write
from pipeline.report.packing import GAP_INCHES, Box
from pipeline.report.timeline_lanes import (
    PLOT_LEFT_INCHES,
    PLOT_WIDTH_INCHES,
    POINT_INCHES,
    VALUE_SIZE,
    WIDER,
    Course,
    lane_panel,
    write_name,
)
from pipeline.report.timeline_words import days_of, number_text, outside_text

SCORE, LABORATORY = "#c3a6ff", "#7fd6c2"
STRIP_INCHES = 0.95
STRIP_PAD_INCHES = 0.2
MOST_SERIES = 12
VALUE_DIGITS = 6
"""Significant ones of a number on a strip; the file has them all."""


@dataclass(frozen=True, slots=True)
class Series:
    """All values of one name."""

    name: str
    scale: str  #: range or unit
    days: tuple[int, ...]
    values: tuple[float, ...]
    low: float
    high: float
    color: str


def series_of(values: Sequence[Score] | Sequence[LabValue]) -> list[Series]:
    """Values by name, in the order in which the names first occur."""
    by_name: dict[str, list[Score | LabValue]] = {}
    for one in values:
        by_name.setdefault(one.name, []).append(one)
    return [_series(name, group) for name, group in by_name.items()]


def _series(name: str, group: Sequence[Score | LabValue]) -> Series:
    group = sorted(group, key=lambda one: days_of(one.day))
    first = group[0]
    values = tuple(one.value for one in group)
    bounds = first.bounds if isinstance(first, Score) else None
    low, high = bounds if bounds is not None else (min(values), max(values))
    if isinstance(first, LabValue):
        scale, color = first.unit, LABORATORY
    else:
        scale, color = f"{number_text(low)} to {number_text(high)}" if bounds else "", SCORE
    return Series(name, scale, tuple(days_of(one.day) for one in group), values, low, high, color)


def draw_series(figure: Figure, course: Course, bottom: float, series: Series) -> None:
    """A strip with the values as points, and numbers wherever there is room for them."""
    height = STRIP_INCHES - 0.06
    axes = lane_panel(figure, course, bottom, height)
    outside = outside_text(list(series.days), course.axis)
    below = ", ".join(part for part in (series.scale, outside) if part)
    write_name(figure, bottom + height / 2, series.name, below)
    points = [
        (course.axis.inches(days), _up(value, series, height), value)
        for days, value in zip(series.days, series.values, strict=True)
        if course.axis.holds(days)
    ]
    axes.plot(
        [x for x, _, _ in points],
        [y for _, y, _ in points],
        color=series.color,
        linewidth=1.0,
        marker="o",
        markersize=4.0,
        zorder=2,
    )
    for x, y, words in _placed_numbers(points):
        text = write(figure, PLOT_LEFT_INCHES + x, bottom + y, words, size=VALUE_SIZE, align="center")
        text.set_path_effects(halo())


def _up(value: float, series: Series, height: float) -> float:
    """Inches above the lower border."""
    room = height - 2 * STRIP_PAD_INCHES
    if series.high <= series.low:
        return height / 2
    return STRIP_PAD_INCHES + (value - series.low) / (series.high - series.low) * room


def _placed_numbers(points: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, str]]:
    """Middles and words of those numbers that cover nothing: ends, extremes, then the others in order."""
    half = POINT_INCHES / 2
    taken = [Box(x - half, x + half, y - half, y + half) for x, y, _ in points]
    placed = []
    for x, y, value in _most_telling_first(points):
        words = number_text(value, digits=VALUE_DIGITS)
        width, height = text_inches(words, VALUE_SIZE)
        width *= WIDER
        middle = min(max(x, width / 2 + 0.02), PLOT_WIDTH_INCHES - width / 2 - 0.02)
        for shift in (half + 0.08, -half - 0.08):
            box = Box(
                middle - width / 2 - GAP_INCHES / 2,
                middle + width / 2 + GAP_INCHES / 2,
                y + shift - height / 2,
                y + shift + height / 2,
            )
            if not any(box.meets(one) for one in taken):
                taken.append(box)
                placed.append((middle, y + shift, words))
                break
    return placed


def _most_telling_first(points: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """First, last, highest and lowest, then the others."""
    if not points:
        return []
    by_value = sorted(points, key=lambda one: one[2])
    order = [points[0], points[-1], by_value[-1], by_value[0], *points]
    return list(dict.fromkeys(order))
