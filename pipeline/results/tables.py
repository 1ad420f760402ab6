"""Lesions and tracks as CSV, one row each, units in the headers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison, Track
from pipeline.domain.lesion import Excluded, Lesion
from pipeline.results.definitions import LESION_DEFINITIONS, TRACK_DEFINITIONS
from pipeline.results.record import rounded

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute instead of show."""

LESION_COLUMNS, TRACK_COLUMNS = tuple(LESION_DEFINITIONS), tuple(TRACK_DEFINITIONS)


def lesions_csv(analysis: Analysis) -> str:
    """One row for each lesion; empty cells are unknown."""
    return _csv(LESION_COLUMNS, (lesion_row(one) for one in analysis.lesions))


def tracks_csv(comparison: Comparison) -> str:
    """One row for each track and date; empty cells are unknown."""
    return _csv(TRACK_COLUMNS, track_rows(comparison))


def track_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """The cells of each track on each date, by column."""
    for track in comparison.tracks:
        yield from (_track_row(track, n) for n in range(len(track.lesion_ids)))


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    write_csv(text, columns, (rounded(row) for row in rows))
    return text.getvalue()


def write_csv(
    file: TextIO, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, header: bool = True
) -> None:
    """Write rows by column; before a text that a spreadsheet would take for a formula comes an apostrophe."""
    writer = csv.writer(file, lineterminator="\r\n")
    if header:
        writer.writerow(columns)
    writer.writerows([_harmless(row.get(name)) for name in columns] for row in rows)


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def lesion_row(lesion: Lesion) -> dict[str, Any]:
    """The cells of a lesion, by column."""
    size, density = lesion.size, lesion.density
    row: dict[str, Any] = {
        "id": lesion.id,
        "status": lesion.status,
        "source": lesion.source,
        "morphology": lesion.morphology,
        "recist_measurable": lesion.recist_measurable,
        "side": lesion.site.side,
        "region": lesion.site.region,
        "also_involves": " ".join(lesion.site.also_involves) or None,
        "structure": lesion.site.structure,
        "depth": lesion.site.depth,
        "skin_depth_mm": lesion.site.skin_depth_mm,
        "volume_mm3": size.volume_mm3.value,
        "volume_lower_mm3": size.volume_mm3.lower,
        "volume_upper_mm3": size.volume_mm3.upper,
        "voxel_volume_mm3": size.voxel_volume_mm3,
        "mesh_volume_mm3": size.mesh_volume_mm3,
        "diameter_3d_mm": size.diameter_3d_mm,
        "mean_hu": density.mean_hu,
        "sd_hu": density.sd_hu,
        "p95_hu": density.p95_hu,
        "max_hu": density.max_hu,
        "calcium_mass_mg": lesion.calcium_mass_mg,
        "agatston_score": lesion.agatston_score,
        "volume_note": size.volume_note,
        "edge_hu": lesion.edge_hu,
        "fragment_count": lesion.fragment_count,
        "nearest_bone": lesion.site.nearest_bone,
        "bone_part": lesion.site.bone_part,
        "bone_distance_mm": lesion.site.bone_distance_mm,
        "bone_contact": lesion.bone_contact,
        "possibly_ossified": lesion.possibly_ossified,
        "touches_edge": lesion.touches_edge,
        "why_indeterminate": lesion.why_indeterminate,
        "description": lesion.description,
        "tracking_uid": lesion.tracking_uid,
    }
    for name in ("mean_hu", "sd_hu", "p95_hu", "max_hu"):
        row[f"core_{name}"] = None if density.core is None else getattr(density.core, name)
    for plane in ("axial", "coronal", "sagittal"):
        axes = getattr(size, plane)
        row[f"{plane}_long_axis_mm"] = axes.long_axis_mm
        row[f"{plane}_short_axis_mm"] = axes.short_axis_mm
    for axis, extent, centre in zip("xyz", size.extent_mm, size.centroid_lps_mm, strict=True):
        row[f"extent_{axis}_mm"] = extent
        row[f"centroid_{axis}_mm"] = centre
    return row


def excluded_row(one: Excluded) -> dict[str, Any]:
    """The cells of what was left out, by column."""
    x, y, z = one.centroid_lps_mm
    return {
        "id": one.id,
        "kind": one.kind,
        "reason": one.reason,
        "volume_mm3": one.volume_mm3,
        "x_mm": x,
        "y_mm": y,
        "z_mm": z,
        "peak_hu": one.peak_hu,
    }


def _track_row(track: Track, n: int) -> dict[str, Any]:
    volume, position = track.volume_mm3[n], track.position_lps_mm[n]
    x, y, z = position if position is not None else (None, None, None)
    row: dict[str, Any] = {
        "track_id": track.track_id,
        "date_index": n,
        "lesions": " ".join(str(number) for number in track.lesion_ids[n]),
        "evaluable": track.evaluable[n],
        "volume_mm3": None if volume is None else volume.value,
        "x_mm": x,
        "y_mm": y,
        "z_mm": z,
        "kind_first_to_last": track.kind,
        "tracking_uid": track.tracking_uid,
    }
    said = [one for one in track.annotations if one.date_index == n]
    if said:
        row["annotations"] = " ".join(one.code for one in said)
        row["annotation_words"] = "; ".join(one.words for one in said)
    if n:
        step = track.steps[n - 1]
        lower, upper = step.limits_mm3 if step.limits_mm3 is not None else (None, None)
        row |= {
            "kind_since_last": step.kind,
            "change_mm3": step.change_mm3,
            "change_percent": step.change_percent,
            "limit_lower_mm3": lower,
            "limit_upper_mm3": upper,
            "beyond_error": step.beyond_error,
            "reason": step.reason,
        }
    return row
