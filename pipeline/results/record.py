"""Analysis and comparison as plain values, by the names of the contract.

Lengths in mm, volumes in mm³, densities in HU. What is not known is None, never 0. Numbers are
rounded here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.domain.analysis import Analysis, Burden
from pipeline.domain.change import Annotation, BurdenChange, Comparison, Registration, Response, Step, Track
from pipeline.domain.lesion import Density, Excluded, Interval, Lesion, PlanarAxes
from pipeline.domain.outlines import Edit
from pipeline.domain.scan import QualityFlag
from pipeline.results.case_record import case_record

SCHEMA_VERSION = 1
DECIMALS = 3
FINE_DECIMALS = {"matrix_lps": 9, "scale": 9, "spacing_mm": 9}
"""What others are computed from: a thousandth more in a rotation moves a point by half a millimetre."""
Plain = dict[str, Any]


def rounded(value: Any, decimals: int = DECIMALS) -> Any:
    """A plain value with every float rounded, tuples as lists, numpy numbers as Python's."""
    if isinstance(value, Mapping):
        return {key: rounded(one, FINE_DECIMALS.get(key, decimals)) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(one, decimals) for one in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return rounded(value.tolist(), decimals)
    if isinstance(value, float):
        return round(value, decimals) + 0.0
    return value


def _plain(content: Plain) -> Plain:
    return {key: rounded(one) for key, one in content.items()}


def software(version: str, settings_sha256: str, input_sha256: str | None) -> Plain:
    """Which program and settings made the numbers, from which input."""
    return {
        "name": "calcinosis-ct",
        "version": version,
        "settings_sha256": settings_sha256,
        "input_sha256": input_sha256,
    }


def measurements(analysis: Analysis, *, version: str) -> Plain:
    """The content of ``measurements.json``."""
    return _plain(
        {
            "schema_version": SCHEMA_VERSION,
            "software": software(version, analysis.settings_sha256, analysis.scan.acquisition.input_sha256),
            "not_a_medical_device": True,
            "scan": _scan(analysis),
            "threshold": {
                "seed_hu": analysis.threshold.seed_hu,
                "edge_hu": analysis.threshold.edge_hu,
                "reason": analysis.threshold.reason,
            },
            "burden": burden(analysis.burden),
            "lesions": [_lesion(one) for one in analysis.lesions],
            "excluded": [_excluded(one) for one in analysis.excluded],
            "edits": [_edit(one) for one in analysis.edits],
        }
    )


def _scan(analysis: Analysis) -> Plain:
    how = analysis.scan.acquisition
    coverage = analysis.coverage
    return {
        "patient_key": how.patient_key,
        "study_date": how.study_date.isoformat() if how.study_date else None,
        "age_years": how.age_years,
        "sex": how.sex,
        "manufacturer": how.manufacturer,
        "kvp": how.kvp,
        "kernel": how.kernel,
        "slice_thickness_mm": how.slice_thickness_mm,
        "ctdi_vol_mgy": how.ctdi_vol_mgy,
        "spacing_mm": analysis.geometry.spacing_mm,
        "matrix": analysis.geometry.shape,
        "series_instance_uid": how.series_instance_uid,
        "flags": [_flag(one) for one in analysis.flags],
        "coverage": {
            "z_range_mm": coverage.z_range_mm,
            "bones_complete": coverage.bones_complete,
            "bones_cut": coverage.bones_cut,
            "in_plane_truncated": coverage.in_plane_truncated,
        },
        "noise_hu": analysis.noise_hu,
    }


def _flag(flag: QualityFlag) -> Plain:
    return {"code": flag.code, "severity": flag.severity, "message": flag.message}


def interval(value: Interval) -> Plain:
    """A value with its limits."""
    return {"value": value.value, "lower": value.lower, "upper": value.upper}


def burden(value: Burden) -> Plain:
    """The burden of one scan; what is not worked out yet is null or empty."""
    return {
        "lesion_count": value.lesion_count,
        "volume_mm3": interval(value.volume_mm3),
        "voxel_volume_mm3": value.voxel_volume_mm3,
        "indeterminate_volume_mm3": value.indeterminate_volume_mm3,
        "by_region": value.by_region,
        "by_depth": value.by_depth,
        "pattern": value.pattern,
        "calcium_mass_mg": value.calcium_mass_mg,
        "agatston_score": value.agatston_score,
        "detection_limit_mm3": value.detection_limit_mm3,
    }


def _axes(axes: PlanarAxes, position_name: str) -> Plain:
    return {
        "long_axis_mm": axes.long_axis_mm,
        "short_axis_mm": axes.short_axis_mm,
        "long_axis_points_lps_mm": axes.long_axis_points_lps_mm,
        "short_axis_points_lps_mm": axes.short_axis_points_lps_mm,
        position_name: axes.position_mm,
    }


def _hu(density: Density) -> Plain:
    return {"mean": density.mean_hu, "sd": density.sd_hu, "p95": density.p95_hu, "max": density.max_hu}


def _lesion(lesion: Lesion) -> Plain:
    size, density, site = lesion.size, lesion.density, lesion.site
    return {
        "id": lesion.id,
        "tracking_uid": lesion.tracking_uid,
        "source": lesion.source,
        "status": lesion.status,
        "why_indeterminate": lesion.why_indeterminate,
        "fragment_count": lesion.fragment_count,
        "edge_hu": lesion.edge_hu,
        "volume_mm3": interval(size.volume_mm3),
        "volume_note": size.volume_note,
        "voxel_volume_mm3": size.voxel_volume_mm3,
        "mesh_volume_mm3": size.mesh_volume_mm3,
        "axial": _axes(size.axial, "z_mm"),
        "coronal": _axes(size.coronal, "y_mm"),
        "sagittal": _axes(size.sagittal, "x_mm"),
        "diameter_3d_mm": size.diameter_3d_mm,
        "extent_mm": size.extent_mm,
        "centroid_lps_mm": size.centroid_lps_mm,
        "hu": _hu(density),
        "hu_core": None if density.core is None else _hu(density.core),
        "calcium_mass_mg": lesion.calcium_mass_mg,
        "agatston_score": lesion.agatston_score,
        "site": {
            "side": site.side,
            "region": site.region,
            "also_involves": site.also_involves,
            "structure": site.structure,
            "nearest_bone": site.nearest_bone,
            "bone_part": site.bone_part,
            "bone_distance_mm": site.bone_distance_mm,
            "skin_depth_mm": site.skin_depth_mm,
            "depth": site.depth,
            "code": site.code,
        },
        "bone_contact": lesion.bone_contact,
        "possibly_ossified": lesion.possibly_ossified,
        "touches_edge": lesion.touches_edge,
        "recist_measurable": lesion.recist_measurable,
        "morphology": lesion.morphology,
        "description": lesion.description,
    }


def _edit(one: Edit) -> Plain:
    return {
        "what": one.what,
        "lesion_ids": one.lesion_ids,
        "automatic_ids": one.automatic_ids,
        "indeterminate_ids": one.indeterminate_ids,
        "volume_before_mm3": one.volume_before_mm3,
        "volume_after_mm3": one.volume_after_mm3,
    }


def _excluded(one: Excluded) -> Plain:
    return {
        "id": one.id,
        "kind": one.kind,
        "reason": one.reason,
        "volume_mm3": one.volume_mm3,
        "centroid_lps_mm": one.centroid_lps_mm,
        "peak_hu": one.peak_hu,
    }


def comparison(value: Comparison, *, version: str) -> Plain:
    """The content of ``comparison.json``."""
    first = value.analyses[0]
    return _plain(
        {
            "schema_version": SCHEMA_VERSION,
            "software": software(version, first.settings_sha256, None),
            "not_a_medical_device": True,
            "case": {},
            "time_points": [_time_point(value, n) for n in range(len(value.time_points))],
            "threshold": {
                "seed_hu": value.threshold.seed_hu,
                "edge_hu": value.threshold.edge_hu,
                "same": value.threshold.same,
                "reason": value.threshold.reason,
            },
            "registration": [_registration(one) for one in value.registrations],
            "tracks": [_track(one) for one in value.tracks],
            "burden_change": [_burden_change(one) for one in value.burden_changes],
            "response": [_response(one) for one in value.responses],
        }
    ) | {"case": case_record(value.case)}  # a dose stays as it was written


def _time_point(value: Comparison, n: int) -> Plain:
    point, analysis = value.time_points[n], value.analyses[n]
    return {
        "index": point.index,
        "date": point.date.isoformat() if point.date else None,
        "age_years": analysis.scan.acquisition.age_years,
        "days_from_first": point.days_from_first,
        "input_sha256": analysis.scan.acquisition.input_sha256,
        "burden": burden(analysis.burden),
    }


def _registration(one: Registration) -> Plain:
    return {
        "from": one.from_index,
        "to": one.to_index,
        "bone": one.bone,
        "matrix_lps": one.transform.matrix_lps,
        "scale": one.transform.scale,
        "residual_mm": one.residual_mm,
        "accepted": one.accepted,
    }


def _optional(values: Sequence[Interval | None]) -> list[Plain | None]:
    return [None if one is None else interval(one) for one in values]


def _track(track: Track) -> Plain:
    return {
        "track_id": track.track_id,
        "tracking_uid": track.tracking_uid,
        "lesions": track.lesion_ids,
        "position_lps_mm": track.position_lps_mm,
        "evaluable": track.evaluable,
        "detection_limit_mm3": track.detection_limit_mm3,
        "volume_mm3": _optional(track.volume_mm3),
        "kind": track.kind,
        "steps": [_step(step) for step in track.steps],
        "annotations": [_annotation(one) for one in track.annotations],
    }


def _annotation(one: Annotation) -> Plain:
    return {
        "date_index": one.date_index,
        "code": one.code,
        "words": one.words,
        "excluded_id": one.excluded_id,
    }


def _limits(limits: tuple[float, float] | None) -> Plain | None:
    return None if limits is None else {"lower": limits[0], "upper": limits[1]}


def _step(step: Step) -> Plain:
    return {
        "from": step.from_index,
        "to": step.to_index,
        "topology": step.topology,
        "kind": step.kind,
        "change_mm3": step.change_mm3,
        "change_percent": step.change_percent,
        "limits_mm3": _limits(step.limits_mm3),
        "beyond_error": step.beyond_error,
        "reason": step.reason,
    }


def _burden_change(one: BurdenChange) -> Plain:
    return {
        "from": one.from_index,
        "to": one.to_index,
        "change_mm3": one.change_mm3,
        "change_percent": one.change_percent,
        "limits_mm3": _limits(one.limits_mm3),
        "beyond_error": one.beyond_error,
    }


def _response(one: Response) -> Plain:
    return {
        "date_index": one.date_index,
        "category": one.category,
        "criteria": {
            "calcinosis_25": one.criteria.calcinosis_25,
            "recist_1_1": one.criteria.recist_1_1,
            "volume": one.criteria.volume,
        },
        "reference": one.reference,
        "reasons": one.reasons,
    }
