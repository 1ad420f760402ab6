"""The course of a case: burden above, and below it, on one axis of time, what was given, seen, measured."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from pipeline.config import FigureSettings
from pipeline.domain.change import Comparison
from pipeline.report.canvas import (
    LESION,
    MARGIN_INCHES,
    QUIET,
    SHEET_WIDTH_INCHES,
    WARNING,
    fitted,
    new_sheet,
    png,
    text_inches,
    write,
    write_heading,
)
from pipeline.report.time_axis import day_text, time_axis
from pipeline.report.timeline_burden import BURDEN_INCHES, draw_burden, labels_height, write_scans
from pipeline.report.timeline_lanes import (
    EXAMINATION,
    LABEL_SIZE,
    MOST_EXAMINATION_ROWS,
    MOST_TREATMENT_ROWS,
    PLOT_LEFT_INCHES,
    PLOT_WIDTH_INCHES,
    ROW_INCHES,
    TITLE_INCHES,
    TREATMENT_WORDS,
    VALUE_SIZE,
    Course,
    bar_rows,
    draw_examinations,
    draw_treatments,
    event_rows,
    write_title,
)
from pipeline.report.timeline_series import (
    LABORATORY,
    MOST_SERIES,
    SCORE,
    STRIP_INCHES,
    draw_series,
    series_of,
)
from pipeline.report.timeline_words import days_of, outside_text, why_marked
from pipeline.report.wording import counted

HEADING_INCHES = 0.75
TICKS_INCHES = 0.32
NOTE_INCHES = 0.2
FOOT_INCHES = 0.3
GAP_INCHES = 0.1


@dataclass(frozen=True, slots=True)
class Lane:
    """A part of the sheet: its height, and how it is drawn when its lower border is known."""

    height_inches: float
    draw: Callable[[Figure, float], object]


def draw_timeline(comparison: Comparison, settings: FigureSettings) -> bytes:
    """PNG of the burden over time with the case under it. The same input gives the same bytes."""
    return png(compose_timeline(comparison, settings))


def can_be_drawn(comparison: Comparison) -> bool:
    """Whether every scan has its place in time."""
    return all(point.days_from_first is not None for point in comparison.time_points)


def compose_timeline(comparison: Comparison, settings: FigureSettings) -> Figure:
    """The sheet of `draw_timeline` before it is turned into bytes."""
    course = course_of(comparison)
    lanes, notes = _lanes(comparison, course)
    notes = [*_comparability(comparison), *notes]
    labels = labels_height(comparison, course)
    height = (
        HEADING_INCHES
        + labels
        + BURDEN_INCHES
        + sum(lane.height_inches for lane in lanes)
        + TICKS_INCHES
        + (len(notes) + 1) * NOTE_INCHES
        + FOOT_INCHES
    )
    figure = new_sheet(height, settings)
    write_heading(figure, *_heading(comparison), color=QUIET)
    bottom = height - HEADING_INCHES - labels - BURDEN_INCHES
    draw_burden(figure, comparison, course, bottom)
    write_scans(figure, comparison, course, bottom + BURDEN_INCHES)
    for lane in lanes:
        bottom -= lane.height_inches
        lane.draw(figure, bottom)
    _write_ticks(figure, course, bottom)
    _write_legend(figure, comparison, FOOT_INCHES + len(notes) * NOTE_INCHES)
    for n, note in enumerate(notes):
        words, size = fitted(note, VALUE_SIZE, SHEET_WIDTH_INCHES - 2 * MARGIN_INCHES)
        y = FOOT_INCHES + (len(notes) - n - 0.5) * NOTE_INCHES
        write(figure, MARGIN_INCHES, y, words, size=size, color=WARNING if note[0] == "◇" else QUIET)
    return figure


def course_of(comparison: Comparison) -> Course:
    """The axis of a comparison's timeline.

    Raises
    ------
    ValueError
        Where a scan has no place in time.
    """
    days = [point.days_from_first for point in comparison.time_points]
    known = tuple(one for one in days if one is not None)
    if len(known) < len(days):
        raise ValueError("a scan without a date has no place on a timeline")
    case = comparison.case
    days_of_events = [one.day for one in case.examinations]
    days_of_events += [one.day for one in case.scores] + [one.day for one in case.laboratory]
    events = [days_of(one) for one in days_of_events]
    first: dt.date | None = comparison.time_points[0].date
    return Course(time_axis(known, events, width_inches=PLOT_WIDTH_INCHES, first_date=first), known)


def _heading(comparison: Comparison) -> tuple[str, str]:
    points = comparison.time_points
    first = points[0].date
    between = [day_text(point.days_from_first or 0, first) for point in (points[0], points[-1])]
    title = f"Calcification over time   ·   {len(points)} scans   ·   {between[0]} to {between[1]}"
    if any(_counts(comparison)):
        return title, "shown side by side by date; no connection between them is claimed"
    return title, "all definite lesions of a scan together"


def _counts(comparison: Comparison) -> tuple[int, ...]:
    case = comparison.case
    return len(case.treatments), len(case.examinations), len(case.scores), len(case.laboratory)


def _lanes(comparison: Comparison, course: Course) -> tuple[list[Lane], list[str]]:
    """The lanes from above, and notes on what there was no room for."""
    parts = [_treatments(comparison, course), _examinations(comparison, course), *_strips(comparison, course)]
    lanes = [lane for found, _ in parts for lane in found]
    return lanes, [note for _, note in parts if note]


Part = tuple[list[Lane], str]


def _title(words: str) -> Lane:
    return Lane(TITLE_INCHES, lambda figure, bottom: write_title(figure, bottom + TITLE_INCHES, words))


def _treatments(comparison: Comparison, course: Course) -> Part:
    rows = bar_rows(comparison.case.treatments, course.axis)
    shown, rest = rows[:MOST_TREATMENT_ROWS], sum(len(row) for row in rows[MOST_TREATMENT_ROWS:])
    if not rows:
        return [], ""
    lane = Lane(len(shown) * ROW_INCHES, lambda figure, at: draw_treatments(figure, course, at, shown))
    return [_title("treatments"), lane], _more(rest, "treatment")


def _examinations(comparison: Comparison, course: Course) -> Part:
    found = comparison.case.examinations
    rows = event_rows(found, course.axis)
    shown, rest = rows[:MOST_EXAMINATION_ROWS], sum(len(row) for row in rows[MOST_EXAMINATION_ROWS:])
    if not found:
        return [], ""
    outside = outside_text([days_of(one.day) for one in found], course.axis)
    title = "other examinations" + (f" ({outside})" if outside else "")
    lane = Lane(len(shown) * ROW_INCHES, lambda figure, at: draw_examinations(figure, course, at, shown))
    return [_title(title), lane] if shown else [_title(title)], _more(rest, "examination")


def _strips(comparison: Comparison, course: Course) -> list[Part]:
    parts: list[Part] = []
    for title, found in (
        ("clinical scores", series_of(comparison.case.scores)),
        ("laboratory values", series_of(comparison.case.laboratory)),
    ):
        if not found:
            continue
        lanes = [_title(title)]
        for series in found[:MOST_SERIES]:
            lanes.append(
                Lane(
                    STRIP_INCHES,
                    lambda figure, at, one=series: draw_series(figure, course, at, one),  # type: ignore[misc]
                )
            )
        parts.append((lanes, _more(len(found[MOST_SERIES:]), title[:-1])))
    return parts


def _more(number: int, thing: str) -> str:
    return f"{counted(number, f'more {thing}')} in comparison.json" if number else ""


def _comparability(comparison: Comparison) -> list[str]:
    """One line for each scan that is not fully comparable."""
    reasons = [(n, why_marked(comparison, n)) for n in range(len(comparison.time_points))]
    return [f"◇ t{n} is not fully comparable: {why}" for n, why in reasons if why]


def _write_ticks(figure: Figure, course: Course, bottom: float) -> None:
    for days, label in course.axis.ticks():
        x = PLOT_LEFT_INCHES + course.axis.inches(days)
        write(figure, x, bottom - 0.14, label, size=VALUE_SIZE, color=QUIET, align="center")


def _write_legend(figure: Figure, comparison: Comparison, line: float) -> None:
    """Colours in words."""
    treatments, examinations, scores, laboratory = _counts(comparison)
    unsure = any(one.burden.indeterminate_volume_mm3 for one in comparison.analyses)
    entries = [
        ("● definite lesions with 95 % limits", LESION, True),
        ("○ indeterminate, not in the sum", LESION, unsure),
        ("■ treatment, pointed where it goes on", TREATMENT_WORDS, treatments),
        ("◆ examination", EXAMINATION, examinations),
        ("● score", SCORE, scores),
        ("● laboratory value", LABORATORY, laboratory),
    ]
    left = MARGIN_INCHES
    for words, color, present in entries:
        if present:
            write(figure, left, line + NOTE_INCHES / 2, words, size=LABEL_SIZE, color=color)
            left += text_inches(words, LABEL_SIZE)[0] + 0.3
