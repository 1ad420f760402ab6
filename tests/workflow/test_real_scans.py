"""Nine real scans: what was seen on reading them by eye is found, and bone is not calcinosis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import KDTree

from pipeline.dicom.read import read_scan
from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Float3
from pipeline.workflow import analyse

pytestmark = pytest.mark.real

SCANS = ("001", "003", "006", "013", "015", "028", "044", "046", "048")
REACH_MM = 3.0
"""A point set by eye lies within a slice (3.27 mm) of what it was set on."""


@pytest.fixture(scope="module", params=SCANS)
def scan(request: pytest.FixtureRequest, real_scans: Path) -> tuple[Analysis, list[dict[str, Any]]]:
    name = f"STS_{request.param}"
    findings = json.loads((real_scans / "findings.json").read_text("utf-8"))
    return analyse(read_scan(real_scans / name)), findings.get(name, [])


def points_of(findings: list[dict[str, Any]], kind: str) -> list[Float3]:
    return [one["point_lps_mm"] for one in findings if one["kind"] == kind]


def distance_to_lesions_mm(analysis: Analysis, point: Float3) -> float:
    trees = [KDTree(lesion.mask.points_lps_mm()) for lesion in analysis.lesions]
    return min((float(tree.query(point)[0]) for tree in trees), default=float("inf"))


def test_every_soft_tissue_calcification_is_found(scan: tuple[Analysis, list[dict[str, Any]]]) -> None:
    analysis, findings = scan
    for point in points_of(findings, "soft_tissue_calcification"):
        assert distance_to_lesions_mm(analysis, point) <= REACH_MM, point


def test_no_bone_is_a_lesion(scan: tuple[Analysis, list[dict[str, Any]]]) -> None:
    analysis, findings = scan
    half_voxel_mm = float(np.linalg.norm(analysis.geometry.spacing_mm)) / 2
    for point in points_of(findings, "bone"):
        assert distance_to_lesions_mm(analysis, point) > half_voxel_mm, point


def test_a_scan_of_a_grown_up_limb_or_pelvis_has_bone(scan: tuple[Analysis, list[dict[str, Any]]]) -> None:
    analysis, _ = scan
    assert (analysis.skeleton.values > 0).sum() * analysis.geometry.voxel_volume_mm3 > 50_000
