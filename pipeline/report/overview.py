"""The whole scan at a glance: what was found, what was left out, where it lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.lesion import Lesion
from pipeline.report.canvas import (
    EXCLUDED,
    LESION,
    MARGIN_INCHES,
    QUIET,
    SHEET_WIDTH_INCHES,
    add_panel,
    new_sheet,
    png,
    text_inches,
    write,
    write_heading,
)
from pipeline.report.layout import FAINT, SOFT, SOLID, Ground, empty_ground
from pipeline.report.marks import show_label, show_letter, show_outlines, show_scale_bar
from pipeline.report.panels import CORONAL, SAGITTAL, View, display_steps_mm, orient
from pipeline.report.projection import BONE_TINT, Projection, middle_and_half, project, shadow_of_all, tinted
from pipeline.report.scene import LABEL_SIZE, LETTER_SIZE, Label
from pipeline.report.wording import burden_lines, kinds_text

LEGEND_SIZE = 8.5
SCALE_MM = 50.0
FILL = 0.55
"""Opacity of a lesion in the projection."""
LEFT_INCHES = MARGIN_INCHES
GAP_INCHES = 0.25
TOP_INCHES = 1.0
BOTTOM_INCHES = 0.62
MOST_HEIGHT_INCHES = 8.5
MARKERS = "osD^vpPX<>h*"
"""One hollow marker for each kind that is left out."""
LARGE_SHARE = 0.03
"""Of the picture: a lesion that covers more may be written on."""
NUMBERS_AT_MOST = 40
"""Of lesions in one projection, the largest; more would hide one another."""


def draw_overview(analysis: Analysis, settings: FigureSettings) -> bytes:
    """PNG of a coronal and a sagittal maximum intensity projection with all that was found.

    Lesions are filled and numbered, indeterminate ones hollow; what was not counted has a hollow
    marker for its kind; bone is tinted. The same input gives the same bytes.
    """
    return png(compose_overview(analysis, settings))


def compose_overview(analysis: Analysis, settings: FigureSettings) -> Figure:
    """The sheet of `draw_overview` before it is turned into bytes."""
    projections = [project(analysis, plane) for plane in (CORONAL, SAGITTAL)]
    inches_per_mm = _scale(projections)
    tallest = max(one.size_mm[1] for one in projections) * inches_per_mm
    height = TOP_INCHES + tallest + BOTTOM_INCHES
    figure = new_sheet(height, settings)
    write_heading(figure, *burden_lines(analysis), color=QUIET)
    left = LEFT_INCHES
    for projection in projections:
        width_mm, height_mm = projection.size_mm
        caption = f"{projection.view.plane.name} projection (brightest voxel)"
        write(figure, left, height - TOP_INCHES + 0.12, caption, size=9, color=QUIET)
        place = (left, height - TOP_INCHES - height_mm * inches_per_mm)
        axes = add_panel(figure, *place, width_mm * inches_per_mm, height_mm * inches_per_mm)
        _draw(axes, analysis, projection, 1.0 / inches_per_mm)
        left += width_mm * inches_per_mm + GAP_INCHES
    _write_legend(figure, analysis)
    return figure


def _scale(projections: Sequence[Projection]) -> float:
    """Inches per millimetre, the same for both."""
    room = SHEET_WIDTH_INCHES - 2 * LEFT_INCHES - GAP_INCHES * (len(projections) - 1)
    widths, heights = zip(*(one.size_mm for one in projections), strict=True)
    return float(min(room / sum(widths), MOST_HEIGHT_INCHES / max(heights)))


def _draw(axes: Axes, analysis: Analysis, projection: Projection, mm_per_inch: float) -> None:
    axes.imshow(tinted(projection), extent=projection.extent, origin="upper", interpolation="bilinear")
    axes.set_aspect("equal")
    axes.set_xlim(projection.shown[:2])
    axes.set_ylim(projection.shown[2:])
    _draw_lesions(axes, analysis, projection.view)
    ground = _ground(projection, mm_per_inch)
    _draw_letters(axes, projection)
    _draw_scale(axes, projection)
    _draw_excluded(axes, analysis, projection.view)
    _draw_numbers(axes, analysis, projection, ground, mm_per_inch)


def _draw_lesions(axes: Axes, analysis: Analysis, view: View) -> None:
    for status, fill in (("indeterminate", 0.0), ("definite", FILL)):
        covered = shadow_of_all(view, [one.mask for one in analysis.lesions if one.status == status])
        if not covered.any():
            continue
        seen = orient(covered, view.geometry, view.plane)
        paint = np.zeros((*seen.shape, 4), dtype=np.float32)
        paint[seen] = (*to_rgb(LESION), fill)
        axes.imshow(paint, extent=view.borders_mm(), origin="upper", interpolation="nearest", aspect="equal")
        right_mm, up_mm = view.centres_mm()
        axes.contour(
            right_mm,
            up_mm,
            np.pad(covered, 1).astype(np.float32),
            levels=[0.5],
            colors=[LESION],
            linewidths=[0.9],
        )
    show_outlines(axes, [view.shadow(one.mask) for one in numbered(analysis)], LESION, width=0.9)


def numbered(analysis: Analysis) -> list[Lesion]:
    """The lesions that get a number, largest first."""
    by_size = sorted(analysis.lesions, key=lambda one: -one.size.volume_mm3.value)
    return by_size[:NUMBERS_AT_MOST]


def _draw_excluded(axes: Axes, analysis: Analysis, view: View) -> None:
    for kind, marker in _markers(analysis):
        points = [one.centroid_lps_mm for one in analysis.excluded if one.kind == kind]
        right, up = view.to_panel_mm(points).T
        axes.scatter(right, up, s=34, marker=marker, facecolors="none", edgecolors=EXCLUDED, linewidths=1.0)


def _markers(analysis: Analysis) -> list[tuple[str, str]]:
    """Each kind that occurs, with its marker."""
    kinds = sorted({one.kind for one in analysis.excluded})
    return list(zip(kinds, MARKERS, strict=False))


def _letters(projection: Projection) -> list[tuple[str, NDArray[np.float64]]]:
    middle, half = middle_and_half(projection.shown)
    left, right, top = projection.view.plane.marks
    near = half - 0.05 * half.max()
    return [
        (left, middle + near * (-1, 0)),
        (right, middle + near * (1, 0)),
        (top, middle + near * (0, 1)),
    ]


def _draw_letters(axes: Axes, projection: Projection) -> None:
    for letter, (right, up) in _letters(projection):
        show_letter(axes, letter, (float(right), float(up)))


def _scale_mm(projection: Projection) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the scale bar, and where its words stand."""
    left, _, bottom, top = projection.shown
    start = np.array([left, bottom]) + 0.03 * (top - bottom)
    return np.stack([start, start + np.array([SCALE_MM, 0.0])]), start + np.array(
        [0.0, 0.03 * (top - bottom)]
    )


def _draw_scale(axes: Axes, projection: Projection) -> None:
    ends, (right, up) = _scale_mm(projection)
    show_scale_bar(axes, ends, (float(right), float(up)), f"{SCALE_MM:.0f} mm")


def _ground(projection: Projection, mm_per_inch: float) -> Ground:
    middle, half = middle_and_half(projection.shown)
    ground = empty_ground(float(half[0]), float(half[1]))
    letter = np.full(2, LETTER_SIZE / 72 * 1.4 * mm_per_inch)
    for _, place in _letters(projection):
        ground.cover_box(place - middle, letter, SOLID)
    ends, words = _scale_mm(projection)
    ground.cover_box((ends.mean(0) + words) / 2 - middle, 1.3 * np.ptp([*ends, words], axis=0), SOLID)
    return ground


def _draw_numbers(
    axes: Axes, analysis: Analysis, projection: Projection, ground: Ground, mm_per_inch: float
) -> None:
    """The number of each lesion beside it, on no other lesion."""
    middle, half = middle_and_half(projection.shown)
    rims = {one.id: projection.view.shadow(one.mask).points_mm() - middle for one in analysis.lesions}
    pixel_mm2 = abs(float(np.prod(display_steps_mm(projection.view.geometry, projection.view.plane))))
    for rim in rims.values():
        is_large = len(rim) * pixel_mm2 > LARGE_SHARE * 4 * float(np.prod(half))
        ground.cover_points(rim, FAINT if is_large else SOLID)
    places = projection.view.to_panel_mm(
        [one.centroid_lps_mm for one in analysis.excluded] or np.empty((0, 3))
    )
    ground.cover_points(places - middle, SOFT, margin_cells=2)
    for lesion in numbered(analysis):
        size = (np.array(text_inches(str(lesion.id), LABEL_SIZE)) + 0.09) * mm_per_inch
        anchors = _few(rims[lesion.id])
        place = ground.place_box(size, anchors, far_from_mm=np.empty((0, 2)))
        anchor = anchors[int(np.argmin(np.linalg.norm(anchors - place, axis=1)))]
        label = Label(str(lesion.id), place + middle, size, anchor + middle)
        show_label(axes, label, 0.015 * float(half.max()), LESION)


def _few(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The outermost points in eight directions."""
    turns = np.arange(8) * np.pi / 4
    away = np.stack([np.cos(turns), np.sin(turns)])
    outermost: NDArray[np.float64] = points[np.argmax(points @ away, axis=0)]
    return outermost


def _write_legend(figure: Figure, analysis: Analysis) -> None:
    """Colours and markers in words, in one line or two."""
    entries = [
        ("■ lesion", LESION, ""),
        ("□ indeterminate lesion", LESION, ""),
        ("■ bone", to_hex(BONE_TINT), ""),
    ]
    for kind, marker in _markers(analysis):
        words = kinds_text(one for one in analysis.excluded if one.kind == kind)
        entries.append((f"not counted: {words}" if len(entries) == 3 else words, EXCLUDED, marker))
    left, line = LEFT_INCHES, 0.4
    for words, color, marker in entries:
        width = text_inches(words, LEGEND_SIZE)[0] + (0.15 if marker else 0.0)
        if left + width > SHEET_WIDTH_INCHES - LEFT_INCHES:
            left, line = LEFT_INCHES, 0.15
        if marker:
            _write_marker(figure, left, line, marker)
        write(figure, left + (0.15 if marker else 0.0), line, words, size=LEGEND_SIZE, color=color)
        left += width + 0.25


def _write_marker(figure: Figure, left: float, line: float, marker: str) -> None:
    axes = add_panel(figure, left - 0.03, line - 0.08, 0.16, 0.16)
    axes.patch.set_visible(False)
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    axes.scatter([0], [0], s=34, marker=marker, facecolors="none", edgecolors=EXCLUDED, linewidths=1.0)
