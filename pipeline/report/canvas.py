"""A dark sheet to draw on, and its bytes."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import AbstractPathEffect, Normal, Stroke
from matplotlib.text import Text
from matplotlib.textpath import TextPath

from pipeline.config import FigureSettings

BACKGROUND = "#0c0e11"
OUTSIDE = "#1a1d22"
"""Where the scan has ended: neither black as air nor as the sheet."""
WORDS = "#f2f2f2"
QUIET = "#a3abb5"
WARNING = "#ffd166"
LESION = "#ffab19"
OTHER = "#a8792a"
EXCLUDED = "#ff7ae0"
RULER = "#63ff9a"
HALO = "#000000"

SHEET_WIDTH_INCHES = 12.75
"""1400 pixels at 110 dots per inch."""
FONT = "DejaVu Sans"
"""Comes with matplotlib, so that pictures are the same everywhere."""
POINTS_PER_INCH = 72.0
COMPRESSION = 4
"""Of zlib; more takes longer than it saves."""
MARGIN_INCHES = 0.35
LEAST_SIZE = 8.0
BOLD_FACTOR = 1.15
"""Bold words are this much wider."""
FOOTER = "research use, not a medical device"


def new_sheet(height_inches: float, settings: FigureSettings) -> Figure:
    """An empty dark sheet of the usual width."""
    figure = Figure(
        figsize=(SHEET_WIDTH_INCHES, height_inches), dpi=settings.dots_per_inch, facecolor=BACKGROUND
    )
    FigureCanvasAgg(figure)
    write(figure, SHEET_WIDTH_INCHES - 0.15, 0.13, FOOTER, size=8, color=QUIET, align="right")
    return figure


def add_panel(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes without ticks at a place given in inches."""
    sheet_width, sheet_height = figure.get_size_inches()
    axes = figure.add_axes(
        (left / sheet_width, bottom / sheet_height, width / sheet_width, height / sheet_height),
        facecolor=OUTSIDE,
        xticks=[],
        yticks=[],
    )
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_autoscale_on(False)
    return axes


def write(
    figure: Figure,
    x: float,
    y: float,
    words: str,
    *,
    size: float,
    color: str = WORDS,
    align: Literal["left", "center", "right"] = "left",
    bold: bool = False,
    rotation: float = 0.0,
) -> Text:
    """Words at a place given in inches, centred on it upwards."""
    width, height = figure.get_size_inches()
    return figure.text(
        x / width,
        y / height,
        words,
        fontsize=size,
        color=color,
        ha=align,
        va="center",
        family=FONT,
        fontweight="bold" if bold else "normal",
        rotation=rotation,
        parse_math=False,
    )


def write_heading(figure: Figure, title: str, notes: str, *, color: str) -> None:
    """The two lines at the top of a sheet, made smaller where they are too long for it."""
    top = float(figure.get_size_inches()[1])
    for words, size, below, bold in ((title, 12.5, 0.22, True), (notes, 9.5, 0.49, False)):
        fitting, smaller = fitted(words, size, SHEET_WIDTH_INCHES - 2 * MARGIN_INCHES)
        write(
            figure,
            MARGIN_INCHES,
            top - below,
            fitting,
            size=smaller,
            color=WORDS if bold else color,
            bold=bold,
        )


def fitted(
    words: str, size: float, room_inches: float, *, least_size: float = LEAST_SIZE
) -> tuple[str, float]:
    """Words and the size at which they fit; cut short if that would be too small to read."""
    needed = text_inches(words, size)[0] * BOLD_FACTOR if words else 0.0
    if needed <= room_inches:
        return words, size
    smaller = max(size * room_inches / needed, least_size)
    share = room_inches / (needed * smaller / size)
    return (words if share >= 1 else words[: max(0, int(len(words) * share) - 1)] + "…"), smaller


def halo(width: float = 2.5) -> list[AbstractPathEffect]:
    """A dark rim, so that words can be read on any grey."""
    return [Stroke(linewidth=width, foreground=HALO), Normal()]


@lru_cache(maxsize=1024)
def text_inches(words: str, size: float) -> tuple[float, float]:
    """Width and height of a line of words, in which a dollar is a dollar and no formula."""
    font = FontProperties(family=FONT)
    outline = np.asarray(TextPath((0.0, 0.0), words.replace("$", r"\$"), size=size, prop=font).vertices)
    return float(np.ptp(outline[:, 0])) / POINTS_PER_INCH, size / POINTS_PER_INCH


def png(figure: Figure) -> bytes:
    """The bytes of a sheet, the same for the same sheet."""
    buffer = io.BytesIO()
    figure.savefig(
        buffer,
        format="png",
        dpi="figure",
        metadata={"Software": None},
        pil_kwargs={"compress_level": COMPRESSION},
        facecolor=BACKGROUND,
    )
    return buffer.getvalue()
