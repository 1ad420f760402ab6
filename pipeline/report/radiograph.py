"""A plain film worked out from the scan: what an X-ray from front to back would show.

Beams are parallel, so that nothing is enlarged; scatter and the detector are left out. Attenuation is
that of the mean energy of a beam of 70 kVp behind a pelvis, where calcium stops more than HU at 120 kVp tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy import ndimage

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.lesion import Lesion
from pipeline.report.canvas import (
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
from pipeline.report.layout import FAINT, SOLID, empty_ground
from pipeline.report.marks import show_label, show_letter, show_outlines, show_scale_bar
from pipeline.report.panels import CORONAL, Extent, View, orient, view_of_all
from pipeline.report.projection import middle_and_half
from pipeline.report.scene import LABEL_SIZE, Label
from pipeline.report.wording import counted

WATER_PER_MM = 0.0227
"""Attenuation of water at 50 keV, 1/mm (NIST XCOM)."""
CALCIUM_GAIN = 1.6
"""Above `SOFT_HU`: cortical bone stops 2.59 times more than water at 50 keV, 1.61 times at the 70 keV of
a scan of 120 kVp (NIST, tables for ICRU-44 bone)."""
SOFT_HU = 100.0
STEP_MM = 2.0
"""Along the beam one voxel stands for this much."""
TABLE_GRID_MM, TABLE_HU = 4.0, -300.0
BLACK_SHARE, WHITE_SHARE = 0.02, 0.999
"""Quantiles of the film inside the body that are black and white."""
EVENED_SHARE, EVENED_MM = 0.5, 25.0
"""So much of the film's own blur is taken off it, as digital radiographs are evened out."""
SCALE_MM = 50.0
GAP_INCHES, TOP_INCHES, BOTTOM_INCHES, MOST_HEIGHT_INCHES = 0.25, 1.0, 0.4, 7.0
NUMBERED = 40
NOTE = (
    "worked out from the scan with parallel beams, nothing enlarged: "
    "to lay beside a plain film, not instead of one"
)


def draw_radiograph(analysis: Analysis, settings: FigureSettings) -> bytes:
    """PNG of the film, plain and with the lesions outlined and numbered. The same input, the same bytes."""
    film, extent, shown = radiograph(analysis)
    width_mm, height_mm = shown[1] - shown[0], shown[3] - shown[2]
    width = (SHEET_WIDTH_INCHES - 2 * MARGIN_INCHES - GAP_INCHES) / 2
    width = min(width, MOST_HEIGHT_INCHES / height_mm * width_mm)
    height = width / width_mm * height_mm
    figure = new_sheet(TOP_INCHES + height + BOTTOM_INCHES, settings)
    number = counted(len(analysis.lesions), "lesion")
    write_heading(
        figure,
        f"Simulated radiograph, anteroposterior   ·   {number if analysis.lesions else 'no lesion'}",
        NOTE,
        color=QUIET,
    )
    for n in (0, 1):
        left = MARGIN_INCHES + n * (width + GAP_INCHES)
        words = ("as it is", "with the lesions of the scan")[n]
        write(figure, left, BOTTOM_INCHES + height + 0.12, words, size=9, color=QUIET)
        axes = add_panel(figure, left, BOTTOM_INCHES, width, height)
        axes.imshow(
            film, cmap="gray", vmin=0, vmax=1, extent=extent, origin="upper", interpolation="bilinear"
        )
        axes.set_aspect("equal")
        axes.set_xlim(shown[:2])
        axes.set_ylim(shown[2:])
        _draw_sides(axes, shown)
        if n:
            _draw_lesions(axes, analysis, shown, width_mm / width)
    return png(figure)


def radiograph(analysis: Analysis) -> tuple[NDArray[np.float32], Extent, Extent]:
    """The film from black 0 to white 1, turned for display; its borders, and those of the body on it."""
    geometry = analysis.geometry
    view = view_of_all(geometry, CORONAL)
    body = _without_table(analysis)
    path = orient(attenuation(analysis, body), geometry, CORONAL)
    extent = view.borders_mm()
    path = _evened(path, extent)
    inside = path[path > 0]
    low, high = np.quantile(inside, [BLACK_SHARE, WHITE_SHARE]) if inside.size else (0.0, 1.0)
    film = np.clip((path - low) / max(float(high - low), 1e-6), 0.0, 1.0).astype(np.float32)
    columns = np.flatnonzero((path > 0).any(axis=0))
    if columns.size == 0:
        return film, extent, extent
    step = (extent[1] - extent[0]) / path.shape[1]
    left, right = extent[0] + step * columns[0], extent[0] + step * (columns[-1] + 1)
    return film, extent, (float(left), float(right), extent[2], extent[3])


def _evened(path: NDArray[np.float32], extent: Extent) -> NDArray[np.float32]:
    """With less difference between thick and thin parts; 0 outside the body, above 0 inside."""
    rows, columns = path.shape
    sigma = EVENED_MM * rows / (extent[3] - extent[2]), EVENED_MM * columns / (extent[1] - extent[0])
    body = (path > 0).astype(np.float32)
    share = np.maximum(ndimage.gaussian_filter(body, sigma), 1e-3)
    evened = path - EVENED_SHARE * ndimage.gaussian_filter(path, sigma) / share
    return np.where(body > 0, np.maximum(evened, 1e-6), 0.0).astype(np.float32)


def attenuation(analysis: Analysis, body: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[k, i]: what a beam from front to back loses, as the exponent of its weakening.

    Parameters
    ----------
    body : array [k, j, i] of bool
        On a grid of `_blocks`; what lies outside is not there.
    """
    hu, spacing = analysis.scan.volume.hu, analysis.geometry.spacing_mm
    step = max(1, round(STEP_MM / spacing[1]))
    blocks = _blocks(spacing)
    path = np.zeros((hu.shape[0], hu.shape[2]), dtype=np.float32)
    for j in range(step // 2, hu.shape[1], step):
        inside = body[:, j // blocks[1]].repeat(blocks[0], 0).repeat(blocks[2], 1)
        values = np.clip(hu[:, j].astype(np.float32), -1000.0, 3000.0)
        values += (CALCIUM_GAIN - 1.0) * np.maximum(values - SOFT_HU, 0.0)
        path += (values / 1000.0 + 1.0) * inside[: hu.shape[0], : hu.shape[2]]
    return path * np.float32(WATER_PER_MM * step * spacing[1])


def _blocks(spacing_mm: Sequence[float]) -> list[int]:
    return [max(1, round(TABLE_GRID_MM / one)) for one in spacing_mm]


def _without_table(analysis: Analysis) -> NDArray[np.bool_]:
    """Blocks of the largest dense thing, thin ones like the table parted from it, with its hollows."""
    k, j, i = _blocks(analysis.geometry.spacing_mm)
    dense = analysis.scan.volume.hu[k // 2 :: k, j // 2 :: j, i // 2 :: i] > TABLE_HU
    shape = [-(-n // s) for n, s in zip(analysis.geometry.shape, (k, j, i), strict=True)]
    dense = np.pad(dense, [(0, n - have) for n, have in zip(shape, dense.shape, strict=True)], mode="edge")
    cross = ndimage.generate_binary_structure(3, 1)
    cross[0], cross[2] = False, False
    opened = ndimage.binary_opening(dense, cross, iterations=2)
    labels, count = ndimage.label(opened)
    if not count:
        return np.ones_like(dense)
    largest = labels == int(np.bincount(labels.ravel())[1:].argmax()) + 1
    filled = np.stack([ndimage.binary_fill_holes(one) for one in largest])
    return np.asarray(ndimage.binary_dilation(filled, cross, iterations=2))


def _draw_sides(axes: Axes, shown: Extent) -> None:
    middle, half = middle_and_half(shown)
    near = half - 0.05 * half.max()
    for letter, way in (("R", (-1, 0)), ("L", (1, 0)), ("H", (0, 1))):
        right, up = middle + near * way
        show_letter(axes, letter, (float(right), float(up)))
    start = np.array([shown[0], shown[2]]) + 0.04 * (shown[3] - shown[2])
    ends = np.stack([start, start + np.array([SCALE_MM, 0.0])])
    words = (float(start[0]), float(start[1] + 0.03 * (shown[3] - shown[2])))
    show_scale_bar(axes, ends, words, f"{SCALE_MM:.0f} mm")


def _draw_lesions(axes: Axes, analysis: Analysis, shown: Extent, mm_per_inch: float) -> None:
    view: View = view_of_all(analysis.geometry, CORONAL)
    middle, half = middle_and_half(shown)
    chosen: list[Lesion] = sorted(analysis.lesions, key=lambda one: -one.size.volume_mm3.value)[:NUMBERED]
    shadows = [view.shadow(one.mask) for one in chosen]
    show_outlines(axes, shadows, LESION, width=1.0)
    ground = empty_ground(float(half[0]), float(half[1]))
    for shadow in shadows:
        ground.cover_points(shadow.points_mm() - middle, SOLID if len(shadows) < NUMBERED else FAINT)
    for lesion, shadow in zip(chosen, shadows, strict=True):
        size = (np.array(text_inches(str(lesion.id), LABEL_SIZE)) + 0.09) * mm_per_inch
        rim = shadow.points_mm() - middle
        anchors = rim[[rim[:, 0].argmin(), rim[:, 0].argmax(), rim[:, 1].argmin(), rim[:, 1].argmax()]]
        place = ground.place_box(size, anchors, far_from_mm=np.empty((0, 2)))
        anchor = anchors[int(np.argmin(np.linalg.norm(anchors - place, axis=1)))]
        label = Label(str(lesion.id), place + middle, size, anchor + middle)
        show_label(axes, label, 0.015 * float(half.max()), LESION)
