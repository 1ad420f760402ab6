"""Drawing onto a panel, in its own millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from pipeline.report.canvas import EXCLUDED, FONT, HALO, LESION, OTHER, QUIET, RULER, WORDS, halo
from pipeline.report.layout import HEAD_SHARE, Arrow
from pipeline.report.panels import Section, View
from pipeline.report.scene import (
    LABEL_SIZE,
    LETTER_SIZE,
    SCALE_BAR_MM,
    TICK_SHARE,
    Label,
    Scene,
    letter_places,
    scale_bar_mm,
)
from pipeline.report.windows import Window

LEADER_SHARE = 0.09
"""Of a panel's half: words further from their line get a thin one to it."""


def draw_scene(axes: Axes, hu: NDArray[Any], scene: Scene, window: Window, *, with_axes: bool) -> None:
    """One slice with its outlines, arrow, sides and scale, and the measured axes if asked for."""
    show_picture(axes, scene.view, hu, window)
    show_outlines(axes, scene.excluded, EXCLUDED, width=0.9)
    show_outlines(axes, scene.others, OTHER, width=0.9)
    show_outlines(axes, scene.own, LESION, width=1.1)
    if with_axes:
        _show_rulers(axes, scene)
    if scene.arrow is not None:
        show_arrow(axes, scene.arrow)
    show_frame_of_reference(axes, scene.view)


def draw_zoom(axes: Axes, hu: NDArray[Any], scene: Scene, window: Window) -> None:
    """A closer look: outlines and measured axes, framed."""
    show_picture(axes, scene.view, hu, window)
    show_outlines(axes, scene.excluded, EXCLUDED, width=0.9)
    show_outlines(axes, scene.others, OTHER, width=0.9)
    show_outlines(axes, scene.own, LESION, width=1.1)
    _show_rulers(axes, scene)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(QUIET)
        spine.set_linewidth(0.8)


def show_picture(axes: Axes, view: View, hu: NDArray[Any], window: Window) -> None:
    """The slice in a display window, pixels as wide as they are, blended between their centres."""
    axes.set_xlim(-view.half_mm, view.half_mm)
    axes.set_ylim(-view.half_mm, view.half_mm)
    axes.set_aspect("equal")
    found = view.picture(hu)
    if found is None:
        return
    pixels, extent = found
    axes.imshow(
        pixels.astype(np.float32),
        cmap="gray",
        vmin=window.low_hu,
        vmax=window.high_hu,
        extent=extent,
        origin="upper",
        interpolation="bilinear",
        aspect="equal",
        clip_on=True,
    )
    axes.set_xlim(-view.half_mm, view.half_mm)
    axes.set_ylim(-view.half_mm, view.half_mm)


def show_outlines(axes: Axes, sections: Sequence[Section], color: str, *, width: float) -> None:
    """Borders halfway between inner and outer voxels, as the measures see them."""
    for section in sections:
        axes.contour(
            section.right_mm,
            section.up_mm,
            section.inside.astype(np.float32),
            levels=[0.5],
            colors=[color],
            linewidths=[width],
        )


def _show_rulers(axes: Axes, scene: Scene) -> None:
    lines = [line for ends in scene.axes_mm for line in _with_ticks(ends, TICK_SHARE * scene.view.half_mm)]
    axes.add_collection(LineCollection(lines, colors=[HALO], linewidths=1.8, alpha=0.45), autolim=False)
    axes.add_collection(LineCollection(lines, colors=[RULER], linewidths=0.9), autolim=False)
    for label in scene.labels:
        show_label(axes, label, LEADER_SHARE * scene.view.half_mm, RULER)


def _with_ticks(ends: NDArray[np.float64], half_tick_mm: float) -> list[NDArray[np.float64]]:
    """The line between two ends, and the ticks across it."""
    along = ends[1] - ends[0]
    across = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-9) * half_tick_mm
    return [ends, *(np.stack([end - across, end + across]) for end in ends)]


def show_label(axes: Axes, label: Label, leader_from_mm: float, color: str) -> None:
    """Words with a dark rim, and a thin line to their anchor if that is far."""
    right, up = label.middle_mm
    nearest = np.clip(
        label.anchor_mm, label.middle_mm - label.size_mm / 2, label.middle_mm + label.size_mm / 2
    )
    if np.linalg.norm(nearest - label.anchor_mm) > leader_from_mm:
        line = LineCollection([np.stack([nearest, label.anchor_mm])], colors=[color], linewidths=0.6)
        axes.add_collection(line, autolim=False)
    axes.text(
        right,
        up,
        label.words,
        fontsize=LABEL_SIZE,
        color=color,
        ha="center",
        va="center",
        family=FONT,
        path_effects=halo(),
        parse_math=False,
    )


def show_arrow(axes: Axes, arrow: Arrow) -> None:
    """A white arrow with a dark rim."""
    along = arrow.tip_mm - arrow.tail_mm
    length = float(np.linalg.norm(along))
    along = along / length
    across = np.array([-along[1], along[0]])
    half_shape = [(1.0, 0.0), (0.55, HEAD_SHARE), (0.55, 0.065), (0.0, 0.065)]
    shape = half_shape + [(far, -wide) for far, wide in half_shape[:0:-1]]
    points = [arrow.tail_mm + length * (far * along + wide * across) for far, wide in shape]
    axes.add_patch(Polygon(np.array(points), closed=True, facecolor=WORDS, edgecolor=HALO, linewidth=0.8))


def show_frame_of_reference(axes: Axes, view: View) -> None:
    """Sides, and a bar of known length."""
    for letter, right, up in letter_places(view):
        show_letter(axes, letter, (right * view.half_mm, up * view.half_mm))
    ends, (right, up) = scale_bar_mm(view)
    show_scale_bar(axes, ends, (float(right), float(up)), f"{SCALE_BAR_MM:.0f} mm")


def show_letter(axes: Axes, letter: str, place_mm: tuple[float, float]) -> None:
    """The letter of a side."""
    axes.text(
        *place_mm,
        letter,
        fontsize=LETTER_SIZE,
        color=WORDS,
        ha="center",
        va="center",
        family=FONT,
        fontweight="bold",
        path_effects=halo(),
        parse_math=False,
    )


def show_scale_bar(axes: Axes, ends: NDArray[np.float64], words_at: tuple[float, float], words: str) -> None:
    """A bar of known length with its length above."""
    axes.add_collection(LineCollection([ends], colors=[HALO], linewidths=4.0), autolim=False)
    axes.add_collection(LineCollection([ends], colors=[WORDS], linewidths=2.0), autolim=False)
    axes.text(
        *words_at,
        words,
        fontsize=LABEL_SIZE - 1,
        color=WORDS,
        ha="left",
        va="center",
        family=FONT,
        path_effects=halo(),
        parse_math=False,
    )
