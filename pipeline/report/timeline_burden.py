"""The upper part of the timeline: the burden of each scan with its limits, and what is said of each date."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pipeline.domain.change import Comparison
from pipeline.domain.wording import ML_FROM_MM3
from pipeline.report.canvas import LESION, QUIET, WARNING, WORDS, text_inches, write
from pipeline.report.packing import spread
from pipeline.report.timeline_lanes import (
    GRID,
    LABEL_SIZE,
    PLOT_LEFT_INCHES,
    PLOT_WIDTH_INCHES,
    SCAN_LINE,
    VALUE_SIZE,
    Course,
    lane_panel,
    write_name,
)
from pipeline.report.timeline_words import amount_is_known, scan_lines, why_marked

BURDEN_INCHES = 2.3
LINE_INCHES = 0.17
SCALE_INCHES = 0.5
"""Room for the numbers left of the plot."""
LEADER_INCHES = 0.3
"""Between what is written of the scans and the plot."""
TAG_INCHES = 0.26
LEFT_ROOM_INCHES = 1.0
"""By which words about scans may stand out over the names."""
INDETERMINATE_SHIFT_INCHES = 0.07
HEAD_ROOM = 1.08


def scan_columns(comparison: Comparison, course: Course) -> tuple[list[tuple[str, ...]], float]:
    """What is written of each scan, line by line, and the width of a column."""
    lines = [scan_lines(comparison, n, course.axis.first_date) for n in range(len(course.scans_days))]
    widest = max(text_inches(words, LABEL_SIZE)[0] for column in lines for words in column if words)
    return lines, widest * 1.15 + 0.2


def labels_height(comparison: Comparison, course: Course) -> float:
    """Inches above the plot that are needed for what is written of the scans."""
    lines, width = scan_columns(comparison, course)
    rows = -(-len(lines) // _columns_in_a_row(width))
    tags = LINE_INCHES if rows > 1 else 0.0
    return rows * (len(lines[0]) * LINE_INCHES + 0.1) + tags + LEADER_INCHES


def _columns_in_a_row(width: float) -> int:
    return max(1, int((PLOT_WIDTH_INCHES + LEFT_ROOM_INCHES) / width))


def write_scans(figure: Figure, comparison: Comparison, course: Course, bottom: float) -> None:
    """Each scan's date, burden and category over its day, or as a table where there are many."""
    lines, width = scan_columns(comparison, course)
    at = [course.axis.inches(days) for days in course.scans_days]
    wishes = [x + LEFT_ROOM_INCHES for x in at]
    placed = spread(wishes, width, PLOT_WIDTH_INCHES + LEFT_ROOM_INCHES + 0.3)
    marked = [bool(why_marked(comparison, n)) for n in range(len(lines))]
    if placed is not None:
        middles = [x - LEFT_ROOM_INCHES for x in placed]
        _write_columns(figure, lines, marked, middles, bottom + LEADER_INCHES)
        _draw_leaders(figure, middles, at, bottom)
        return
    _write_tags(figure, at, bottom)
    in_row = _columns_in_a_row(width)
    rows = [range(n, min(n + in_row, len(lines))) for n in range(0, len(lines), in_row)]
    height = len(lines[0]) * LINE_INCHES + 0.1
    for row, numbers in enumerate(reversed(rows)):
        middles = [(k + 0.5) * width - LEFT_ROOM_INCHES for k in range(len(numbers))]
        own, marks = [lines[n] for n in numbers], [marked[n] for n in numbers]
        _write_columns(figure, own, marks, middles, bottom + LEADER_INCHES + LINE_INCHES + row * height)


def _write_columns(
    figure: Figure,
    columns: Sequence[tuple[str, ...]],
    marked: Sequence[bool],
    middles: Sequence[float],
    bottom: float,
) -> None:
    for lines, is_marked, middle in zip(columns, marked, middles, strict=True):
        for n, words in enumerate(lines):
            y = bottom + (len(lines) - n - 0.5) * LINE_INCHES
            color = WORDS if n in (0, 3) else QUIET
            if n == 0 and is_marked:
                color = WARNING
            x = PLOT_LEFT_INCHES + middle
            write(figure, x, y, words, size=LABEL_SIZE, color=color, align="center", bold=n in (0, 3))


def _write_tags(figure: Figure, at: Sequence[float], bottom: float) -> None:
    """The scans' numbers over the plot, moved apart."""
    placed = spread(at, TAG_INCHES, PLOT_WIDTH_INCHES)
    if placed is None:
        return
    for n, x in enumerate(placed):
        y = bottom + LEADER_INCHES + LINE_INCHES / 2 - 0.06
        write(figure, PLOT_LEFT_INCHES + x, y, f"t{n}", size=VALUE_SIZE, align="center", bold=True)
    _draw_leaders(figure, placed, at, bottom)


def _draw_leaders(figure: Figure, middles: Sequence[float], at: Sequence[float], bottom: float) -> None:
    """Lines from what is written down to the days on the plot."""
    width, height = figure.get_size_inches()
    for middle, x in zip(middles, at, strict=True):
        across = [(PLOT_LEFT_INCHES + middle) / width, (PLOT_LEFT_INCHES + x) / width]
        upwards = [(bottom + LEADER_INCHES - 0.05) / height, bottom / height]
        figure.add_artist(Line2D(across, upwards, color=SCAN_LINE, linewidth=0.8, zorder=0))


def draw_burden(figure: Figure, comparison: Comparison, course: Course, bottom: float) -> Axes:
    """One point for each scan with its limits; lines where the amounts can be subtracted."""
    burdens = [one.burden for one in comparison.analyses]
    values = [one.volume_mm3.value for one in burdens]
    uppers = [one.volume_mm3.upper or 0.0 for one in burdens]
    unsure = [one.indeterminate_volume_mm3 for one in burdens]
    most = max(*values, *uppers, *unsure)
    in_ml = most >= ML_FROM_MM3
    scale = ML_FROM_MM3 if in_ml else 1.0
    axes = lane_panel(figure, course, bottom, BURDEN_INCHES)
    top = (most or 1.0) / scale * HEAD_ROOM
    axes.set_ylim(-0.05 * top, top)
    _draw_scale(figure, axes, bottom, top)
    write_name(
        figure, bottom + BURDEN_INCHES - 0.25, "burden", "mL" if in_ml else "mm³", further=SCALE_INCHES
    )
    at = [course.axis.inches(days) for days in course.scans_days]
    _draw_lines(axes, comparison, at, [value / scale for value in values])
    for n, x in enumerate(at):
        _draw_point(axes, comparison, n, x, scale)
    for x, volume in zip(at, unsure, strict=True):
        if volume > 0:
            axes.plot(
                [x + INDETERMINATE_SHIFT_INCHES],
                [volume / scale],
                marker="o",
                markersize=6.0,
                markerfacecolor="none",
                markeredgecolor=LESION,
                alpha=0.55,
                linestyle="none",
                zorder=3,
            )
    return axes


def _draw_scale(figure: Figure, axes: Axes, bottom: float, top: float) -> None:
    """Round numbers along the left border."""
    low, high = axes.get_ylim()
    for value in MaxNLocator(nbins=4).tick_values(0.0, top):
        if 0 <= value <= top:
            axes.axhline(value, color=GRID, linewidth=0.8, zorder=0)
            y = bottom + (value - low) / (high - low) * BURDEN_INCHES
            write(
                figure, PLOT_LEFT_INCHES - 0.08, y, f"{value:g}", size=VALUE_SIZE, color=QUIET, align="right"
            )


def _draw_lines(axes: Axes, comparison: Comparison, at: Sequence[float], values: Sequence[float]) -> None:
    for n in range(1, len(at)):
        style = "solid" if amount_is_known(comparison, n) else (0, (1, 3))
        axes.plot(at[n - 1 : n + 1], values[n - 1 : n + 1], color=LESION, linewidth=1.2, linestyle=style)


def _draw_point(axes: Axes, comparison: Comparison, n: int, x: float, scale: float) -> None:
    """A disc, or a hollow diamond where a scan is not fully comparable, with its 95 % limits."""
    volume = comparison.analyses[n].burden.volume_mm3
    if volume.lower is not None and volume.upper is not None:
        axes.errorbar(
            [x],
            [volume.value / scale],
            yerr=[[(volume.value - volume.lower) / scale], [(volume.upper - volume.value) / scale]],
            ecolor=LESION,
            elinewidth=1.6,
            capsize=4.0,
            fmt="none",
            zorder=3,
        )
    marked = bool(why_marked(comparison, n))
    axes.plot(
        [x],
        [volume.value / scale],
        marker="D" if marked else "o",
        markersize=8.0,
        markerfacecolor="#1a1d22" if marked else LESION,
        markeredgecolor=WARNING if marked else LESION,
        linestyle="none",
        clip_on=False,
        zorder=4,
    )
