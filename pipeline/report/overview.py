"""The whole scan at a glance: what was found, what was left out, where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Lesion
from pipeline.report.canvas import (
    EXCLUDED,
    FONT,
    LESION,
    QUIET,
    SHEET_WIDTH_INCHES,
    WORDS,
    add_panel,
    halo,
    new_sheet,
    png,
    text_inches,
    write,
)
from pipeline.report.layout import SOFT, SOLID, Ground, empty_ground
from pipeline.report.marks import show_label
from pipeline.report.panels import CORONAL, SAGITTAL, Extent, Plane, View, orient, view_of_all
from pipeline.report.scene import LABEL_SIZE, LETTER_SIZE, Label
from pipeline.report.windows import BONE
from pipeline.report.wording import burden_lines, kinds_text

AIR_HU = -200
"""Rows and columns of a projection without anything brighter are not shown."""
BONE_TINT = (0.68, 0.85, 1.0)
FILL = 0.55
"""Opacity of a lesion in the projection."""
LEFT_INCHES = 0.35
GAP_INCHES = 0.25
TOP_INCHES = 1.0
BOTTOM_INCHES = 0.62
MOST_HEIGHT_INCHES = 8.5
MARKERS = "osD^vpPX<>h*"
"""One hollow marker for each kind that is left out."""
NUMBERS_AT_MOST = 40
"""Of lesions in one projection, the largest; more would hide one another."""


@dataclass(frozen=True, eq=False, slots=True)
class Projection:
    """The brightest voxel along each line through the scan, and whether it meets bone."""

    view: View
    hu: NDArray[Any]  #: turned for display
    bone: NDArray[np.bool_]
    extent: Extent
    shown: Extent  #: without the air around the patient

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of what is shown."""
        left, right, bottom, top = self.shown
        return right - left, top - bottom


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
    for n, (line, size, color) in enumerate(
        zip(burden_lines(analysis), (12.5, 9.5), (WORDS, QUIET), strict=True)
    ):
        write(figure, LEFT_INCHES, height - 0.22 - 0.27 * n, line, size=size, color=color, bold=n == 0)
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


def project(analysis: Analysis, plane: Plane) -> Projection:
    """Maximum intensity projection across a plane, without a copy of the volume."""
    volume = analysis.scan.volume
    view = view_of_all(volume.geometry, plane)
    hu = orient(volume.hu.max(axis=plane.axis), volume.geometry, plane)
    bone = orient(analysis.skeleton.values.max(axis=plane.axis) > 0, volume.geometry, plane)
    extent = view.borders_mm()
    return Projection(view, hu, bone, extent, _without_air(hu, extent))


def _without_air(hu: NDArray[Any], extent: Extent) -> Extent:
    columns = np.flatnonzero((hu > AIR_HU).any(axis=0))
    left, right, bottom, top = extent
    if columns.size == 0:
        return extent
    step = (right - left) / hu.shape[1]
    return left + step * int(columns[0]), left + step * (int(columns[-1]) + 1), bottom, top


def _draw(axes: Axes, analysis: Analysis, projection: Projection, mm_per_inch: float) -> None:
    axes.imshow(tinted(projection), extent=projection.extent, origin="upper", interpolation="bilinear")
    axes.set_aspect("equal")
    axes.set_xlim(projection.shown[:2])
    axes.set_ylim(projection.shown[2:])
    _draw_lesions(axes, analysis, projection.view)
    ground = _ground(projection, mm_per_inch)
    _draw_letters(axes, projection)
    _draw_excluded(axes, analysis, projection.view)
    _draw_numbers(axes, analysis, projection, ground, mm_per_inch)


def tinted(projection: Projection) -> NDArray[np.float32]:
    """(rows, columns, 3): grey in the bone window, bone in a cold colour."""
    grey = (projection.hu.astype(np.float32) - BONE.low_hu) / BONE.width_hu
    tint = np.where(projection.bone[..., None], BONE_TINT, (1.0, 1.0, 1.0))
    picture: NDArray[np.float32] = (np.clip(grey, 0.0, 1.0)[..., None] * tint).astype(np.float32)
    return picture


def _shadow_of_all(view: View, masks: Sequence[BoxedMask]) -> NDArray[np.bool_]:
    """[row axis, column axis]: what any mask covers, in the order of the array."""
    shape = (view.geometry.shape[view.plane.row], view.geometry.shape[view.plane.column])
    covered = np.zeros(shape, dtype=bool)
    for mask in masks:
        box = (mask.box[view.plane.row], mask.box[view.plane.column])
        covered[box] |= mask.voxels.any(axis=view.plane.axis)
    return covered


def _draw_lesions(axes: Axes, analysis: Analysis, view: View) -> None:
    for status, fill in (("indeterminate", 0.0), ("definite", FILL)):
        covered = _shadow_of_all(view, [one.mask for one in analysis.lesions if one.status == status])
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


def _draw_excluded(axes: Axes, analysis: Analysis, view: View) -> None:
    for kind, marker in _markers(analysis):
        points = [one.centroid_lps_mm for one in analysis.excluded if one.kind == kind]
        right, up = view.to_panel_mm(points).T
        axes.scatter(right, up, s=34, marker=marker, facecolors="none", edgecolors=EXCLUDED, linewidths=1.0)


def _markers(analysis: Analysis) -> list[tuple[str, str]]:
    """Each kind that occurs, with its marker."""
    kinds = sorted({one.kind for one in analysis.excluded})
    return list(zip(kinds, MARKERS, strict=False))


def _middle_and_half(shown: Extent) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    left, right, bottom, top = shown
    return np.array([left + right, bottom + top]) / 2, np.array([right - left, top - bottom]) / 2


def _letters(projection: Projection) -> list[tuple[str, NDArray[np.float64]]]:
    middle, half = _middle_and_half(projection.shown)
    left, right, top = projection.view.plane.marks
    near = half - 0.05 * half.max()
    return [
        (left, middle + near * (-1, 0)),
        (right, middle + near * (1, 0)),
        (top, middle + near * (0, 1)),
    ]


def _draw_letters(axes: Axes, projection: Projection) -> None:
    for letter, (right, up) in _letters(projection):
        axes.text(
            right,
            up,
            letter,
            fontsize=LETTER_SIZE,
            color=WORDS,
            ha="center",
            va="center",
            family=FONT,
            fontweight="bold",
            path_effects=halo(),
        )


def _ground(projection: Projection, mm_per_inch: float) -> Ground:
    middle, half = _middle_and_half(projection.shown)
    ground = empty_ground(float(half[0]), float(half[1]))
    letter = np.full(2, LETTER_SIZE / 72 * 1.4 * mm_per_inch)
    for _, place in _letters(projection):
        ground.cover_box(place - middle, letter, SOLID)
    return ground


def _draw_numbers(
    axes: Axes, analysis: Analysis, projection: Projection, ground: Ground, mm_per_inch: float
) -> None:
    """The number of each lesion beside it, on no other lesion."""
    middle, half = _middle_and_half(projection.shown)
    rims = [projection.view.shadow(one.mask).points_mm() - middle for one in analysis.lesions]
    for rim in rims:
        ground.cover_points(rim, SOLID)
    places = projection.view.to_panel_mm(
        [one.centroid_lps_mm for one in analysis.excluded] or np.empty((0, 3))
    )
    ground.cover_points(places - middle, SOFT, margin_cells=2)
    largest = sorted(zip(analysis.lesions, rims, strict=True), key=lambda one: -_volume_mm3(one[0]))
    for lesion, rim in largest[:NUMBERS_AT_MOST]:
        size = (np.array(text_inches(str(lesion.id), LABEL_SIZE)) + 0.09) * mm_per_inch
        anchors = _few(rim)
        place = ground.place_box(size, anchors, far_from_mm=np.empty((0, 2)))
        anchor = anchors[int(np.argmin(np.linalg.norm(anchors - place, axis=1)))]
        label = Label(str(lesion.id), place + middle, size, anchor + middle)
        show_label(axes, label, 0.015 * float(half.max()), LESION)


def _volume_mm3(lesion: Lesion) -> float:
    return lesion.size.volume_mm3.value


def _few(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The outermost points in eight directions."""
    turns = np.arange(8) * np.pi / 4
    away = np.stack([np.cos(turns), np.sin(turns)])
    outermost: NDArray[np.float64] = points[np.argmax(points @ away, axis=0)]
    return outermost


def _write_legend(figure: Figure, analysis: Analysis) -> None:
    """Colours and markers in words."""
    left = LEFT_INCHES
    entries = [("■ lesion", LESION), ("□ indeterminate lesion", LESION), ("■ bone", to_hex(BONE_TINT))]
    for words, color in entries:
        write(figure, left, 0.4, words, size=8.5, color=color)
        left += text_inches(words, 8.5)[0] + 0.25
    left = LEFT_INCHES
    for kind, marker in _markers(analysis):
        words = kinds_text(one for one in analysis.excluded if one.kind == kind)
        _write_marker(figure, left, marker)
        write(figure, left + 0.12, 0.15, words, size=8.5, color=EXCLUDED)
        left += text_inches(words, 8.5)[0] + 0.4


def _write_marker(figure: Figure, left: float, marker: str) -> None:
    axes = add_panel(figure, left - 0.06, 0.07, 0.16, 0.16)
    axes.patch.set_visible(False)
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    axes.scatter([0], [0], s=34, marker=marker, facecolors="none", edgecolors=EXCLUDED, linewidths=1.0)
