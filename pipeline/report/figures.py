"""Pictures for people: of each lesion, of the whole scan, of what became of a place, of the course."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison, Track
from pipeline.errors import OutputError
from pipeline.report.lesion_figure import draw_lesion
from pipeline.report.overview import draw_overview
from pipeline.report.place_figure import draw_place
from pipeline.report.timeline import can_be_drawn, draw_timeline

__all__ = [
    "draw_lesion",
    "draw_overview",
    "draw_place",
    "draw_timeline",
    "write_comparison_figures",
    "write_figures",
    "write_picture",
]


def write_figures(analysis: Analysis, folder: Path, settings: FigureSettings) -> list[Path]:
    """Write pictures of the whole scan and of each of the largest lesions into a folder.

    Returns
    -------
    list of Path
        `overview.png`, then `lesion_001.png`, … by lesion id, largest first.
        Empty where pictures are switched off.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    if not settings.enabled:
        return []
    largest = sorted(analysis.lesions, key=lambda one: -one.size.volume_mm3.value)
    overview = write_picture(folder / "overview.png", draw_overview(analysis, settings))
    lesions = [
        write_picture(folder / f"lesion_{one.id:03d}.png", draw_lesion(analysis, one, settings))
        for one in largest[: settings.most_lesions]
    ]
    return [overview, *lesions]


def write_comparison_figures(comparison: Comparison, folder: Path, settings: FigureSettings) -> list[Path]:
    """Write the timeline and a picture of the place of each of the largest tracks into a folder.

    Returns
    -------
    list of Path
        `timeline.png` where every scan has a date, then `track_001.png`, … by track id, largest first.
        Empty where pictures are switched off.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    if not settings.enabled:
        return []
    largest = sorted(comparison.tracks, key=lambda one: -_largest_mm3(one))
    timeline = []
    if can_be_drawn(comparison):
        timeline.append(write_picture(folder / "timeline.png", draw_timeline(comparison, settings)))
    return timeline + [
        write_picture(folder / f"track_{one.track_id:03d}.png", draw_place(comparison, one, settings))
        for one in largest[: settings.most_lesions]
    ]


def _largest_mm3(track: Track) -> float:
    """The largest volume a track ever had."""
    return max((one.value for one in track.volume_mm3 if one is not None), default=0.0)


def write_picture(file: Path, content: bytes) -> Path:
    """Write a file under a temporary name, then give it its own.

    Raises
    ------
    OutputError
        If it cannot be written; nothing is left under the final name.
    """
    temporary = file.with_name(f".{file.name}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OutputError(f"picture {file.name} could not be written: {error.strerror}") from error
    return file
