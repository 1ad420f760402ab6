"""Pictures for people: of each lesion, of the whole scan, of what became of a place."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.errors import OutputError
from pipeline.report.lesion_figure import draw_lesion

__all__ = ["draw_lesion", "write_figures"]


def write_figures(analysis: Analysis, folder: Path, settings: FigureSettings) -> list[Path]:
    """Write a picture of each of the largest lesions into a folder, largest first.

    Returns
    -------
    list of Path
        What was written, `lesion_001.png`, … by lesion id. Empty where pictures are switched off.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    if not settings.enabled:
        return []
    largest = sorted(analysis.lesions, key=lambda one: -one.size.volume_mm3.value)
    return [
        write_picture(folder / f"lesion_{one.id:03d}.png", draw_lesion(analysis, one, settings))
        for one in largest[: settings.most_lesions]
    ]


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
        temporary.unlink(missing_ok=True)
        raise OutputError(f"picture {file.name} could not be written: {error.strerror}") from error
    return file
