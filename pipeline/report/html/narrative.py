"""What a scan shows, in sentences: technique, findings by region, impression."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.domain.analysis import Analysis
from pipeline.domain.description import bone_text, site_text
from pipeline.domain.lesion import Lesion
from pipeline.domain.wording import interval_text, length_text, volume_text
from pipeline.report.wording import counted, signed

NOT_KNOWN = "not known"
PATTERNS = {
    "exoskeleton": "half or more in long sheets of skin or subcutaneous fat",
    "superficial": "mostly in skin or subcutaneous fat",
    "tumoral": "mostly deep lumps",
    "fascial": "mostly deep and thin, as sheets and lines along fascia and muscle are",
    "mixed": "no form prevails",
}
"""`Burden.pattern` in words: of the form of what is deep it speaks, and not of the layer that it lies in."""
PREPOSITION = re.compile("^(in|at|over) the ")


@dataclass(frozen=True, slots=True)
class Finding:
    """A place with its lesions in sentences."""

    place: str
    sentences: tuple[tuple[int, str], ...]  #: lesion id and what is said of it


def technique(analysis: Analysis) -> list[tuple[str, str]]:
    """How the scan was made and read: name and value."""
    how, geometry = analysis.scan.acquisition, analysis.geometry
    k, j, i = geometry.spacing_mm
    slices, rows, columns = geometry.shape
    thickness = f"{how.slice_thickness_mm:g} mm thick, " if how.slice_thickness_mm else ""
    contrast = {True: "given", False: "none declared", None: NOT_KNOWN}[how.contrast_agent]
    if analysis.threshold.enhanced and not how.contrast_agent:
        contrast += ", but seen in vessels"
    low, high = analysis.coverage.z_range_mm
    return [
        ("Patient", patient_text(analysis)),
        ("Scanner", how.manufacturer or NOT_KNOWN),
        ("Tube voltage", f"{how.kvp:g} kVp" if how.kvp else NOT_KNOWN),
        ("Dose", f"CTDIvol {how.ctdi_vol_mgy:.1f} mGy" if how.ctdi_vol_mgy else NOT_KNOWN),
        ("Kernel", how.kernel or NOT_KNOWN),
        ("Slices", f"{slices}, {thickness}{k:.4g} mm apart; pixels {i:.3g} × {j:.3g} mm, {columns} × {rows}"),
        ("Contrast medium", contrast),
        ("Noise", f"{analysis.noise_hu:.0f} HU" if analysis.noise_hu is not None else NOT_KNOWN),
        ("Threshold", threshold_text(analysis)),
        ("Coverage", f"{length_text(high - low)} from head to foot; {_bones(analysis)}"),
    ]


def patient_text(analysis: Analysis) -> str:
    """Age and sex, without any identity."""
    how = analysis.scan.acquisition
    sex = {"F": "female", "M": "male", "O": "other sex"}.get(how.sex or "", "sex not known")
    age = f"{how.age_years:.0f} years" if how.age_years is not None else "age not known"
    return f"{age}, {sex}"


def threshold_text(analysis: Analysis) -> str:
    """What counted as calcified, and why."""
    threshold = analysis.threshold
    return (
        f"found from {threshold.seed_hu:.0f} HU, outlined down to {threshold.edge_hu:.0f} HU"
        f" ({threshold.reason})"
    )


def _bones(analysis: Analysis) -> str:
    coverage = analysis.coverage
    parts = [
        _listed("complete", coverage.bones_complete),
        _listed("cut by the edge", coverage.bones_cut),
        "body cut off sideways" if coverage.in_plane_truncated else "",
    ]
    return "; ".join(part for part in parts if part) or "no bone recognised"


def _listed(words: str, bones: Sequence[str]) -> str:
    names = [bone_text(one).removeprefix("the ") for one in bones if one != "other_bone"]
    return f"{words}: {', '.join(names)}" if names else ""


def findings(lesions: Sequence[Lesion]) -> list[Finding]:
    """Lesions by place, the place with the largest volume first."""
    places: dict[str, list[Lesion]] = {}
    for lesion in lesions:
        places.setdefault(place_title(lesion), []).append(lesion)
    ordered = sorted(places.items(), key=lambda one: -sum(x.size.volume_mm3.value for x in one[1]))
    return [Finding(place, tuple((one.id, one.description) for one in own)) for place, own in ordered]


def place_title(lesion: Lesion) -> str:
    """Side and region as a heading."""
    if lesion.site.region is None:
        return "Region unknown"
    if lesion.site.region == "multiple":
        return "Several regions"
    title = PREPOSITION.sub("", site_text(lesion.site))
    return f"{title[0].upper()}{title[1:]}"


def impression(analysis: Analysis) -> list[str]:
    """The answer in a few sentences."""
    definite = [one for one in analysis.lesions if one.status == "definite"]
    unsure = len(analysis.lesions) - len(definite)
    sentences = [_burden(analysis, definite)]
    if unsure:
        volume = volume_text(analysis.burden.indeterminate_volume_mm3)
        what = "One finding is" if unsure == 1 else f"{unsure} findings are"
        sentences.append(f"{what} indeterminate ({volume}) and not in the sum.")
    if analysis.edits:
        sentences.append(
            f"Outlines were edited by hand: {counted(len(analysis.edits), 'change')}, listed below."
        )
    serious = [flag for flag in analysis.flags if flag.severity == "serious"]
    sentences += [f"Beware: {flag.message}." for flag in serious]
    return sentences


def _burden(analysis: Analysis, definite: Sequence[Lesion]) -> str:
    burden = analysis.burden
    if not definite:
        limit = burden.detection_limit_mm3
        seen = "" if limit is None else f"; one of {volume_text(limit)} or more would have been seen"
        return f"No definite soft-tissue calcification{seen}."
    what = counted(len(definite), "definite soft-tissue calcification")
    pattern = f", {burden.pattern} pattern" if burden.pattern else ""
    largest = max(definite, key=lambda one: one.size.volume_mm3.value)
    together = "" if len(definite) == 1 else " together"
    placed = len(definite) > 1 and largest.site.region is not None
    where = f"; the largest: {place_title(largest).lower()}" if placed else ""
    return f"{what}, {interval_text(burden.volume_mm3)}{together}{pattern}{where}."


def percent_text(percent: float | None) -> str:
    """A change in percent with its sign."""
    if percent is None:
        return NOT_KNOWN
    return f"{'+' if percent > 0 else ''}{signed(percent, 0)} %"
