"""Still pictures: for papers, and for places without widgets."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import FigureSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison, Track
from pipeline.domain.lesion import Lesion
from pipeline.domain.wording import interval_text
from pipeline.errors import UsageError
from pipeline.report.overview import compose_overview
from pipeline.report.paper import Row, compose_paper, row_of, rows_of_track
from pipeline.report.wording import place_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 4
PAGE_DOTS_PER_INCH = 110
FILE_DOTS_PER_INCH = 300
QUALITY = 84


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """A figure that a notebook shows by itself."""

    figure: Figure  #: of matplotlib

    def save(self, path: str | Path, *, dots_per_inch: int = FILE_DOTS_PER_INCH) -> Path:
        """Write it; the name's ending tells the format (png, svg, pdf)."""
        self.figure.savefig(path, dpi=dots_per_inch, facecolor=self.figure.get_facecolor())
        return Path(path)

    def _repr_jpeg_(self) -> bytes:
        buffer = io.BytesIO()
        self.figure.savefig(
            buffer,
            format="jpeg",
            dpi=PAGE_DOTS_PER_INCH,
            facecolor=self.figure.get_facecolor(),
            pil_kwargs={"quality": QUALITY, "subsampling": 0},
        )
        return buffer.getvalue()


def montage(result: Analysis | Comparison, *, most: int = MOST_ROWS) -> Picture:
    """Axial and coronal slices through the largest lesions, with arrows onto all that they show.

    Of a comparison: the largest lesion as it was, and the same place on the last date. Without a lesion the
    whole scan is shown, with all that was left out.

    Parameters
    ----------
    result : Analysis or Comparison
        One scan, or several dates.
    most : int
        Rows at most, from 1 to 5.

    Raises
    ------
    UsageError
        For another number of rows.
    """
    if not 1 <= most <= 5:
        raise UsageError(f"a montage has 1 to 5 rows, {most} were asked for")
    rows = _rows_of_dates(result) if isinstance(result, Comparison) else _rows_of_lesions(result, most)
    if rows:
        return Picture(compose_paper(rows))
    return overview(result.analyses[0] if isinstance(result, Comparison) else result)


def overview(analysis: Analysis) -> Picture:
    """The whole scan at a glance: what was found, what was left out, where it lies."""
    return Picture(compose_overview(analysis, FigureSettings()))


def _rows_of_lesions(analysis: Analysis, most: int) -> list[Row]:
    largest = sorted(analysis.lesions, key=lambda one: -one.size.volume_mm3.value)[:most]
    return [row_of(analysis, one, _caption(one)) for one in largest]


def _caption(lesion: Lesion) -> str:
    parts = (f"Lesion {lesion.id}", interval_text(lesion.size.volume_mm3), place_text(lesion), lesion.status)
    return ", ".join(part for part in parts if part)


def _rows_of_dates(comparison: Comparison) -> list[Row]:
    if not comparison.tracks:
        return []
    return rows_of_track(comparison, max(comparison.tracks, key=_largest_mm3))


def _largest_mm3(track: Track) -> float:
    return max((one.value for one in track.volume_mm3 if one is not None), default=0.0)
