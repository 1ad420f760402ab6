"""Pictures for people: of each lesion, the whole scan, what became of a place, the course; for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison, Track
from pipeline.report.lesion_figure import draw_lesion
from pipeline.report.overview import draw_overview
from pipeline.report.paper import Format, Row, draw_paper, row_of, rows_of_track
from pipeline.report.place_figure import draw_place
from pipeline.report.radiograph import draw_radiograph
from pipeline.report.timeline import can_be_drawn, draw_timeline
from pipeline.report.whole_file import write_picture

__all__ = [
    "draw_lesion",
    "draw_overview",
    "draw_place",
    "draw_radiograph",
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
        `overview.png`, `radiograph.png`, then `lesion_001.png`, … by lesion id, largest first, then
        `paper_001.png`, `paper_001.svg`, … for the largest of them. Empty where pictures are switched off.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    if not settings.enabled:
        return []
    largest = sorted(analysis.lesions, key=lambda one: -one.size.volume_mm3.value)
    whole = [
        write_picture(folder / "overview.png", draw_overview(analysis, settings)),
        write_picture(folder / "radiograph.png", draw_radiograph(analysis, settings)),
    ]
    lesions = [
        write_picture(folder / f"lesion_{one.id:03d}.png", draw_lesion(analysis, one, settings))
        for one in largest[: settings.most_lesions]
    ]
    when = analysis.scan.acquisition.study_date
    caption = "" if when is None else when.isoformat()
    paper = [(one.id, [row_of(analysis, one, caption)]) for one in largest[: settings.paper]]
    return [*whole, *lesions, *_write_paper(folder, paper)]


def write_comparison_figures(comparison: Comparison, folder: Path, settings: FigureSettings) -> list[Path]:
    """Write the timeline and a picture of the place of each of the largest tracks into a folder.

    Returns
    -------
    list of Path
        `timeline.png` where every scan has a date, then `track_001.png`, … by track id, largest first, then
        `paper_001.png`, `paper_001.svg`, … for the largest of them. Empty where pictures are switched off.

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
    places = [
        write_picture(folder / f"track_{one.track_id:03d}.png", draw_place(comparison, one, settings))
        for one in largest[: settings.most_lesions]
    ]
    paper = [(one.track_id, rows_of_track(comparison, one)) for one in largest[: settings.paper]]
    return [*timeline, *places, *_write_paper(folder, paper)]


def _write_paper(folder: Path, figures: Sequence[tuple[int, Sequence[Row]]]) -> list[Path]:
    """Each as PNG and as SVG, by number."""
    forms: tuple[Format, ...] = ("png", "svg")
    return [
        write_picture(folder / f"paper_{number:03d}.{form}", draw_paper(rows, form))
        for number, rows in figures
        for form in forms
    ]


def _largest_mm3(track: Track) -> float:
    """The largest volume a track ever had."""
    return max((one.value for one in track.volume_mm3 if one is not None), default=0.0)
