"""Numbers and names as words on pictures. ASCII hyphens are no minus signs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import AnnotationCode, TimePoint, Track
from pipeline.domain.lesion import Excluded, Lesion, PlanarAxes
from pipeline.domain.wording import counted as counted
from pipeline.domain.wording import interval_text, volume_text
from pipeline.report.panels import View

TOLD: tuple[AnnotationCode, ...] = ("now_part_of_the_bone", "was_part_of_the_bone", "may_be_growth")
"""What the reason of a step does not say already."""


def signed(value: float, digits: int = 1) -> str:
    """With a real minus sign, and no minus zero."""
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) != 0 else f"{0:.{digits}f}"


def place_text(lesion: Lesion) -> str:
    """Side, region and, in brackets, structure, as far as known; may be empty."""
    side, region, structure = (
        (word or "").replace("_", " ")
        for word in (lesion.site.side, lesion.site.region, lesion.site.structure)
    )
    region = "multiple regions" if region == "multiple" else region
    within = f"({structure})" if structure and structure != region else ""
    return " ".join(word for word in (side, region, within) if word)


def lesion_title(lesion: Lesion) -> str:
    """One line: number, status, volume, peak, place, slice."""
    parts = [
        f"Lesion {lesion.id}",
        lesion.status,
        interval_text(lesion.size.volume_mm3),
        f"peak {signed(lesion.density.max_hu, 0)} HU",
        place_text(lesion),
        f"z = {signed(lesion.size.axial.position_mm)} mm",
    ]
    return "   ·   ".join(part for part in parts if part)


def plane_text(view: View) -> str:
    """Which slice a panel shows."""
    return f"{view.plane.name}   {view.plane.coordinate} = {signed(view.position_mm)} mm"


def axes_text(axes: PlanarAxes) -> str:
    """Long by short axis."""
    return f"{axes.long_axis_mm:.1f} × {axes.short_axis_mm:.1f} mm"


def lesion_notes(lesion: Lesion) -> str:
    """What to beware of; may be empty."""
    why = lesion.why_indeterminate or ""
    notes = [
        why,
        "cut by the edge of the scan" if lesion.touches_edge and "edge" not in why else "",
        "touches bone" if lesion.bone_contact else "",
        f"{lesion.fragment_count} fragments" if lesion.fragment_count > 1 else "",
        "outline edited by hand" if lesion.source == "edited" else "",
    ]
    return "   ·   ".join(note for note in notes if note)


def kinds_text(excluded: Iterable[Excluded]) -> str:
    """Kinds with their numbers, most frequent first."""
    counts = Counter(one.kind.replace("_", " ") for one in excluded)
    return ", ".join(f"{kind} {number}" if number > 1 else kind for kind, number in counts.most_common())


def date_text(time_point: TimePoint) -> str:
    """ISO date, or that it is not known."""
    return "date unknown" if time_point.date is None else time_point.date.isoformat()


def burden_lines(analysis: Analysis) -> tuple[str, str]:
    """Number and volume of the lesions; and what else there is to say of the scan."""
    burden = analysis.burden
    number = burden.lesion_count
    first = counted(number, "definite lesion") if number else "No definite lesion"
    if number:
        first += f"   ·   {interval_text(burden.volume_mm3)} together"
    unsure = sum(one.status == "indeterminate" for one in analysis.lesions)
    limit = burden.detection_limit_mm3
    rest = [
        f"{unsure} indeterminate, {volume_text(burden.indeterminate_volume_mm3)}, not in the sum"
        if unsure
        else "",
        counted(len(analysis.excluded), "bright finding") + " not counted" if analysis.excluded else "",
        "" if limit is None else f"smallest lesion that would have been seen: {volume_text(limit)}",
    ]
    return first, "   ·   ".join(part for part in rest if part)


def track_title(track: Track) -> str:
    """One line: number, kind, first and last volume."""
    volumes = [_volume_or_none(track, n) for n in (0, -1)]
    return f"Track {track.track_id}   ·   {track.kind.replace('_', ' ')}   ·   {volumes[0]} → {volumes[1]}"


def _volume_or_none(track: Track, index: int) -> str:
    volume = track.volume_mm3[index]
    if track.lesion_ids[index] and volume is not None:
        return volume_text(volume.value)
    return "nothing seen" if track.evaluable[index] else "not evaluable"


def track_notes(track: Track) -> str:
    """Why the last step was judged as it was, and what the dates teach about each other; may be empty."""
    reasons = [track.steps[-1].reason] if track.steps else []
    said = [one.words for one in track.annotations if one.code in TOLD]
    return "   ·   ".join([*reasons, *said])
