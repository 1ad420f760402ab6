"""What the page says of each scan: technique, findings, burden, quality, what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.domain.analysis import Analysis
from pipeline.domain.outlines import Edit
from pipeline.domain.wording import counted, interval_text, is_in_ml, volume_text
from pipeline.report.html import narrative
from pipeline.report.html.pictures import picture_url
from pipeline.report.html.spots import spots_text
from pipeline.report.wording import signed

SEVERITIES = {"serious": "Serious", "warning": "Caution", "info": "Note"}
PICTURES = {
    "overview.png": "Projections of the whole scan with the lesions marked",
    "radiograph.png": "Simulated radiograph",
}


def date_section(
    analysis: Analysis, title: str, figures: Path, *, index: int = 0, dates: int = 1
) -> dict[str, Any]:
    """All that the page says of one scan but the table of its lesions.

    Parameters
    ----------
    figures : Path
        Pictures already drawn are taken from here.
    index, dates : int
        Which scan of how many.
    """
    definite = [one for one in analysis.lesions if one.status == "definite"]
    unsure = [one for one in analysis.lesions if one.status != "definite"]
    return {
        "title": title,
        "technique": narrative.technique(analysis),
        "impression": narrative.impression(analysis),
        "findings": narrative.findings(definite),
        "indeterminate": narrative.findings(unsure),
        "burden": _burden(analysis),
        "by_region": _shares(analysis.burden.by_region),
        "by_depth": _shares(analysis.burden.by_depth),
        "flags": [(SEVERITIES[one.severity], one) for one in analysis.flags],
        "edits": [_edit(one) for one in analysis.edits],
        "excluded": _excluded(analysis, index, dates),
        "pictures": [
            (words, url)
            for name, words in PICTURES.items()
            if (url := picture_url(figures / name, "JPEG")) is not None
        ],
    }


def _burden(analysis: Analysis) -> list[tuple[str, str]]:
    burden = analysis.burden
    rows = [
        ("Definite lesions", str(burden.lesion_count)),
        ("Volume, with 95 % limits", interval_text(burden.volume_mm3)),
        ("Volume by counting voxels", volume_text(burden.voxel_volume_mm3)),
        ("Indeterminate, not in the sum", volume_text(burden.indeterminate_volume_mm3)),
        ("Pattern", f"{burden.pattern}: {narrative.PATTERNS[burden.pattern]}" if burden.pattern else "–"),
        ("Hydroxyapatite, estimated", _optional(burden.calcium_mass_mg, "mg")),
        ("Agatston score", _optional(burden.agatston_score, "")),
        (
            "Smallest lesion that would have been seen",
            "not known" if burden.detection_limit_mm3 is None else volume_text(burden.detection_limit_mm3),
        ),
    ]
    return rows


def _edit(edit: Edit) -> dict[str, str]:
    """What a human's outline changed."""
    now, found = (", ".join(str(one) for one in ids) for ids in (edit.lesion_ids, edit.automatic_ids))
    in_ml = is_in_ml([edit.volume_before_mm3, edit.volume_after_mm3])
    return {
        "what": edit.what,
        "now": now or "–",
        "found": found or "–",
        "doubtful": ", ".join(str(one) for one in edit.indeterminate_ids),
        "before": volume_text(edit.volume_before_mm3, in_ml=in_ml),
        "after": volume_text(edit.volume_after_mm3, in_ml=in_ml),
    }


def _optional(value: float | None, unit: str) -> str:
    return "not defined for this scan" if value is None else f"{value:,.0f} {unit}".replace(",", " ").strip()


def _shares(volumes: Mapping[str, float]) -> list[tuple[str, str]]:
    """Name in words and volume, largest first."""
    ordered = sorted(volumes.items(), key=lambda one: -one[1])
    in_ml = is_in_ml(volumes.values())
    return [(name.replace("_", " "), volume_text(value, in_ml=in_ml)) for name, value in ordered]


def _excluded(analysis: Analysis, index: int, dates: int) -> list[dict[str, Any]]:
    """By kind, the kind with most volume first."""
    kinds: dict[str, list[Any]] = {}
    for one in analysis.excluded:
        kinds.setdefault(one.kind, []).append(one)
    ordered = sorted(kinds.items(), key=lambda item: -sum(one.volume_mm3 for one in item[1]))
    return [
        {
            "kind": kind.replace("_", " ").capitalize(),
            "count": counted(len(own), "finding"),
            "volume": volume_text(sum(one.volume_mm3 for one in own)) + (" together" if len(own) > 1 else ""),
            "rows": [
                {
                    "id": one.id,
                    "volume": volume_text(one.volume_mm3),
                    "peak": signed(one.peak_hu, 0),
                    "reason": one.reason,
                    "place": _place(one.centroid_lps_mm),
                    "spots": spots_text([one.centroid_lps_mm if n == index else None for n in range(dates)]),
                }
                for one in sorted(own, key=lambda one: -one.volume_mm3)
            ],
        }
        for kind, own in ordered
    ]


def _place(point: Sequence[float]) -> str:
    return ", ".join(signed(value, 0) for value in point)
