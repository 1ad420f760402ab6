"""What a command prints when it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import AnnotationCode, Comparison, Track
from pipeline.domain.lesion import Lesion
from pipeline.domain.wording import change_of_volume_text, counted, volume_text

LONGEST_WORD = len("ischiofemoral")
LONGEST_KIND = len("not_evaluable")
TOLD_BY_KIND: tuple[AnnotationCode, ...] = ("not_there_at_baseline", "not_there_yet", "no_longer_there")
"""Annotations that the table of tracks says already."""
NOTICE = "Research use, not a medical device."


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def _diameters(lesion: Lesion) -> str:
    return f"{lesion.size.axial.long_axis_mm:.1f} × {lesion.size.axial.short_axis_mm:.1f}"


def _place(lesion: Lesion) -> str:
    parts = [lesion.site.side or "", lesion.site.region or ""]
    text = " ".join(part for part in parts if part).replace("_", " ") or "-"
    return f"{text}, on bone" if lesion.bone_contact else text


def _where() -> Column:
    """Never cut short: a place goes on in the next line where the terminal is narrow."""
    return Column("where", overflow="fold", min_width=LONGEST_WORD)


def print_analysis(analysis: Analysis, out: Path) -> None:
    """The lesions of one scan, what was left out, and where the results are."""
    console = _console()
    table = Table("lesion", "volume", "axial, mm", "peak HU", _where(), "status")
    for lesion in analysis.lesions:
        table.add_row(
            str(lesion.id),
            volume_text(lesion.size.volume_mm3.value),
            _diameters(lesion),
            f"{lesion.density.max_hu:.0f}",
            _place(lesion),
            lesion.status,
        )
    if analysis.lesions:
        console.print(table)
    for lesion in analysis.lesions:
        console.print(f"{lesion.id}: {lesion.description}")
    _print_burden(analysis, console)
    for flag in analysis.flags:
        console.print(f"{flag.severity}: {flag.message} ({flag.code})")
    console.print(f"Results in {out}. {NOTICE}")


def _print_burden(analysis: Analysis, console: Console) -> None:
    burden = analysis.burden
    unsure = len(analysis.lesions) - burden.lesion_count
    text = f"{counted(burden.lesion_count, 'definite lesion')}, {volume_text(burden.volume_mm3.value)} in all"
    if unsure:
        text += f"; {unsure} indeterminate, {volume_text(burden.indeterminate_volume_mm3)}, not in the sum"
    left_out = counted(len(analysis.excluded), "bright component")
    why = ": the report and measurements.json say why" if analysis.excluded else ""
    console.print(f"{text}; {left_out} left out{why}.")


def print_comparison(comparison: Comparison, out: Path) -> None:
    """The tracks, the burden on each date, and the response with its reasons."""
    console = _console()
    names = [str(point.date or f"t{point.index}") for point in comparison.time_points]
    table = Table(
        "track", _where(), "axial at first, mm", *names, Column("what became of it", min_width=LONGEST_KIND)
    )
    for track in comparison.tracks:
        table.add_row(*_track_cells(track, comparison))
    if comparison.tracks:
        console.print(table)
    for track in comparison.tracks:
        for one in track.annotations:
            if one.code not in TOLD_BY_KIND:
                console.print(f"track {track.track_id}, {names[one.date_index]}: {one.words}")
    for reason, count in _why_not_evaluable(comparison).items():
        console.print(f"not_evaluable, {counted(count, 'track')}: {reason}")
    if not comparison.threshold.same:
        console.print(f"Threshold: {comparison.threshold.reason}")
    for flag in (flag for one in comparison.analyses[1:] for flag in one.flags if "_CHANGED" in flag.code):
        console.print(f"{flag.severity}: {flag.message} ({flag.code})")
    burdens = [one.burden.volume_mm3.value for one in comparison.analyses]
    console.print("Burden: " + change_of_volume_text(burdens))
    for response in comparison.responses:
        reasons = "; ".join(response.reasons)
        console.print(f"Response on {names[response.date_index]}: {response.category} ({reasons})")
    console.print(f"Results in {out}. {NOTICE}")


def _why_not_evaluable(comparison: Comparison) -> Counter[str]:
    """Why tracks could not be followed to the last date, and how many for each reason."""
    steps = [track.steps[-1] for track in comparison.tracks if track.kind == "not_evaluable"]
    return Counter(step.reason for step in steps if step.kind == "not_evaluable" and step.reason)


def _track_cells(track: Track, comparison: Comparison) -> Sequence[str]:
    first = next(n for n, ids in enumerate(track.lesion_ids) if ids)
    lesions = [one for one in comparison.analyses[first].lesions if one.id in track.lesion_ids[first]]
    volumes = ["?" if one is None else volume_text(one.value) for one in track.volume_mm3]
    return (str(track.track_id), _place(lesions[0]), _diameters(lesions[0]), *volumes, track.kind)
