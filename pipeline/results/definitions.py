"""What each column of the tables means: for the sheet beside the numbers, and for docs/measurements.md.

The unit is in the column's name, and so in every header.
"""

from __future__ import annotations

UNITS = {"mm3": "mm³", "mm2": "mm²", "mm": "mm", "hu": "HU", "percent": "%", "days": "days", "mg": "mg"}
"""Last part of a column's name → unit."""

_AXES = {
    f"{plane}_{axis}_axis_mm": f"{words} in the {plane} plane (RECIST 1.1), of the body without blur"
    for plane in ("axial", "coronal", "sagittal")
    for axis, words in (
        ("long", "longest diameter in any slice"),
        ("short", "longest diameter across the longest one"),
    )
}
_PLACE = {
    f"{kind}_{axis}_mm": words.format(axis=axis, towards=towards)
    for kind, words in (
        ("extent", "extent along {axis}, out to the faces of the voxels"),
        ("centroid", "centre along {axis}, which runs towards the patient's {towards}"),
    )
    for axis, towards in (("x", "left"), ("y", "back"), ("z", "head"))
}
_DENSITY = {
    f"{core}{name}": f"{words} over {voxels}"
    for core, voxels in (
        ("", "all voxels of the outline"),
        ("core_", "the voxels that blur does not reach; empty if there are fewer than four"),
    )
    for name, words in (
        ("mean_hu", "mean HU"),
        ("sd_hu", "standard deviation of the HU"),
        ("p95_hu", "95th percentile of the HU"),
        ("max_hu", "highest HU"),
    )
}

LESION_DEFINITIONS = {
    "id": "number of the lesion, by falling volume: its value in lesions.nii.gz and its segment",
    "status": "definite, or indeterminate: listed and summed apart",
    "source": "automatic, or edited: the outline was changed by a human",
    "morphology": "form in a word: punctate, nodular, bulky, ovoid, linear, sheet, shell, reticular",
    "recist_measurable": "whether it can be a target of RECIST 1.1",
    "side": "the patient's left or right, or midline",
    "region": "region that holds half of it or most; multiple where it crosses several",
    "also_involves": "other regions that hold 15 % of it or more",
    "structure": "muscle or organ by the label map at hand, else by its course between the bones",
    "depth": "layer: skin, subcutaneous, fascial, muscular, periarticular, intrapelvic",
    "skin_depth_mm": "shortest way to the skin",
    "volume_mm3": "volume corrected for partial volume",
    "volume_lower_mm3": "lower 95 % limit of the volume",
    "volume_upper_mm3": "upper 95 % limit of the volume",
    "voxel_volume_mm3": "voxels of the outline times their volume (IBSI YEKZ)",
    "mesh_volume_mm3": "volume within the mesh of the outline (IBSI RNU0)",
    **_AXES,
    "diameter_3d_mm": "greatest distance of two points of the mesh (IBSI L0JK)",
    **_PLACE,
    **_DENSITY,
    "calcium_mass_mg": "mass of hydroxyapatite, an estimate; empty if the tube voltage is unknown",
    "agatston_score": "Agatston score; empty where it is not defined for the scan",
    "edge_hu": "threshold that bounds the outline",
    "fragment_count": "pieces of the outline",
    "nearest_bone": "bone nearest to it",
    "bone_part": "ilium, ischium or pubis, where that is a hip bone",
    "bone_distance_mm": "from surface to surface; empty beyond 40 mm",
    "bone_contact": "whether voxels touch a bone",
    "possibly_ossified": "whether a dense rim closes in what may be marrow",
    "touches_edge": "whether the scan cuts it",
    "volume_note": "what to know of the volume",
    "why_indeterminate": "why it is not definite",
    "description": "all of this in one sentence",
    "tracking_uid": "DICOM UID of the lesion, as in SEG and SR",
}
TRACK_DEFINITIONS = {
    "track_id": "number of the track: one lesion followed over the dates",
    "date_index": "date, from 0",
    "lesions": "ids of its lesions on this date",
    "evaluable": "whether its presence could be judged on this date",
    "volume_mm3": "sum of its lesions; 0 where it was looked for in vain, empty where it cannot be judged",
    "x_mm": "place on this date's scan, towards the patient's left; where it is, or would be",
    "y_mm": "the same towards the back",
    "z_mm": "the same towards the head",
    "kind_since_last": "what became of it since the date before",
    "change_mm3": "volume less that of the date before; empty after another tube voltage or contrast agent",
    "change_percent": "the same as a share of the earlier volume",
    "limit_lower_mm3": "lower 95 % limit of what two scans of the same calcium differ by",
    "limit_upper_mm3": "upper 95 % limit of it",
    "beyond_error": "whether the change lies outside these limits",
    "reason": "why it was judged so",
    "annotations": "codes of what the other dates teach about this one",
    "annotation_words": "the same in words",
    "kind_first_to_last": "what became of it from the first date to the last",
    "tracking_uid": "DICOM UID of the track, as in SEG and SR",
}
EXCLUDED_DEFINITIONS = {
    "id": "number of what was left out; its value in excluded.nii.gz",
    "kind": "what it was taken for",
    "reason": "why",
    "volume_mm3": "voxels times their volume",
    "x_mm": "centre, towards the patient's left",
    "y_mm": "the same towards the back",
    "z_mm": "the same towards the head",
    "peak_hu": "highest HU",
}


def unit_of(column: str) -> str:
    """The unit of a column; empty where it has none."""
    return UNITS.get(column.rpartition("_")[2], "")


def header_of(column: str) -> str:
    """A column's name in words, with its unit."""
    unit = unit_of(column)
    words = (column.rpartition("_")[0] if unit else column).replace("_", " ").replace(" hu", " HU")
    return f"{words} ({unit})" if unit else words
