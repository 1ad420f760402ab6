"""The same place on two dates: the lesion as it was, and what is there later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison, Track
from pipeline.domain.geometry import Float3, Geometry
from pipeline.domain.lesion import Lesion
from pipeline.domain.wording import interval_text
from pipeline.report.canvas import (
    LESION,
    MARGIN_INCHES,
    QUIET,
    WARNING,
    WORDS,
    add_panel,
    new_sheet,
    png,
    write,
    write_heading,
)
from pipeline.report.legend import write_legend
from pipeline.report.lesion_figure import half_width_mm, middle_of
from pipeline.report.marks import draw_scene
from pipeline.report.panels import AXIAL, CORONAL, Plane, View, view_through
from pipeline.report.scene import Scene, arrange, axes_in
from pipeline.report.windows import BONE, SOFT_TISSUE
from pipeline.report.wording import date_text, plane_text, track_notes, track_title

LEFT_INCHES = MARGIN_INCHES
PANEL_INCHES = 2.94
GAP_INCHES = 0.08
MIDDLE_GAP_INCHES = 0.3
BOTTOM_INCHES = 0.3
HEIGHT_INCHES = 7.45
LEAST_CIRCLE_MM = 4.0
"""Radius below which a circle would look like a lesion itself."""
NOT_COVERED = "not covered by this scan"


@dataclass(frozen=True, eq=False, slots=True)
class Half:
    """One date of a place."""

    index: int  #: of the time point
    analysis: Analysis
    lesions: tuple[Lesion, ...]  #: of the track on this date, largest first
    position_lps_mm: Float3 | None  #: None where the scan does not reach

    @property
    def is_covered(self) -> bool:
        """Whether the place can be shown."""
        return self.position_lps_mm is not None


def draw_place(comparison: Comparison, track: Track, settings: FigureSettings) -> bytes:
    """PNG of a track's place on its first date with a lesion and on the last date.

    Axial and coronal slices, bone window above, soft-tissue window below. Where nothing is left (or
    nothing was yet) a dashed circle of the lesion's size on the other date marks the place. The same
    input gives the same bytes.
    """
    return png(compose_place(comparison, track, settings))


def compose_place(comparison: Comparison, track: Track, settings: FigureSettings) -> Figure:
    """The sheet of `draw_place` before it is turned into bytes."""
    figure = new_sheet(HEIGHT_INCHES, settings)
    color = WARNING if track.kind == "not_evaluable" else QUIET
    write_heading(figure, track_title(track), track_notes(track), color=color)
    halves = [_half(comparison, track, index) for index in shown_dates(track)]
    half_mm = max(_reach_mm(one, settings) for one in halves)
    known = next((one.lesions[0] for one in halves if one.lesions), None)
    scenes: list[Scene] = []
    for n, half in enumerate(halves):
        left = LEFT_INCHES + n * (2 * PANEL_INCHES + GAP_INCHES + MIDDLE_GAP_INCHES)
        write(figure, left, HEIGHT_INCHES - 0.8, _headline(comparison, track, half), size=11, color=WORDS)
        for m, plane in enumerate((AXIAL, CORONAL)):
            place = left + m * (PANEL_INCHES + GAP_INCHES)
            scenes += _draw_column(figure, half, plane, (place, half_mm), _circle_mm(half, known, plane))
    for row, window in enumerate((BONE, SOFT_TISSUE)):
        middle = _row_bottom(row) + PANEL_INCHES / 2
        write(figure, 0.18, middle, window.caption, size=9, color=QUIET, align="center", rotation=90)
    with_circle = any(one.is_covered and not one.lesions for one in halves) and known is not None
    write_legend(figure, scenes, with_circle=with_circle)
    return figure


def shown_dates(track: Track) -> tuple[int, int]:
    """The first date with a lesion (or the first of all, if only the last one has it), and the last."""
    last = len(track.lesion_ids) - 1
    first = next((n for n, ids in enumerate(track.lesion_ids) if ids), 0)
    return (first if first < last else 0), last


def _half(comparison: Comparison, track: Track, index: int) -> Half:
    analysis = comparison.analyses[index]
    chosen = [one for one in analysis.lesions if one.id in track.lesion_ids[index]]
    chosen.sort(key=lambda one: -one.size.volume_mm3.value)
    position = track.position_lps_mm[index]
    if position is None and chosen:
        position = middle_of(chosen[0].mask)
    if position is not None and not _is_inside(analysis.geometry, position):
        position = None
    return Half(index, analysis, tuple(chosen), position)


def _is_inside(geometry: Geometry, position_lps_mm: Float3) -> bool:
    index = geometry.to_index(position_lps_mm)
    return bool(((index >= -0.5) & (index <= np.array(geometry.shape) - 0.5)).all())


def _reach_mm(half: Half, settings: FigureSettings) -> float:
    if half.position_lps_mm is None:
        return settings.half_width_mm
    return half_width_mm([one.mask for one in half.lesions], half.position_lps_mm, settings)


def _headline(comparison: Comparison, track: Track, half: Half) -> str:
    """Date and what was found."""
    return f"{date_text(comparison.time_points[half.index])}   ·   {_finding(track, half)}"


def _finding(track: Track, half: Half) -> str:
    volume, limit = track.volume_mm3[half.index], track.detection_limit_mm3[half.index]
    if half.lesions:
        numbers = ", ".join(str(one.id) for one in half.lesions)
        name = f"lesion{'s' if len(half.lesions) > 1 else ''} {numbers}"
        return name if volume is None else f"{interval_text(volume)}   ·   {name}"
    if not half.is_covered:
        return NOT_COVERED
    if not track.evaluable[half.index]:
        return "not evaluable"
    seen_from = "" if limit is None else f"   ·   would be seen from {limit:.0f} mm³"
    return f"nothing seen{seen_from}"


def _row_bottom(row: int) -> float:
    return BOTTOM_INCHES + (1 - row) * (PANEL_INCHES + GAP_INCHES)


def _circle_mm(half: Half, known: Lesion | None, plane: Plane) -> float | None:
    """Radius of the circle where nothing is; None where a lesion is."""
    if half.lesions or known is None:
        return None
    return max(axes_in(known, plane).long_axis_mm / 2, LEAST_CIRCLE_MM)


def _view(half: Half, position_lps_mm: Float3, plane: Plane, half_mm: float) -> View:
    """Through the place, or through the nearest slice that meets the lesion."""
    geometry = half.analysis.geometry
    view = view_through(geometry, plane, position_lps_mm, middle_lps_mm=position_lps_mm, half_mm=half_mm)
    slices = _slices_with(half.lesions, plane)
    if not slices or view.slice_index in slices:
        return view
    nearest = min(slices, key=lambda one: abs(one - view.slice_index))
    return View(geometry, plane, nearest, view.middle_kji, half_mm)


def _slices_with(lesions: Sequence[Lesion], plane: Plane) -> list[int]:
    found = {int(n) for one in lesions for n in np.unique(one.mask.index_kji()[:, plane.axis])}
    return sorted(found)


def _draw_column(
    figure: Figure, half: Half, plane: Plane, place: tuple[float, float], circle_mm: float | None
) -> list[Scene]:
    """One plane in both windows; what it shows, or nothing."""
    left, half_mm = place
    top = _row_bottom(0) + PANEL_INCHES + 0.12
    if half.position_lps_mm is None:
        write(figure, left, top, plane.name, size=9, color=QUIET)
        _draw_empty_column(figure, left)
        return []
    view = _view(half, half.position_lps_mm, plane, half_mm)
    scene = arrange(view, half.analysis, half.lesions, panel_inches=PANEL_INCHES, with_axes=False)
    write(figure, left, top, plane_text(view), size=9, color=QUIET)
    for row, window in enumerate((BONE, SOFT_TISSUE)):
        axes = add_panel(figure, left, _row_bottom(row), PANEL_INCHES, PANEL_INCHES)
        draw_scene(axes, half.analysis.scan.volume.hu, scene, window, with_axes=False)
        if circle_mm is not None:
            axes.add_patch(
                Circle(
                    (0.0, 0.0), circle_mm, fill=False, edgecolor=LESION, linewidth=1.2, linestyle=(0, (4, 3))
                )
            )
    return [scene]


def _draw_empty_column(figure: Figure, left: float) -> None:
    for row in (0, 1):
        add_panel(figure, left, _row_bottom(row), PANEL_INCHES, PANEL_INCHES)
        middle = _row_bottom(row) + PANEL_INCHES / 2
        write(figure, left + PANEL_INCHES / 2, middle, NOT_COVERED, size=10, color=WARNING, align="center")
