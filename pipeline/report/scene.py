"""What is drawn onto one slice of a lesion, and where: worked out before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.domain.analysis import Analysis
from pipeline.domain.image import BoxedMask
from pipeline.domain.lesion import Excluded, Lesion, PlanarAxes
from pipeline.report.canvas import text_inches
from pipeline.report.layout import CELLS, FAINT, SOFT, SOLID, Arrow, Ground, empty_ground, place_arrow
from pipeline.report.panels import Plane, Section, View

LABEL_SIZE = 9.0
LETTER_SIZE = 11.0
ARROW_SHARE = 0.24
"""Length of an arrow as a share of the panel's half."""
GAP_SHARE = 0.035
"""Between an arrow's tip and the outline, as a share of the panel's half."""
LETTER_SHARE = 0.93
"""Where the letters stand, as a share of the panel's half."""
SCALE_BAR_MM = 20.0
TICK_SHARE = 0.022
"""Half length of the end ticks of an axis, as a share of the panel's half."""
PADDING_INCHES = 0.05
SMALL_SHARE = 0.21
"""A long axis below this share of the panel's half is shown in a closer look."""
ZOOM_FACTOR = 0.9
"""Half width of a closer look in long axes."""
LEAST_ZOOM_HALF_MM = 6.0


@dataclass(frozen=True, eq=False, slots=True)
class Label:
    """Words beside the thing they belong to."""

    words: str
    middle_mm: NDArray[np.float64]
    size_mm: NDArray[np.float64]
    anchor_mm: NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Scene:
    """All marks of one slice."""

    view: View
    own: tuple[Section, ...]
    others: tuple[Section, ...]
    excluded: tuple[Section, ...]
    left_out: tuple[Excluded, ...]  #: whose sections `excluded` are
    axes_mm: tuple[NDArray[np.float64], ...]  #: each (2, 2): ends as (right, up)
    labels: tuple[Label, ...]
    arrow: Arrow | None


def axes_in(lesion: Lesion, plane: Plane) -> PlanarAxes:
    """The lesion's axes in a plane."""
    planes = {"axial": lesion.size.axial, "coronal": lesion.size.coronal, "sagittal": lesion.size.sagittal}
    return planes[plane.name]


def sections_of(view: View, masks: Iterable[BoxedMask]) -> tuple[Section, ...]:
    """Where the slice meets the masks, those it misses left out."""
    return tuple(one for one in (_seen(view, mask) for mask in masks) if one is not None)


def _seen(view: View, mask: BoxedMask) -> Section | None:
    section = view.section(mask)
    return section if section is not None and _in_sight(view, section) else None


def _in_sight(view: View, section: Section) -> bool:
    return bool((np.abs(section.corners_mm()).max(axis=1) <= view.half_mm).any())


def arrange(
    view: View,
    analysis: Analysis,
    lesions: Sequence[Lesion],
    *,
    panel_inches: float,
    with_axes: bool = True,
) -> Scene:
    """Marks of a slice that shows some lesions, with an arrow onto the largest.

    Axes are shown where there is only one lesion and the slice is the one in which it was measured.
    """
    bare = _outlines(view, analysis, lesions)
    own, others, excluded = bare.own, bare.others, bare.excluded
    axes_mm, words = _rulers(view, lesions) if with_axes else ((), ())
    ground = _prepared(view, panel_inches)
    _cover_bone(ground, view, analysis)
    _cover(ground, own, (*others, *excluded), axes_mm)
    arrow = None
    if own:
        length, gap = ARROW_SHARE * view.half_mm, GAP_SHARE * view.half_mm
        arrow = place_arrow(ground, largest(own), length_mm=length, gap_mm=gap)
    labels = _place_labels(ground, axes_mm, words, 2 * view.half_mm / panel_inches)
    return replace(bare, axes_mm=axes_mm, labels=labels, arrow=arrow)


def _outlines(view: View, analysis: Analysis, lesions: Sequence[Lesion]) -> Scene:
    """The slice with its outlines and nothing else yet."""
    ids = {one.id for one in lesions}
    left_out = tuple(one for one in analysis.excluded if _seen(view, one.mask) is not None)
    return Scene(
        view=view,
        own=sections_of(view, (one.mask for one in lesions)),
        others=sections_of(view, (one.mask for one in analysis.lesions if one.id not in ids)),
        excluded=sections_of(view, (one.mask for one in left_out)),
        left_out=left_out,
        axes_mm=(),
        labels=(),
        arrow=None,
    )


def zoom_view(view: View, lesion: Lesion) -> View | None:
    """A closer look at a lesion whose axes would hide it; None if it is large enough as it is."""
    axes = axes_in(lesion, view.plane)
    if axes.long_axis_mm >= SMALL_SHARE * view.half_mm:
        return None
    middle = view.geometry.to_index(axes.long_axis_points_lps_mm).mean(axis=0)
    half_mm = max(ZOOM_FACTOR * axes.long_axis_mm, LEAST_ZOOM_HALF_MM)
    return View(view.geometry, view.plane, view.slice_index, middle, half_mm)


def arrange_zoom(view: View, analysis: Analysis, lesion: Lesion, *, panel_inches: float) -> Scene:
    """Outlines and measured axes alone, without sides, scale and arrow."""
    bare = _outlines(view, analysis, [lesion])
    axes_mm, words = _rulers(view, [lesion])
    ground = empty_ground(view.half_mm, view.half_mm)
    _cover(ground, bare.own, (*bare.others, *bare.excluded), axes_mm)
    labels = _place_labels(ground, axes_mm, words, 2 * view.half_mm / panel_inches)
    return replace(bare, axes_mm=axes_mm, labels=labels)


def free_corner(scene: Scene, share: float) -> tuple[float, float]:
    """Lower left corner, as shares of the panel, of the square in a corner that hides least.

    The lower left corner of the panel is the scale bar's.
    """
    ground = empty_ground(scene.view.half_mm, scene.view.half_mm)
    _cover(ground, (*scene.own, *scene.others, *scene.excluded), (), ())
    if scene.arrow is not None:
        ground.cover_line(np.stack([scene.arrow.tip_mm, scene.arrow.tail_mm]), SOLID)
    far = 1.0 - share
    places = ((far, far), (0.0, far), (far, 0.0))
    cells = round(share * CELLS)
    taken = [
        ground.weight[round(up * CELLS) :, round(right * CELLS) :][:cells, :cells].sum()
        for right, up in places
    ]
    return places[int(np.argmin(taken))]


def _cover_bone(ground: Ground, view: View, analysis: Analysis) -> None:
    """Bone had better not be covered: it tells where one is."""
    found = view.picture(analysis.skeleton.values)
    if found is None:
        return
    pixels, (left, right, bottom, top) = found
    centres = ground.centres_mm()
    column = np.floor((centres[..., 0] - left) / (right - left) * pixels.shape[1]).astype(int)
    row = np.floor((top - centres[..., 1]) / (top - bottom) * pixels.shape[0]).astype(int)
    inside = (column >= 0) & (column < pixels.shape[1]) & (row >= 0) & (row < pixels.shape[0])
    bone = np.zeros(inside.shape, dtype=bool)
    bone[inside] = pixels[row[inside], column[inside]] > 0
    ground.weight[bone] += FAINT


def largest(sections: Sequence[Section]) -> Section:
    """The section with most pixels."""
    return max(sections, key=lambda one: int(np.count_nonzero(one.inside)))


def _rulers(view: View, lesions: Sequence[Lesion]) -> tuple[tuple[NDArray[np.float64], ...], tuple[str, ...]]:
    """Axes measured in this very slice, and their lengths in words."""
    if len(lesions) != 1:
        return (), ()
    axes = axes_in(lesions[0], view.plane)
    long_mm, short_mm = axes.long_axis_points_lps_mm, axes.short_axis_points_lps_mm
    measured_at = view.geometry.to_index(long_mm[0])[view.plane.axis]
    if abs(float(measured_at) - view.slice_index) > 0.5:
        return (), ()
    words = (f"{axes.long_axis_mm:.1f} mm", f"{axes.short_axis_mm:.1f} mm")
    return (view.to_panel_mm(long_mm), view.to_panel_mm(short_mm)), words


def letter_places(view: View) -> tuple[tuple[str, float, float], ...]:
    """The three letters of a panel with their middles, as shares of its half."""
    left, right, top = view.plane.marks
    return (left, -LETTER_SHARE, 0.0), (right, LETTER_SHARE, 0.0), (top, 0.0, LETTER_SHARE)


def scale_bar_mm(view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the scale bar, lower left, and the middle of its words above."""
    start = np.array([-0.94, -0.93]) * view.half_mm
    ends = np.stack([start, start + np.array([SCALE_BAR_MM, 0.0])])
    return ends, np.array([start[0], start[1] + 0.075 * view.half_mm])


def _prepared(view: View, panel_inches: float) -> Ground:
    """A panel with its letters and its scale bar."""
    ground = empty_ground(view.half_mm, view.half_mm)
    mm_per_inch = 2 * view.half_mm / panel_inches
    letter = np.full(2, LETTER_SIZE / 72 * 1.4 * mm_per_inch)
    for _, right, up in letter_places(view):
        ground.cover_box(np.array([right, up]) * view.half_mm, letter, SOLID)
    ends, _ = scale_bar_mm(view)
    size = np.array([max(SCALE_BAR_MM, 0.65 * mm_per_inch) + 3.0, 0.36 * mm_per_inch])
    ground.cover_box(ends[0] + size / 2 - 0.04 * view.half_mm, size, SOLID)
    return ground


def _cover(
    ground: Ground,
    own: Sequence[Section],
    others: Sequence[Section],
    axes_mm: Sequence[NDArray[np.float64]],
) -> None:
    for section in own:
        ground.cover_section(section, SOLID)
    for section in others:
        ground.cover_section(section, SOFT)
    for ends in axes_mm:
        ground.cover_line(ends, SOLID)


def _place_labels(
    ground: Ground, axes_mm: Sequence[NDArray[np.float64]], words: Sequence[str], mm_per_inch: float
) -> tuple[Label, ...]:
    labels = []
    for n, (ends, text) in enumerate(zip(axes_mm, words, strict=True)):
        size_mm = (np.array(text_inches(text, LABEL_SIZE)) + PADDING_INCHES) * mm_per_inch
        others = [one for m, one in enumerate(axes_mm) if m != n]
        far_from = np.concatenate(others) if others else np.empty((0, 2))
        middle = ground.place_box(size_mm, ends, far_from_mm=far_from)
        anchor = ends[int(np.argmin(np.linalg.norm(ends - middle, axis=1)))]
        labels.append(Label(text, middle, size_mm, anchor))
    return tuple(labels)
