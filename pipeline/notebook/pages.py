"""How scans, lesions and results show themselves at the end of a cell: small, escaped, nameless."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison
from pipeline.domain.lesion import Lesion
from pipeline.domain.scan import QualityFlag, Scan
from pipeline.domain.wording import change_of_volume_text, interval_text
from pipeline.report.html.pictures import thumbnail_url
from pipeline.report.html.thumbnails import lesion_thumbnail
from pipeline.report.panels import CORONAL, display_steps_mm, orient
from pipeline.report.windows import WIDE
from pipeline.report.wording import burden_lines, kinds_text, place_text, track_title

MOST_ROWS = 8
"""Lesions or tracks that are listed; the frame has them all."""
MOST_THUMBNAILS = 4
THUMBNAIL_PIXELS = 150
UNKNOWN = "unknown"


def scan_html(scan: Scan) -> str:
    """What a scan is, with a coronal slice through its middle."""
    how, geometry = scan.acquisition, scan.volume.geometry
    matrix = " × ".join(str(n) for n in geometry.shape)
    spacing = " × ".join(f"{mm:.3g}" for mm in geometry.spacing_mm)
    rows = [
        ("voxels", f"{matrix} of {spacing} mm (slice, row, column)"),
        ("tube voltage", UNKNOWN if how.kvp is None else f"{how.kvp:g} kVp"),
        ("kernel", how.kernel or UNKNOWN),
        ("slice thickness", UNKNOWN if how.slice_thickness_mm is None else f"{how.slice_thickness_mm:g} mm"),
        ("contrast agent", {True: "declared", False: "none", None: UNKNOWN}[how.contrast_agent]),
    ]
    return _beside(_image(_coronal_url(scan)), "<b>CT scan</b>" + _facts(rows) + _flags(scan.flags))


def lesion_html(lesion: Lesion) -> str:
    """A lesion in a sentence and its main figures."""
    size, density = lesion.size, lesion.density
    rows = [
        ("volume", f"{interval_text(size.volume_mm3)}, 95 % limits in brackets"),
        ("axes, axial", f"{size.axial.long_axis_mm:.1f} × {size.axial.short_axis_mm:.1f} mm"),
        ("density", f"mean {density.mean_hu:.0f}, highest {density.max_hu:.0f} HU"),
        ("where", place_text(lesion) or UNKNOWN),
        ("status", lesion.status),
    ]
    if lesion.why_indeterminate:
        rows.append(("why", lesion.why_indeterminate))
    return f"<b>Lesion {lesion.id}</b><br>{escape(lesion.description)}{_facts(rows)}"


def analysis_html(analysis: Analysis) -> str:
    """What was found in a scan: the largest lesions with pictures, what was left out, what to beware of."""
    first, rest = burden_lines(analysis)
    largest = sorted(analysis.lesions, key=lambda one: -one.size.volume_mm3.value)[:MOST_ROWS]
    rows = [
        (
            _image(lesion_thumbnail(analysis, one), 64) if n < MOST_THUMBNAILS else "",
            str(one.id),
            escape(interval_text(one.size.volume_mm3)),
            escape(place_text(one)),
            escape(one.morphology or ""),
            escape(one.status),
        )
        for n, one in enumerate(largest)
    ]
    table = _table(("", "lesion", "volume (95 % limits)", "where", "form", "status"), rows)
    left_out = f"<div>Left out: {escape(kinds_text(analysis.excluded))}</div>" if analysis.excluded else ""
    return (
        f"<b>{escape(first)}</b><div>{escape(rest)}</div>{table}"
        f"{_more(len(analysis.lesions))}{left_out}{_flags(analysis.flags)}"
    )


def comparison_html(comparison: Comparison) -> str:
    """What became of the lesions, and the response on each later date."""
    answers = [
        f"<div><b>t{one.date_index}: {escape(one.category.replace('_', ' '))}</b> "
        f"{escape('; '.join(one.reasons))}</div>"
        for one in comparison.responses
    ]
    volumes = change_of_volume_text([one.burden.volume_mm3.value for one in comparison.analyses])
    tracks = [(escape(track_title(one)),) for one in comparison.tracks[:MOST_ROWS]]
    return (
        f"{''.join(answers)}<div>Definite lesions together: {escape(volumes)}</div>"
        f"{_table(('what became of each',), tracks)}{_more(len(comparison.tracks))}"
    )


def _coronal_url(scan: Scan) -> str:
    """A coronal slice through the middle, small."""
    volume = scan.volume
    pixels = orient(volume.hu[:, volume.hu.shape[1] // 2], volume.geometry, CORONAL)
    right_mm, up_mm = (abs(mm) for mm in display_steps_mm(volume.geometry, CORONAL))
    size_mm = np.array(pixels.shape) * (up_mm, right_mm)
    height, width = np.maximum(1, np.rint(size_mm * THUMBNAIL_PIXELS / size_mm.max())).astype(int)
    rows = np.linspace(0, pixels.shape[0] - 1, height).astype(int)
    columns = np.linspace(0, pixels.shape[1] - 1, width).astype(int)
    share = (pixels[np.ix_(rows, columns)].astype(np.float32) - WIDE.low_hu) / WIDE.width_hu
    grey = (np.clip(share, 0, 1) * 255).astype(np.uint8)
    return thumbnail_url(np.repeat(grey[..., None], 3, axis=2))


def _image(url: str, side_pixels: int = THUMBNAIL_PIXELS) -> str:
    return f'<img src="{escape(url)}" alt="" style="max-width:{side_pixels}px;max-height:{side_pixels}px">'


def _beside(picture: str, words: str) -> str:
    return f'<div style="display:flex;gap:1em;align-items:flex-start">{picture}<div>{words}</div></div>'


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    return _table((), [(escape(name), escape(value)) for name, value in rows])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    if not rows:
        return ""
    cell = 'style="text-align:left"'
    top = "".join(f"<th {cell}>{escape(one)}</th>" for one in head)
    body = "".join("<tr>" + "".join(f"<td {cell}>{one}</td>" for one in row) + "</tr>" for row in rows)
    return f"<table>{f'<tr>{top}</tr>' if head else ''}{body}</table>"


def _more(count: int) -> str:
    return f"<div>and {count - MOST_ROWS} more: to_frame() has them all</div>" if count > MOST_ROWS else ""


def _flags(flags: Sequence[QualityFlag]) -> str:
    shown = [one for one in flags if one.severity != "info"]
    return "".join(f"<div>{one.severity}: {escape(one.message)}</div>" for one in shown)
