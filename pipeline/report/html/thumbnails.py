"""Small pictures of places in an axial slice, for the rows of a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import Lesion
from pipeline.report.html.pictures import thumbnail_url
from pipeline.report.panels import AXIAL, View, view_through
from pipeline.report.windows import WIDE

SIDE_PIXELS = 168
LEAST_HALF_MM, MARGIN_FACTOR = 20.0, 0.8
"""Half of the window: at least this, and this share of the longest axis."""
MARK_RGB = (255, 171, 25)
OUTSIDE_GREY = 26
LEAST_CIRCLE_MM = 4.0
"""Radius below which a circle would look like a lesion itself."""
DASHES, DASH_SHARE, LINE_PIXELS = 18, 0.6, 1.8


def lesion_thumbnail(analysis: Analysis, lesion: Lesion) -> str:
    """The slice in which a lesion's axes were measured, with its outline, as a data URL."""
    (first, second) = lesion.size.axial.long_axis_points_lps_mm
    middle = tuple((a + b) / 2 for a, b in zip(first, second, strict=True))
    view = _view(analysis, (middle[0], middle[1], middle[2]), lesion)
    picture = _picture(view, analysis)
    picture[_outline(view, lesion)] = MARK_RGB
    return thumbnail_url(picture)


def place_thumbnail(analysis: Analysis, middle_lps_mm: Float3, elsewhere: Lesion) -> str:
    """The axial slice through the place of a lesion of another date, with a dashed circle of its size."""
    view = _view(analysis, middle_lps_mm, elsewhere)
    picture = _picture(view, analysis)
    picture[_circle(view, max(LEAST_CIRCLE_MM, elsewhere.size.axial.long_axis_mm / 2))] = MARK_RGB
    return thumbnail_url(picture)


def _view(analysis: Analysis, middle_lps_mm: Float3, lesion: Lesion) -> View:
    half_mm = max(LEAST_HALF_MM, MARGIN_FACTOR * lesion.size.axial.long_axis_mm)
    return view_through(analysis.geometry, AXIAL, middle_lps_mm, middle_lps_mm=middle_lps_mm, half_mm=half_mm)


def _picture(view: View, analysis: Analysis) -> NDArray[np.uint8]:
    return np.repeat(_grey(view, analysis.scan.volume.hu)[..., None], 3, axis=2)


def _circle(view: View, radius_mm: float) -> NDArray[np.bool_]:
    """A dashed circle around the middle."""
    right_mm, up_mm = np.meshgrid(*_samples(view))
    distance_mm = np.hypot(right_mm, up_mm)
    line_mm = LINE_PIXELS * 2 * view.half_mm / SIDE_PIXELS
    dash = (np.arctan2(up_mm, right_mm) / (2 * np.pi) * DASHES) % 1 < DASH_SHARE
    return np.asarray((np.abs(distance_mm - radius_mm) <= line_mm / 2) & dash)


def _samples(view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Millimetres to the right and up of the picture's pixels."""
    steps = (np.arange(SIDE_PIXELS) + 0.5) / SIDE_PIXELS * 2 - 1
    return steps * view.half_mm, -steps * view.half_mm


def _grey(view: View, hu: NDArray[np.generic]) -> NDArray[np.uint8]:
    found = view.picture(hu)
    if found is None:
        return np.full((SIDE_PIXELS, SIDE_PIXELS), OUTSIDE_GREY, dtype=np.uint8)
    pixels, (left, right, bottom, top) = found
    right_mm, up_mm = _samples(view)
    column = (right_mm - left) / (right - left) * pixels.shape[1] - 0.5
    row = (top - up_mm) / (top - bottom) * pixels.shape[0] - 0.5
    shown = ndimage.map_coordinates(
        pixels.astype(np.float32), np.meshgrid(row, column, indexing="ij"), order=1, mode="nearest"
    )
    grey = np.clip((shown - WIDE.low_hu) / WIDE.width_hu, 0, 1) * 255
    inside = ((row >= -0.5) & (row <= pixels.shape[0] - 0.5))[:, None] & (
        (column >= -0.5) & (column <= pixels.shape[1] - 0.5)
    )
    return np.where(inside, grey, OUTSIDE_GREY).astype(np.uint8)


def _outline(view: View, lesion: Lesion) -> NDArray[np.bool_]:
    section = view.section(lesion.mask)
    if section is None:
        return np.zeros((SIDE_PIXELS, SIDE_PIXELS), dtype=bool)
    right_mm, up_mm = _samples(view)
    points = np.stack(np.meshgrid(right_mm, up_mm), axis=-1)
    inside = section.holds(points)
    return np.asarray(ndimage.binary_dilation(inside) & ~inside)
