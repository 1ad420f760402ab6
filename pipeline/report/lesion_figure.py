"""The picture of one lesion: three planes in two windows, and where it lies in the whole scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Float3
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Lesion
from pipeline.report.canvas import (
    LESION,
    MARGIN_INCHES,
    QUIET,
    WARNING,
    add_panel,
    new_sheet,
    png,
    write,
    write_heading,
)
from pipeline.report.legend import write_legend
from pipeline.report.marks import draw_scene, draw_zoom
from pipeline.report.panels import (
    PLANES,
    Plane,
    View,
    display_steps_mm,
    pull_inside,
    view_of_all,
    view_through,
)
from pipeline.report.scene import Scene, arrange, arrange_zoom, axes_in, free_corner, zoom_view
from pipeline.report.windows import BONE, SOFT_TISSUE, WIDE
from pipeline.report.wording import axes_text, lesion_notes, lesion_title, plane_text

CONTEXT_FACTOR = 1.4
"""A cut-out is at least this many times as wide as its lesion."""
MOST_SHIFT = 0.6
"""Of the room beside a lesion: how far the cut-out gives way at the border of the scan."""
LEFT_INCHES = MARGIN_INCHES
PANEL_INCHES = 3.35
GAP_INCHES = 0.1
BOTTOM_INCHES = 0.3
THUMBNAIL_INCHES = 1.85
HEIGHT_INCHES = 8.05
ZOOM_SHARE = 0.4
"""Side of the closer look at a small lesion, as a share of the panel's."""
THUMBNAIL_PIXELS = 256


def draw_lesion(analysis: Analysis, lesion: Lesion, settings: FigureSettings) -> bytes:
    """PNG of a lesion in axial, coronal and sagittal slices, bone window above, soft-tissue window below.

    Each slice is the one in which the lesion was measured. The same input gives the same bytes.
    """
    return png(compose_lesion(analysis, lesion, settings))


def compose_lesion(analysis: Analysis, lesion: Lesion, settings: FigureSettings) -> Figure:
    """The sheet of `draw_lesion` before it is turned into bytes."""
    figure = new_sheet(HEIGHT_INCHES, settings)
    write_heading(figure, lesion_title(lesion), lesion_notes(lesion), color=WARNING)
    views = [_view(analysis, lesion, plane, settings) for plane in PLANES]
    scenes = [_draw_column(figure, analysis, lesion, view) for view in views]
    for row, window in enumerate((BONE, SOFT_TISSUE)):
        write(
            figure,
            0.18,
            _row_bottom(row) + PANEL_INCHES / 2,
            window.caption,
            size=9,
            color=QUIET,
            align="center",
            rotation=90,
        )
    _draw_thumbnails(figure, analysis, scenes)
    write_legend(figure, scenes)
    return figure


def _row_bottom(row: int) -> float:
    return BOTTOM_INCHES + (1 - row) * (PANEL_INCHES + GAP_INCHES)


def middle_of(mask: BoxedMask) -> Float3:
    """Middle of a mask's box."""
    index = [(s.start + s.stop - 1) / 2 for s in mask.box]
    x, y, z = mask.geometry.to_lps_mm(index)
    return float(x), float(y), float(z)


def half_width_mm(masks: Sequence[BoxedMask], middle_lps_mm: Float3, settings: FigureSettings) -> float:
    """Half width of a cut-out around a point that shows some masks whole, with enough around them."""
    reach_mm = 0.0
    for mask in masks:
        corners = np.array([[s.start - 0.5, s.stop - 0.5] for s in mask.box]).T
        away = (corners - mask.geometry.to_index(middle_lps_mm)) * mask.geometry.spacing_mm
        reach_mm = max(reach_mm, float(np.abs(away).max()))
    return max(settings.half_width_mm, CONTEXT_FACTOR * reach_mm)


def _view(analysis: Analysis, lesion: Lesion, plane: Plane, settings: FigureSettings) -> View:
    """The slice in which the lesion was measured."""
    middle = middle_of(lesion.mask)
    half_mm = half_width_mm([lesion.mask], middle, settings)
    most_mm = max(0.0, half_mm - CONTEXT_FACTOR * max(lesion.size.extent_mm) / 2) * MOST_SHIFT
    middle = pull_inside(analysis.geometry, middle, half_mm=half_mm, most_mm=most_mm)
    return view_through(
        analysis.geometry,
        plane,
        axes_in(lesion, plane).long_axis_points_lps_mm[0],
        middle_lps_mm=middle,
        half_mm=half_mm,
    )


def _draw_column(figure: Figure, analysis: Analysis, lesion: Lesion, view: View) -> Scene:
    """A plane in both windows; the axes in the upper one only, so that the lower one is left open."""
    left = LEFT_INCHES + PLANES.index(view.plane) * (PANEL_INCHES + GAP_INCHES)
    caption = f"{plane_text(view)}   ·   {axes_text(axes_in(lesion, view.plane))}"
    write(figure, left, _row_bottom(0) + PANEL_INCHES + 0.12, caption, size=9, color=QUIET)
    closer = zoom_view(view, lesion)
    scene = arrange(view, analysis, [lesion], panel_inches=PANEL_INCHES, with_axes=closer is None)
    for row, window in enumerate((BONE, SOFT_TISSUE)):
        axes = add_panel(figure, left, _row_bottom(row), PANEL_INCHES, PANEL_INCHES)
        draw_scene(axes, analysis.scan.volume.hu, scene, window, with_axes=row == 0)
    if closer is not None:
        zoom = arrange_zoom(closer, analysis, lesion, panel_inches=ZOOM_SHARE * PANEL_INCHES)
        right, up = (share * PANEL_INCHES for share in free_corner(scene, ZOOM_SHARE))
        side = ZOOM_SHARE * PANEL_INCHES
        axes = add_panel(figure, left + right, _row_bottom(0) + up, side, side)
        draw_zoom(axes, analysis.scan.volume.hu, zoom, BONE)
    return scene


def _draw_thumbnails(figure: Figure, analysis: Analysis, scenes: Sequence[Scene]) -> None:
    """The whole of each slice with a frame around what is shown large."""
    left = LEFT_INCHES + 3 * (PANEL_INCHES + GAP_INCHES)
    top = _row_bottom(0) + PANEL_INCHES
    height = (top - BOTTOM_INCHES - 2 * GAP_INCHES) / 3
    write(figure, left, top + 0.12, "whole slice", size=9, color=QUIET)
    for n, scene in enumerate(scenes):
        _draw_thumbnail(figure, analysis, scene.view, (left, top - (n + 1) * height - n * GAP_INCHES, height))


def _draw_thumbnail(
    figure: Figure, analysis: Analysis, view: View, place: tuple[float, float, float]
) -> None:
    left, bottom, height = place
    geometry, plane = analysis.geometry, view.plane
    whole = view_of_all(geometry, plane, view.slice_index)
    found = whole.picture(analysis.scan.volume.hu)
    if found is None:
        return
    pixels, extent = found
    step = max(1, min(pixels.shape) // THUMBNAIL_PIXELS)
    axes = add_panel(figure, left, bottom, THUMBNAIL_INCHES, height)
    axes.set_facecolor(figure.get_facecolor())
    axes.imshow(
        pixels[::step, ::step].astype(np.float32),
        cmap="gray",
        vmin=WIDE.low_hu,
        vmax=WIDE.high_hu,
        extent=extent,
        origin="upper",
        interpolation="bilinear",
        aspect="equal",
    )
    axes.set_anchor("N")
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    away = (view.middle_kji - whole.middle_kji)[[plane.column, plane.row]]
    middle = away * display_steps_mm(geometry, plane)
    low = np.clip(middle - view.half_mm, extent[::2], extent[1::2])
    high = np.clip(middle + view.half_mm, extent[::2], extent[1::2])
    frame = Rectangle((low[0], low[1]), *(high - low), fill=False, edgecolor=LESION, linewidth=1.0)
    axes.add_patch(frame)
