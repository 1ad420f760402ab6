"""Treatments as bars and examinations as events, under the burden on the timeline.

Every lane has its own panel, whose unit is the inch both ways; days become inches by the one axis of the
sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from pipeline.domain.case import Examination, Treatment
from pipeline.report.canvas import (
    BACKGROUND,
    MARGIN_INCHES,
    QUIET,
    SHEET_WIDTH_INCHES,
    WORDS,
    add_panel,
    fitted,
    halo,
    text_inches,
    write,
)
from pipeline.report.packing import GAP_INCHES, Span, beside, pack_rows
from pipeline.report.time_axis import TimeAxis
from pipeline.report.timeline_words import (
    days_of,
    drawable,
    examination_text,
    treatment_text,
)

PLOT_LEFT_INCHES = 2.75
PLOT_WIDTH_INCHES = SHEET_WIDTH_INCHES - PLOT_LEFT_INCHES - 0.45
GUTTER_INCHES = PLOT_LEFT_INCHES - MARGIN_INCHES - 0.15
"""Room for names left of the plot."""
TREATMENT, TREATMENT_WORDS, EXAMINATION = "#2f6db5", "#6ea8ee", "#f2f2f2"
GRID = "#2c323a"
SCAN_LINE = "#7d8794"
LABEL_SIZE, NAME_SIZE, VALUE_SIZE = 8.5, 9.0, 8.0
TITLE_INCHES = 0.27
ROW_INCHES = 0.27
BAR_INCHES = 0.2
TIP_INCHES = 0.1
STUB_INCHES = 0.3
"""Width of the arrow that stands for what lies outside."""
LEAST_BAR_INCHES = 0.05
WIDER = 1.1
"""Drawn words are up to this much wider than their outlines."""
POINT_INCHES = 0.08
MOST_TREATMENT_ROWS, MOST_EXAMINATION_ROWS = 24, 12


@dataclass(frozen=True, slots=True)
class Course:
    """The axis of a sheet, and the days of the scans on it."""

    axis: TimeAxis
    scans_days: tuple[int, ...]


def lane_panel(figure: Figure, course: Course, bottom: float, height: float) -> Axes:
    """A panel in inches with the ticks of the axis and the days of the scans as upright lines."""
    axes = add_panel(figure, PLOT_LEFT_INCHES, bottom, PLOT_WIDTH_INCHES, height)
    axes.set_xlim(0.0, PLOT_WIDTH_INCHES)
    axes.set_ylim(0.0, height)
    for days, _ in course.axis.ticks():
        axes.axvline(course.axis.inches(days), color=GRID, linewidth=0.8, zorder=0)
    for days in course.scans_days:
        axes.axvline(
            course.axis.inches(days), color=SCAN_LINE, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1
        )
    return axes


def write_name(figure: Figure, middle: float, name: str, below: str = "", *, further: float = 0.0) -> None:
    """A name, and something smaller under it, left of the plot, or further left than usual."""
    up = 0.09 if below else 0.0
    for words, size, y, color in (
        (name, NAME_SIZE, middle + up, WORDS),
        (below, VALUE_SIZE, middle - up, QUIET),
    ):
        short, smaller = fitted(drawable(words), size, GUTTER_INCHES)
        x = PLOT_LEFT_INCHES - 0.15 - further
        write(figure, x, y, short, size=smaller, color=color, align="right")


def write_title(figure: Figure, top: float, title: str) -> None:
    """What the next lanes are, at their upper left."""
    write(figure, MARGIN_INCHES, top - TITLE_INCHES / 2 - 0.03, title, size=NAME_SIZE, color=QUIET)


@dataclass(frozen=True, slots=True)
class Bar:
    """A treatment in its row, in inches from the left of the plot."""

    treatment: Treatment
    span: Span
    label: str
    label_size: float
    label_span: Span
    points_left: bool
    points_right: bool


def bar_of(one: Treatment, axis: TimeAxis) -> Bar:
    """Where a treatment's bar and its words lie."""
    start = days_of(one.start)
    stop = None if one.stop is None else days_of(one.stop)
    left, right = start < axis.start_days, stop is None or stop > axis.end_days
    from_inches = axis.inches(max(start, axis.start_days))
    to_inches = axis.inches(axis.end_days if stop is None else min(stop, axis.end_days))
    if start > axis.end_days:
        span, right = Span(PLOT_WIDTH_INCHES - STUB_INCHES, PLOT_WIDTH_INCHES), True
    elif stop is not None and stop < axis.start_days:
        span, right = Span(0.0, STUB_INCHES), False
    else:
        span = Span(from_inches, max(to_inches, from_inches + LEAST_BAR_INCHES))
    label, size, label_span = _labelled(treatment_text(one, axis), span)
    return Bar(one, span, label, size, label_span, left, right)


def _labelled(words: str, bar: Span) -> tuple[str, float, Span]:
    """Words at the size and place at which they fit: in the bar, or on the side of it that has more room."""
    first = bar.left + 1.5 * TIP_INCHES
    rooms = (
        bar.right - TIP_INCHES - first,
        bar.left - GAP_INCHES,
        PLOT_WIDTH_INCHES - bar.right - GAP_INCHES,
    )
    label, size = fitted(words, LABEL_SIZE, max(rooms))
    if not label:
        return label, size, bar
    width = text_inches(label, size)[0] * WIDER
    if width <= rooms[0]:
        return label, size, Span(first, first + width)
    return label, size, beside(bar, width, PLOT_WIDTH_INCHES)


def bar_rows(treatments: Sequence[Treatment], axis: TimeAxis) -> list[list[Bar]]:
    """Bars in rows, those of one name together, names in order of their first start."""
    by_name: dict[str, list[Bar]] = {}
    for one in sorted(treatments, key=lambda one: days_of(one.start)):
        by_name.setdefault(one.name, []).append(bar_of(one, axis))
    rows = []
    for bars in by_name.values():
        numbers = pack_rows([bar.span.joined(bar.label_span) if bar.label else bar.span for bar in bars])
        rows += [
            [bar for bar, number in zip(bars, numbers, strict=True) if number == row]
            for row in range(max(numbers) + 1)
        ]
    return rows


def draw_treatments(figure: Figure, course: Course, bottom: float, rows: Sequence[Sequence[Bar]]) -> None:
    """One row of bars above the other; a name is written at its first row."""
    axes = lane_panel(figure, course, bottom, len(rows) * ROW_INCHES)
    known: str | None = None
    for n, row in enumerate(rows):
        middle = (len(rows) - n - 0.5) * ROW_INCHES
        name = row[0].treatment.name
        if name != known:
            write_name(figure, bottom + middle, name)
        known = name
        for bar in row:
            axes.add_patch(_arrow(bar, middle))
            x = PLOT_LEFT_INCHES + bar.label_span.left
            words = write(figure, x, bottom + middle, bar.label, size=bar.label_size)
            if bar.label_span.right > bar.span.right or bar.label_span.left < bar.span.left:
                words.set_path_effects(halo())


def _arrow(bar: Bar, middle: float) -> Polygon:
    """A bar that is pointed where it goes on."""
    left, right, half = bar.span.left, bar.span.right, BAR_INCHES / 2
    tip = min(TIP_INCHES, (right - left) / 2)
    inner_left = left + tip if bar.points_left else left
    inner_right = right - tip if bar.points_right else right
    corners = [
        (inner_left, middle - half),
        (inner_right, middle - half),
        (right, middle),
        (inner_right, middle + half),
        (inner_left, middle + half),
        (left, middle),
    ]
    return Polygon(corners, closed=True, facecolor=TREATMENT, edgecolor=BACKGROUND, linewidth=0.8, zorder=2)


@dataclass(frozen=True, slots=True)
class Event:
    """An examination in its row."""

    mark_inches: float
    label: str
    label_size: float
    label_span: Span


def event_rows(examinations: Sequence[Examination], axis: TimeAxis) -> list[list[Event]]:
    """Examinations that the axis shows, in rows in which no words meet."""
    events = []
    for one in sorted(examinations, key=lambda one: days_of(one.day)):
        if axis.holds(days_of(one.day)):
            label, size = fitted(
                examination_text(one, axis.first_date), LABEL_SIZE, PLOT_WIDTH_INCHES / 2 - 0.3
            )
            at = axis.inches(days_of(one.day))
            mark = Span(at - POINT_INCHES, at + POINT_INCHES)
            width = text_inches(label, size)[0] * WIDER
            events.append(Event(at, label, size, beside(mark, width, PLOT_WIDTH_INCHES)))
    numbers = pack_rows([_taken(event) for event in events])
    return [
        [event for event, number in zip(events, numbers, strict=True) if number == row]
        for row in range(max(numbers, default=-1) + 1)
    ]


def _taken(event: Event) -> Span:
    mark = Span(event.mark_inches - POINT_INCHES, event.mark_inches + POINT_INCHES)
    return mark.joined(event.label_span)


def draw_examinations(figure: Figure, course: Course, bottom: float, rows: Sequence[Sequence[Event]]) -> None:
    """A diamond on the day, and beside it what was seen."""
    axes = lane_panel(figure, course, bottom, len(rows) * ROW_INCHES)
    for n, row in enumerate(rows):
        middle = (len(rows) - n - 0.5) * ROW_INCHES
        for event in row:
            axes.plot([event.mark_inches], [middle], marker="D", markersize=5.5, color=EXAMINATION, zorder=3)
            x = PLOT_LEFT_INCHES + event.label_span.left
            write(figure, x, bottom + middle, event.label, size=event.label_size).set_path_effects(halo())
