"""Rows of a study's tables out of the records of its patients: the numbers as they were written."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.results.cohort.columns import DEPTHS, KINDS, REGIONS
from pipeline.results.cohort.read import PatientRecord, Plain

Row = dict[str, Any]
BURDEN_NUMBERS = (
    "voxel_volume_mm3",
    "indeterminate_volume_mm3",
    "detection_limit_mm3",
    "calcium_mass_mg",
    "agatston_score",
)
CHANGED = ("KVP_CHANGED", "KERNEL_CHANGED", "THICKNESS_CHANGED", "CONTRAST_CHANGED")


def patient_row(record: PatientRecord) -> Row:
    """The one row of a patient, whatever became of it."""
    about = record.about
    row: Row = {"patient_key": about.key, "status": about.state, "code": about.code, "reason": about.reason}
    if not record.scans:
        return row
    scans = list(scan_rows(record))
    first, last = scans[0], scans[-1]
    row |= {
        "scans": len(scans),
        "first_date": first["study_date"],
        "last_date": last["study_date"],
        "days": last["days_from_first"],
        "age_years": first["age_years"],
        "sex": next((one["sex"] for one in scans if one["sex"]), None),
        "serious_flags": _words(code for one in scans for code in (one["serious_flags"] or "").split()),
        "software_version": record.scans[0]["software"]["version"],
        "settings_sha256": record.scans[0]["software"]["settings_sha256"],
    }
    for name, scan in (("first", first), ("last", last)):
        row |= {f"lesion_count_{name}": scan["lesion_count"], f"pattern_{name}": scan["pattern"]}
        for column in ("volume_mm3", "volume_lower_mm3", "volume_upper_mm3", *BURDEN_NUMBERS[:2]):
            row[f"{name}_{column}"] = scan[column]
    return row | _course(record, last)


def _course(record: PatientRecord, last: Row) -> Row:
    if record.comparison is None:
        return {}
    names = ("change_mm3", "change_percent", "limit_lower_mm3", "limit_upper_mm3", "beyond_error")
    row = {name: last.get(name) for name in names}
    row |= {name: value for name, value in last.items() if name.startswith("response")}
    row["technique_changed"] = _words(code for code in last["flags"].split() if code in CHANGED)
    kinds = Counter(track["kind"] for track in record.comparison["tracks"])
    return row | {f"tracks_{kind}": kinds[kind] for kind in KINDS}


def scan_rows(record: PatientRecord) -> Iterator[Row]:
    """A row for each scan, in order of date."""
    for n, content in enumerate(record.scans):
        scan, burden = content["scan"], content["burden"]
        k, j, i = scan["spacing_mm"]
        row: Row = {
            **_place(record, n),
            **{name: scan[name] for name in ("age_years", "sex", "manufacturer", "kvp", "kernel")},
            **{name: scan[name] for name in ("slice_thickness_mm", "ctdi_vol_mgy", "noise_hu")},
            **{"slice_spacing_mm": k, "row_spacing_mm": j, "column_spacing_mm": i},
            **_flags(scan["flags"]),
            **{name: content["threshold"][name] for name in ("seed_hu", "edge_hu")},
            **_counts(content),
            **_limits(burden["volume_mm3"]),
            **{name: burden[name] for name in BURDEN_NUMBERS},
            "pattern": burden["pattern"],
            "input_sha256": content["software"]["input_sha256"],
            **{f"region_{one}_mm3": burden["by_region"].get(one, 0.0) for one in REGIONS},
            **{f"depth_{one}_mm3": burden["by_depth"].get(one, 0.0) for one in DEPTHS},
        }
        yield row | _change(record.comparison, n)


def _place(record: PatientRecord, n: int) -> Row:
    """Whose scan it is, and when it was made."""
    day = record.scans[n]["scan"]["study_date"]
    days = 0 if record.comparison is None else record.comparison["time_points"][n]["days_from_first"]
    return {
        "patient_key": record.about.key,
        "date_index": n,
        "study_date": None if day is None else dt.date.fromisoformat(day),
        "days_from_first": days,
    }


def _flags(flags: Sequence[Plain]) -> Row:
    codes = [one["code"] for one in flags]
    serious = [one["code"] for one in flags if one["severity"] == "serious"]
    return {"flags": _words(codes) or "", "serious_flags": _words(serious), "contrast": "CONTRAST" in codes}


def _words(codes: Iterator[str] | Sequence[str]) -> str | None:
    return " ".join(dict.fromkeys(codes)) or None


def _counts(content: Plain) -> Row:
    lesions = content["lesions"]
    return {
        "lesion_count": content["burden"]["lesion_count"],
        "indeterminate_count": sum(one["status"] == "indeterminate" for one in lesions),
        "excluded_count": len(content["excluded"]),
        "edited_count": sum(one["source"] == "edited" for one in lesions),
    }


def _limits(volume: Plain | None) -> Row:
    names = {"volume_mm3": "value", "volume_lower_mm3": "lower", "volume_upper_mm3": "upper"}
    return {name: None if volume is None else volume[part] for name, part in names.items()}


def _change(comparison: Plain | None, n: int) -> Row:
    """The change of the burden since the first scan, and the answer of this date."""
    if comparison is None or n == 0:
        return {}
    row: Row = {}
    for one in comparison["burden_change"]:
        if (one["from"], one["to"]) == (0, n):
            row |= {name: one[name] for name in ("change_mm3", "change_percent", "beyond_error")}
            row |= _no_change(one["limits_mm3"])
    for one in comparison["response"]:
        if one["date_index"] == n:
            row |= {"response": one["category"], "response_reference": one["reference"]}
            row |= {f"response_{name}": verdict for name, verdict in one["criteria"].items()}
            row["response_reasons"] = "; ".join(one["reasons"])
    return row


def _no_change(limits: Plain | None) -> Row:
    lower, upper = (limits["lower"], limits["upper"]) if limits is not None else (None, None)
    return {"limit_lower_mm3": lower, "limit_upper_mm3": upper}


def lesion_rows(record: PatientRecord) -> Iterator[Row]:
    """A row for each lesion of each scan."""
    for n, content in enumerate(record.scans):
        place = _place(record, n)
        for lesion in content["lesions"]:
            yield place | _lesion(lesion)


def _lesion(lesion: Plain) -> Row:
    row: Row = lesion | lesion["site"] | _limits(lesion["volume_mm3"])
    row["also_involves"] = " ".join(row["also_involves"]) or None
    for core, density in (("", lesion["hu"]), ("core_", lesion["hu_core"])):
        for name in ("mean", "sd", "p95", "max"):
            row[f"{core}{name}_hu"] = None if density is None else density[name]
    for plane in ("axial", "coronal", "sagittal"):
        for axis in ("long", "short"):
            row[f"{plane}_{axis}_axis_mm"] = lesion[plane][f"{axis}_axis_mm"]
    for n, axis in enumerate("xyz"):
        row[f"extent_{axis}_mm"] = lesion["extent_mm"][n]
        row[f"centroid_{axis}_mm"] = lesion["centroid_lps_mm"][n]
    return row


def track_rows(record: PatientRecord) -> Iterator[Row]:
    """A row for each track on each date."""
    if record.comparison is None:
        return
    for track in record.comparison["tracks"]:
        for n in range(len(track["lesions"])):
            yield _place(record, n) | _track(track, n)


def _track(track: Plain, n: int) -> Row:
    position = track["position_lps_mm"][n] or (None, None, None)
    said = [one for one in track["annotations"] if one["date_index"] == n]
    row: Row = {
        "track_id": track["track_id"],
        "lesions": " ".join(str(number) for number in track["lesions"][n]),
        "evaluable": track["evaluable"][n],
        **_limits(track["volume_mm3"][n]),
        "detection_limit_mm3": track["detection_limit_mm3"][n],
        **dict(zip(("x_mm", "y_mm", "z_mm"), position, strict=True)),
        "annotations": " ".join(one["code"] for one in said) or None,
        "annotation_words": "; ".join(one["words"] for one in said) or None,
        "kind_first_to_last": track["kind"],
        "tracking_uid": track["tracking_uid"],
    }
    if n == 0:
        return row
    step = track["steps"][n - 1]
    return row | {
        "kind_since_last": step["kind"],
        "topology_since_last": step["topology"],
        **{name: step[name] for name in ("change_mm3", "change_percent", "beyond_error", "reason")},
        **_no_change(step["limits_mm3"]),
    }
