"""A lesion in one sentence, as a radiologist would dictate it. Made of its record, and of nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.domain.wording import interval_text, length_text, pair_text

if TYPE_CHECKING:
    from pipeline.domain.lesion import Lesion, Site

FAINT_BELOW_HU, DENSE_FROM_HU = 200.0, 500.0
"""Between spongy bone and the least of cortical bone lies what is moderately dense. Ours."""
NEAR_BONE_MM = 20.0
"""A bone further off says nothing of the place."""
FORMS = {
    "punctate": "punctate",
    "nodular": "nodular",
    "bulky": "bulky",
    "ovoid": "ovoid",
    "linear": "linear",
    "sheet": "sheet-like",
    "shell": "shell-like",
    "reticular": "reticular",
}
PLACES = {
    "gluteal_superficial": "in the {side} superficial gluteal region",
    "gluteal_deep": "in the {side} deep gluteal region",
    "greater_trochanteric": "over the {side} greater trochanter",
    "hip_joint": "at the {side} hip joint",
    "hamstring_origin": "at the {side} hamstring origin",
    "inguinal": "in the {side} groin",
    "paraspinal": "in the {side} paraspinal region",
    "popliteal": "in the {side} popliteal fossa",
}
"""Other regions are ``in the`` side and name."""
DEPTHS = {"skin": "in the skin", "subcutaneous": "subcutaneous", "fascial": "along the fascia"}
"""What the name of the region leaves open; the other depths go without saying."""


def describe(lesion: Lesion) -> str:
    """One sentence: form, density, size, place, what to beware of, volume."""
    parts = [
        f"{_what(lesion)} {site_text(lesion.site)}",
        DEPTHS.get(lesion.site.depth or "", ""),
        _bone(lesion),
        *_remarks(lesion),
    ]
    text = ", ".join(part for part in parts if part)
    sentence = "; ".join(part for part in (text, _volume(lesion), _doubt(lesion)) if part)
    return f"{sentence[0].upper()}{sentence[1:]}."


def name_text(lesion: Lesion) -> str:
    """Size and place, to speak of a lesion that was described before: no article, no dot."""
    form = FORMS.get(lesion.morphology or "", "")
    if lesion.morphology in ("linear", "sheet", "reticular") or lesion.site.region == "multiple":
        size = f"{length_text(lesion.size.diameter_3d_mm)} long {form}"
    else:
        size = pair_text(lesion.size.axial.long_axis_mm, lesion.size.axial.short_axis_mm)
    return f"{size.strip()} calcification {site_text(lesion.site)}"


def _what(lesion: Lesion) -> str:
    """Form and density before the size, as far as that is one."""
    words = ", ".join(word for word in (FORMS.get(lesion.morphology or "", ""), _density(lesion)) if word)
    if lesion.morphology in ("sheet", "reticular") or lesion.site.region == "multiple":
        x, y, z = (length_text(one) for one in lesion.size.extent_mm)
        return (
            f"{words} calcification extending over {x} from side to side, {y} from front to back"
            f" and {z} from head to foot,"
        )
    if lesion.morphology == "linear":
        return f"{words} calcification, {length_text(lesion.size.diameter_3d_mm)} long,"
    axes = lesion.size.axial
    return f"{words} {pair_text(axes.long_axis_mm, axes.short_axis_mm)} (axial) calcification"


def _density(lesion: Lesion) -> str:
    """By the core where there is one, else by the brightest twentieth: blur makes thin things faint."""
    core = lesion.density.core
    hu = lesion.density.p95_hu if core is None else core.mean_hu
    if hu < FAINT_BELOW_HU:
        return "faint"
    return "dense" if hu >= DENSE_FROM_HU else "moderately dense"


def site_text(site: Site) -> str:
    """Where it lies, with its preposition."""
    side = "" if site.side in (None, "midline") else site.side
    if site.region is None:
        where = {"left": "on the left", "right": "on the right", "midline": "in the midline"}
        return where.get(site.side or "", "of unknown side") + ", region unknown"
    if site.region == "multiple":
        return f"in several regions on the {side}" if side else "in several regions of both sides"
    pattern = PLACES.get(site.region, "in the {side} " + site.region.replace("_", " "))
    return " ".join(pattern.format(side=side).split()) + (" in the midline" if site.side == "midline" else "")


def _bone(lesion: Lesion) -> str:
    """The bone it touches; where the region is unknown, the nearest one."""
    site = lesion.site
    if site.nearest_bone is None:
        return ""
    bone = bone_text(site.nearest_bone, site.bone_part)
    if lesion.bone_contact:
        return f"abutting {bone}"
    if site.region is not None or site.bone_distance_mm is None or site.bone_distance_mm > NEAR_BONE_MM:
        return ""
    return f"{max(1, round(site.bone_distance_mm))} mm from {bone}"


def bone_text(name: str, part: str | None = None) -> str:
    """A bone in words: ``hip_bone_left`` is the left hip bone, or the left ischium if that is known."""
    *words, last = name.split("_")
    if part is not None:
        words = [part]
    if last in ("left", "right"):
        return " ".join(["the", last, *words])
    return "a bone" if name == "other_bone" else " ".join(["the", *words, last])


def _remarks(lesion: Lesion) -> list[str]:
    cut = lesion.touches_edge and "edge" not in (lesion.why_indeterminate or "")
    return [
        f"in {lesion.fragment_count} fragments" if lesion.fragment_count > 1 else "",
        "possibly ossified" if lesion.possibly_ossified else "",
        "cut by the edge of the scan" if cut else "",
        "outlined by hand" if lesion.source == "edited" else "",
    ]


def _volume(lesion: Lesion) -> str:
    text = interval_text(lesion.size.volume_mm3)
    return f"{text}, uncertain since no voxel is pure calcium" if lesion.size.volume_note else text


def _doubt(lesion: Lesion) -> str:
    if lesion.status == "definite":
        return ""
    return f"indeterminate: {lesion.why_indeterminate}" if lesion.why_indeterminate else "indeterminate"
