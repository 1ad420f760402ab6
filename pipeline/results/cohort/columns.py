"""The columns of a study's tables: name, kind and meaning, in their order. The unit is in the name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.results.definitions import LESION_DEFINITIONS, TRACK_DEFINITIONS

Kind = Literal["text", "whole", "number", "truth", "date"]
REGIONS = (
    "abdominal_wall",
    "adductor_compartment",
    "anterior_thigh",
    "gluteal_deep",
    "gluteal_superficial",
    "greater_trochanteric",
    "hamstring_origin",
    "hip_joint",
    "iliopsoas",
    "inguinal",
    "ischiofemoral_space",
    "leg",
    "obturator_externus",
    "obturator_internus",
    "paraspinal",
    "pelvic_cavity",
    "perineum",
    "popliteal",
    "posterior_thigh",
    "multiple",
    "unknown",
)
DEPTHS = ("skin", "subcutaneous", "fascial", "muscular", "periarticular", "intrapelvic", "unknown")
KINDS = ("resolved", "decreased", "stable", "increased", "new", "merged", "split", "not_evaluable")


@dataclass(frozen=True, slots=True)
class Column:
    """One column; empty cells are unknown or do not apply."""

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table, by the name of its files."""

    name: str
    title: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(one.name for one in self.columns)

    @property
    def definitions(self) -> Mapping[str, str]:
        """Name → meaning."""
        return {one.name: one.meaning for one in self.columns}


def _columns(kind: Kind, named: Mapping[str, str]) -> Iterable[Column]:
    return (Column(name, kind, meaning) for name, meaning in named.items())


KEY = Column("patient_key", "text", "patient: the name of the folder under patients/")
DATE_INDEX = Column("date_index", "whole", "date, from 0: the number in the name of the folder t0, t1, …")
STUDY_DATE = Column("study_date", "date", "date of the scan; empty where dates were dropped")
_CHANGE: tuple[Column, ...] = (
    Column("change_mm3", "number", "burden less that of the first scan, over what both scans show"),
    Column(
        "change_percent", "number", "the same as a share of the burden of the first scan, as far as compared"
    ),
    Column("limit_lower_mm3", "number", "lower 95 % limit of what two scans of the same calcium differ by"),
    Column("limit_upper_mm3", "number", "upper 95 % limit of it"),
    Column("beyond_error", "truth", "whether the change lies outside these limits"),
    Column("response", "text", "answer against baseline or nadir, as in comparison.json"),
    Column("response_reference", "text", "baseline or nadir"),
    Column("response_calcinosis_25", "text", "by change of 25 % and beyond error"),
    Column("response_recist_1_1", "text", "by RECIST 1.1; empty where it does not apply"),
    Column("response_volume", "text", "by volume with its limits"),
    Column("response_reasons", "text", "why"),
)
_BURDEN = {
    "volume_mm3": "burden: sum over the definite lesions, corrected for partial volume",
    "volume_lower_mm3": "lower 95 % limit of the burden",
    "volume_upper_mm3": "upper 95 % limit of the burden",
    "voxel_volume_mm3": "voxels of the definite lesions times their volume",
    "indeterminate_volume_mm3": "sum over the indeterminate lesions, beside the burden",
    "detection_limit_mm3": "smallest lesion that would have been seen",
    "calcium_mass_mg": "mass of hydroxyapatite, an estimate; empty if the tube voltage is unknown",
    "agatston_score": "Agatston score; empty where it is not defined for the scan",
}

SCANS = Table(
    "scans",
    "Scans",
    (
        KEY,
        DATE_INDEX,
        STUDY_DATE,
        Column("days_from_first", "whole", "days since the patient's first scan"),
        Column("age_years", "number", "age at the scan"),
        Column("sex", "text", "F, M or O, as the header says"),
        Column("manufacturer", "text", "maker of the scanner"),
        Column("kvp", "number", "tube voltage (kV)"),
        Column("kernel", "text", "reconstruction kernel"),
        Column("slice_thickness_mm", "number", "thickness of the slices"),
        Column("slice_spacing_mm", "number", "distance of the slices"),
        Column("row_spacing_mm", "number", "distance of the rows"),
        Column("column_spacing_mm", "number", "distance of the columns"),
        Column("contrast", "truth", "contrast agent named in the header, or seen in vessels (flag CONTRAST)"),
        Column("ctdi_vol_mgy", "number", "dose index CTDIvol (mGy), mean over the slices"),
        Column("noise_hu", "number", "noise in soft tissue"),
        Column("flags", "text", "codes of all flags, as in docs/dicom.md"),
        Column("serious_flags", "text", "codes of the serious ones"),
        Column("seed_hu", "number", "threshold from which voxels are looked at"),
        Column("edge_hu", "number", "threshold that bounds the outlines at least"),
        Column("lesion_count", "whole", "definite lesions"),
        Column("indeterminate_count", "whole", "indeterminate lesions"),
        Column(
            "excluded_count", "whole", "things that were left out, each with its reason in measurements.json"
        ),
        Column("edited_count", "whole", "lesions whose outline a human changed"),
        *_columns("number", _BURDEN),
        Column("pattern", "text", "pattern of the calcinosis, by volume"),
        *_columns("number", {f"region_{one}_mm3": f"burden in the region {one}" for one in REGIONS}),
        *_columns("number", {f"depth_{one}_mm3": f"burden in the layer {one}" for one in DEPTHS}),
        *_CHANGE,
        Column("input_sha256", "text", "hash of the scan: the same under two patients is one scan"),
    ),
)

PATIENTS = Table(
    "patients",
    "Patients",
    (
        KEY,
        Column("status", "text", "done, refused, failed, or not_run"),
        Column("code", "text", "why refused or failed; docs/dicom.md and docs/cohort.md"),
        Column("reason", "text", "the same in words"),
        Column("scans", "whole", "scans that were measured"),
        Column("first_date", "date", "date of the first scan"),
        Column("last_date", "date", "date of the last scan, or the only one"),
        Column("days", "whole", "days from the first scan to the last"),
        Column("age_years", "number", "age at the first scan"),
        Column("sex", "text", "F, M or O, as the headers say"),
        Column("lesion_count_first", "whole", "definite lesions on the first scan"),
        Column("lesion_count_last", "whole", "definite lesions on the last scan, or the only one"),
        *_columns(
            "number", {f"first_{name}": f"first scan: {words}" for name, words in list(_BURDEN.items())[:5]}
        ),
        *_columns(
            "number",
            {
                f"last_{name}": f"last scan, or the only one: {words}"
                for name, words in list(_BURDEN.items())[:5]
            },
        ),
        Column("pattern_first", "text", "pattern of the calcinosis on the first scan"),
        Column("pattern_last", "text", "pattern of the calcinosis on the last scan, or the only one"),
        *_CHANGE,
        Column(
            "technique_changed", "text", "codes of what the last scan was made with otherwise than the first"
        ),
        Column("serious_flags", "text", "codes of serious flags on any scan"),
        *_columns(
            "whole",
            {f"tracks_{kind}": f"tracks that are {kind} from the first scan to the last" for kind in KINDS},
        ),
        Column("software_version", "text", "version of the program that measured"),
        Column("settings_sha256", "text", "hash of all settings"),
    ),
)

_LESION_KINDS: Mapping[str, Kind] = {
    "id": "whole",
    "fragment_count": "whole",
    **dict.fromkeys(("recist_measurable", "bone_contact", "possibly_ossified", "touches_edge"), "truth"),
    "agatston_score": "number",
}
_TRACK_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("track_id", "date_index"), "whole"),
    **dict.fromkeys(("evaluable", "beyond_error"), "truth"),
}


def _kind(name: str, kinds: Mapping[str, Kind]) -> Kind:
    is_number = name.rpartition("_")[2] in ("mm", "mm3", "hu", "percent", "mg")
    return kinds.get(name, "number" if is_number else "text")


LESIONS = Table(
    "lesions",
    "Lesions",
    (
        KEY,
        DATE_INDEX,
        STUDY_DATE,
        *(Column(name, _kind(name, _LESION_KINDS), words) for name, words in LESION_DEFINITIONS.items()),
    ),
)
TRACKS = Table(
    "tracks",
    "Tracks",
    (
        KEY,
        *(Column(name, _kind(name, _TRACK_KINDS), words) for name, words in TRACK_DEFINITIONS.items()),
        STUDY_DATE,
        Column("days_from_first", "whole", "days since the patient's first scan"),
        Column("volume_lower_mm3", "number", "lower 95 % limit of the volume"),
        Column("volume_upper_mm3", "number", "upper 95 % limit of the volume"),
        Column("detection_limit_mm3", "number", "smallest lesion that would have been seen at the place"),
        Column(
            "topology_since_last",
            "text",
            "one_to_one, split, merged, gone, new or absent since the date before",
        ),
    ),
)
TABLES = (PATIENTS, SCANS, LESIONS, TRACKS)
