"""A figure for a paper: whole axial and coronal slices, arrows on lesions, circles where one was."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison, Track
from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import Lesion
from pipeline.report.canvas import COMPRESSION, FONT, FOOTER, add_panel, write
from pipeline.report.layout import SOLID, empty_ground, place_arrow
from pipeline.report.marks import show_arrow, show_picture
from pipeline.report.panels import AXIAL, CORONAL, Plane, View, view_through
from pipeline.report.place_figure import shown_dates
from pipeline.report.projection import AIR_HU
from pipeline.report.scene import axes_in, sections_of
from pipeline.report.time_axis import distance_text
from pipeline.report.windows import WIDE

DOTS_PER_INCH = 300
PANEL_INCHES, GAP_INCHES, LINE_INCHES = 3.4, 0.06, 0.24
"""Two panels beside each other are 174 mm wide: two columns of a journal."""
ARROW_SHARE, ARROW_GAP_SHARE = 0.17, 0.02
"""Of the panel's half."""
MOST_ARROWS = 8
"""In one panel, onto the largest."""
LEAST_CIRCLE_MM, CIRCLE_FACTOR = 6.0, 1.15
SCALE_MM = 50.0
MARGIN_MM = 6.0
HASH_SALT = "calcinosis"
"""Of the ids in an SVG, so that the same figure gives the same bytes."""
Format = Literal["png", "svg"]


@dataclass(frozen=True, eq=False, slots=True)
class Spot:
    """A place where a lesion was or will be, and nothing is now."""

    position_lps_mm: Float3
    lesion: Lesion  #: as it is on the other date


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """One date of the figure."""

    caption: str
    analysis: Analysis
    through_lps_mm: Float3  #: both slices pass here
    empty: tuple[Spot, ...] = ()


def row_of(analysis: Analysis, lesion: Lesion, caption: str) -> Row:
    """The slices in which a lesion's axes were measured."""
    x, _, _ = lesion.size.centroid_lps_mm
    y = lesion.size.coronal.long_axis_points_lps_mm[0][1]
    z = lesion.size.axial.long_axis_points_lps_mm[0][2]
    return Row(caption, analysis, (x, y, z))


def rows_of_track(comparison: Comparison, track: Track) -> list[Row]:
    """The first date with a lesion (or the first of all, if only the last one has it), and the last."""
    rows = [_row_of_date(comparison, track, n) for n in shown_dates(track)]
    return [row for row in rows if row is not None]


def _row_of_date(comparison: Comparison, track: Track, index: int) -> Row | None:
    """None where the scan does not show the place."""
    analysis, point = comparison.analyses[index], comparison.time_points[index]
    days = point.days_from_first
    since = f"after {distance_text(days)}" if days else ""
    date = point.date.isoformat() if point.date else "" if since else "first scan"
    caption = ", ".join(part for part in (date, since) if part)
    own = [one for one in analysis.lesions if one.id in track.lesion_ids[index]]
    empty = tuple(spot for one in comparison.tracks if (spot := _spot(comparison, one, index)) is not None)
    if own:
        largest = max(own, key=lambda one: one.size.volume_mm3.value)
        return replace(row_of(analysis, largest, caption), empty=empty)
    position = track.position_lps_mm[index]
    return None if position is None else Row(caption, analysis, position, empty)


def _spot(comparison: Comparison, track: Track, index: int) -> Spot | None:
    """Where a track has nothing on a date that shows its place."""
    position = track.position_lps_mm[index]
    if track.lesion_ids[index] or not track.evaluable[index] or position is None:
        return None
    there = [
        one
        for n, ids in enumerate(track.lesion_ids)
        for one in comparison.analyses[n].lesions
        if one.id in ids
    ]
    return Spot(position, max(there, key=lambda one: one.size.volume_mm3.value)) if there else None


def draw_paper(rows: Sequence[Row], form: Format) -> bytes:
    """The figure as 300 dpi PNG or as SVG with its words as text. The same input gives the same bytes."""
    figure = compose_paper(rows)
    buffer = io.BytesIO()
    if form == "png":
        packing = {"compress_level": COMPRESSION}
        figure.savefig(
            buffer, format=form, dpi=DOTS_PER_INCH, metadata={"Software": None}, pil_kwargs=packing
        )
        return buffer.getvalue()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": HASH_SALT}):
        figure.savefig(buffer, format=form, dpi=DOTS_PER_INCH, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def compose_paper(rows: Sequence[Row]) -> Figure:
    """The sheet of `draw_paper` before it is turned into bytes: a row for each date, white around."""
    width = 2 * PANEL_INCHES + GAP_INCHES
    height = len(rows) * (PANEL_INCHES + LINE_INCHES) + LINE_INCHES
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")
    FigureCanvasAgg(figure)
    for n, row in enumerate(rows):
        bottom = height - (n + 1) * (PANEL_INCHES + LINE_INCHES)
        write(figure, 0.02, bottom + PANEL_INCHES + 0.11, row.caption, size=9, color="black", bold=True)
        for m, plane in enumerate((AXIAL, CORONAL)):
            left = m * (PANEL_INCHES + GAP_INCHES)
            axes = add_panel(figure, left, bottom, PANEL_INCHES, PANEL_INCHES)
            axes.set_facecolor("black")
            _draw(axes, row, plane, "ABCDEFGHIJ"[2 * n + m])
    write(figure, width, 0.11, FOOTER, size=6.5, color="#555555", align="right")
    return figure


def _draw(axes: Axes, row: Row, plane: Plane, letter: str) -> None:
    view = whole_body_view(row.analysis, plane, row.through_lps_mm)
    show_picture(axes, view, row.analysis.scan.volume.hu, WIDE)
    _draw_words(axes, view, letter)
    for spot in row.empty:
        _draw_circle(axes, view, spot)
    ground = empty_ground(view.half_mm, view.half_mm)
    lesions = sorted(row.analysis.lesions, key=lambda one: -one.size.volume_mm3.value)
    sections = sections_of(view, (one.mask for one in lesions if one.status == "definite"))[:MOST_ARROWS]
    for section in sections:
        ground.cover_section(section, SOLID)
    for section in sections:
        length, gap = ARROW_SHARE * view.half_mm, ARROW_GAP_SHARE * view.half_mm
        show_arrow(axes, place_arrow(ground, section, length_mm=length, gap_mm=gap))


def whole_body_view(analysis: Analysis, plane: Plane, through_lps_mm: Float3) -> View:
    """The slice through a place, around all of the body that it shows."""
    geometry = analysis.geometry
    index = int(
        np.clip(np.rint(geometry.to_index(through_lps_mm)[plane.axis]), 0, geometry.shape[plane.axis] - 1)
    )
    dense = np.asarray(analysis.scan.volume.hu.take(index, axis=plane.axis) > AIR_HU)
    middle = (np.array(geometry.shape, dtype=np.float64) - 1) / 2
    half_mm = 0.0
    for along, axis in ((0, plane.row), (1, plane.column)):
        found = np.flatnonzero(dense.any(axis=1 - along))
        first, last = (found[0], found[-1]) if found.size else (0, geometry.shape[axis] - 1)
        middle[axis] = (first + last) / 2
        half_mm = max(half_mm, (last - first + 1) / 2 * geometry.spacing_mm[axis])
    x, y, z = geometry.to_lps_mm(middle)
    return view_through(
        geometry,
        plane,
        through_lps_mm,
        middle_lps_mm=(float(x), float(y), float(z)),
        half_mm=half_mm + MARGIN_MM,
    )


def _draw_circle(axes: Axes, view: View, spot: Spot) -> None:
    """Where the slice passes through what was there."""
    radius_mm = max(LEAST_CIRCLE_MM, CIRCLE_FACTOR * axes_in(spot.lesion, view.plane).long_axis_mm / 2)
    away = abs(spot.position_lps_mm[view.plane.across] - view.position_mm)
    if away > spot.lesion.size.extent_mm[view.plane.across] / 2:
        return
    right, up = view.to_panel_mm(spot.position_lps_mm)
    for color, line in (("black", 2.6), ("white", 1.3)):
        axes.add_patch(Circle((right, up), radius_mm, fill=False, edgecolor=color, linewidth=line))


def _draw_words(axes: Axes, view: View, letter: str) -> None:
    """The panel's letter, the patient's right, and a bar of known length."""
    half = view.half_mm
    _word(axes, -0.93, 0.92, letter, size=12)
    _word(axes, -0.94, 0.0, view.plane.marks[0], size=9)
    ends: NDArray[np.float64] = np.array(
        [[-0.94 * half, -0.93 * half], [-0.94 * half + SCALE_MM, -0.93 * half]]
    )
    axes.add_collection(LineCollection([ends], colors=["white"], linewidths=1.8), autolim=False)
    _word(axes, -0.94, -0.86, f"{SCALE_MM / 10:.0f} cm", size=7, align="left")


def _word(
    axes: Axes,
    right: float,
    up: float,
    words: str,
    *,
    size: float,
    align: Literal["left", "center"] = "center",
) -> None:
    """Without a rim: words with one would be drawn as paths in an SVG."""
    axes.text(
        *(0.5 + 0.5 * right, 0.5 + 0.5 * up),
        words,
        transform=axes.transAxes,
        fontsize=size,
        color="white",
        ha=align,
        va="center",
        family=FONT,
        fontweight="bold",
        bbox={"facecolor": "black", "edgecolor": "none", "pad": 1.0, "alpha": 0.6},
        parse_math=False,
    )
