"""What the colours of outlines mean."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from pipeline.report.canvas import (
    EXCLUDED,
    LESION,
    MARGIN_INCHES,
    OTHER,
    SHEET_WIDTH_INCHES,
    fitted,
    text_inches,
    write,
)
from pipeline.report.scene import Scene
from pipeline.report.wording import kinds_text

SIZE = 8.5
HEIGHT_INCHES = 0.13
FOOTER_INCHES = 2.7
"""Kept free for the words at the right."""
CIRCLE_WORDS = "○ dashed: as large as the lesion was on the other date"


def write_legend(figure: Figure, scenes: Sequence[Scene], *, with_circle: bool = False) -> None:
    """A line at the foot of a sheet, where there is more than the lesion itself to be told apart."""
    entries = [("□ this lesion", LESION)] if any(scene.own for scene in scenes) else []
    if with_circle:
        entries.append((CIRCLE_WORDS, LESION))
    if any(scene.others for scene in scenes):
        entries.append(("□ another lesion", OTHER))
    left_out = {id(one): one for scene in scenes for one in scene.left_out}
    if left_out:
        entries.append((f"□ not counted: {kinds_text(left_out.values())}", EXCLUDED))
    if len(entries) < 2:
        return
    left = MARGIN_INCHES
    for entry, color in entries:
        words, _ = fitted(entry, SIZE, SHEET_WIDTH_INCHES - FOOTER_INCHES - left, least_size=SIZE)
        write(figure, left, HEIGHT_INCHES, words, size=SIZE, color=color)
        left += text_inches(words, SIZE)[0] + 0.3
