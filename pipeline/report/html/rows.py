"""Rows of the tables of lesions and of tracks, each with its pictures."""

from __future__ import annotations

from typing import Any

from pipeline.domain.analysis import Analysis
from pipeline.domain.change import Comparison, Track
from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import Lesion
from pipeline.domain.wording import interval_text
from pipeline.report.html import course, narrative
from pipeline.report.html.spots import spots_text
from pipeline.report.html.thumbnails import lesion_thumbnail, place_thumbnail
from pipeline.report.wording import axes_text, signed

MOST_PICTURES = 200
"""Thumbnails of a page; rows beyond have none, so that the page stays small."""


def lesion_rows(analysis: Analysis) -> list[dict[str, Any]]:
    """One for each lesion."""
    return [_lesion_row(analysis, n, one) for n, one in enumerate(analysis.lesions)]


def _lesion_row(analysis: Analysis, n: int, lesion: Lesion) -> dict[str, Any]:
    size, site = lesion.size, lesion.site
    core = lesion.density.core or lesion.density
    return {
        "id": lesion.id,
        "status": lesion.status,
        "picture": lesion_thumbnail(analysis, lesion) if n < MOST_PICTURES else None,
        "place": narrative.place_title(lesion),
        "depth": site.depth or "–",
        "morphology": lesion.morphology or "–",
        "volume": interval_text(size.volume_mm3),
        "axial": axes_text(size.axial).removesuffix(" mm"),
        "diameter": f"{size.diameter_3d_mm:.1f}",
        "mean": signed(core.mean_hu, 0),
        "peak": signed(lesion.density.max_hu, 0),
        "bone": "touches" if lesion.bone_contact else _distance(site.bone_distance_mm),
        "spots": spots_text([size.centroid_lps_mm]),
        "edited": lesion.source == "edited",
    }


def _distance(mm: float | None) -> str:
    return "–" if mm is None else f"{mm:.0f} mm"


def track_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One for each track."""
    pictured = MOST_PICTURES // len(comparison.analyses)
    return [
        _track_row(comparison, track, with_pictures=n < pictured) for n, track in enumerate(comparison.tracks)
    ]


def _track_row(comparison: Comparison, track: Track, *, with_pictures: bool) -> dict[str, Any]:
    dates = range(len(comparison.analyses))
    return {
        "id": track.track_id,
        "place": course.track_place(comparison, track),
        "kind": track.kind.replace("_", " "),
        "cells": [
            {
                "volume": course.volume_text_at(track, n),
                "remarks": course.remarks_at(track, n),
                "picture": _seen(comparison, track, n) if with_pictures else None,
            }
            for n in dates
        ],
        "step": course.step_text(track),
        "spots": spots_text(track.position_lps_mm),
    }


def _seen(comparison: Comparison, track: Track, index: int) -> str | None:
    """The place of a track on a date; None where the scan does not show it."""
    analysis = comparison.analyses[index]
    lesions = course.lesions_of(comparison, index, track.lesion_ids[index])
    if lesions:
        return lesion_thumbnail(analysis, max(lesions, key=_volume_mm3))
    point, known = track.position_lps_mm[index], course.lesion_of(comparison, track)
    if point is None or known is None or not _is_inside(analysis, point):
        return None
    return place_thumbnail(analysis, point, known)


def _volume_mm3(lesion: Lesion) -> float:
    return lesion.size.volume_mm3.value


def _is_inside(analysis: Analysis, point_lps_mm: Float3) -> bool:
    index = analysis.geometry.to_index(point_lps_mm)
    return all(
        -0.5 <= value <= size - 0.5 for value, size in zip(index, analysis.geometry.shape, strict=True)
    )
