"""A child who grows: what ossifies by itself between two scans is no new lesion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Float3, float3
from pipeline.domain.scan import Acquisition, Scan
from pipeline.phantoms import PhantomCase, PhantomLesion, build
from pipeline.phantoms.lesions import oblique_ellipsoid
from pipeline.phantoms.patient import Patient, Posture
from pipeline.phantoms.scanner import Scanner
from pipeline.steps.naming.atlas import load_atlas
from pipeline.workflow import analyse, compare

LUMP_MM: Float3 = (-60.0, 60.0, -40.0)
LESSER_TROCHANTER_MM = (99.5, 22.8, -56.0)
OFF_MM = 5.0
CARTILAGE_AND_BONE_MM: Float3 = (4.0, 2.5, 2.5)


def ossicle() -> PhantomLesion:
    """A small centre of bone that lies loose on the left lesser trochanter."""
    atlas = load_atlas()
    own = atlas.of("femur_left")
    n = int(np.linalg.norm(atlas.points[own] - LESSER_TROCHANTER_MM, axis=1).argmin())
    place = float3(atlas.points[own][n] + OFF_MM * atlas.normals[own][n])
    shape = oblique_ellipsoid(place, CARTILAGE_AND_BONE_MM)
    return PhantomLesion("ossicle", "left", "lesser trochanter", "nodular", 650.0, shape)


def scanned(posture: Posture, seed: int, *more: PhantomLesion) -> Analysis:
    lump = PhantomLesion(
        "lump", "right", "gluteus", "nodular", 650.0, oblique_ellipsoid(LUMP_MM, (7.0, 7.0, 7.0))
    )
    x, y, z = posture.shift_mm
    scanner = Scanner(
        spacing_mm=(2.0, 1.6, 1.6),
        matrix=(100, 153, 212),
        slice_thickness_mm=2.0,
        centre_lps_mm=(x, y + 16.0, z - 18.0),
        table=None,
        seed=seed,
    )
    made = build(PhantomCase(Patient(), posture, scanner, (lump, *more)))
    return analyse(Scan(volume=made.volume, acquisition=Acquisition(kvp=made.kvp)))


@pytest.fixture(scope="module")
def scans() -> tuple[Analysis, Analysis]:
    return scanned(Posture(), 1), scanned(Posture((0.0, 0.0, 1.0), 4.0, (5.0, 3.0, 2.0)), 2, ossicle())


def at_age(analysis: Analysis, years: float) -> Analysis:
    how = replace(analysis.scan.acquisition, age_years=years)
    return replace(analysis, scan=replace(analysis.scan, acquisition=how))


@pytest.mark.parametrize(("years", "category"), [(14.0, "stable"), (40.0, "progression")])
def test_a_centre_that_appears_in_a_child_is_named_and_in_a_grown_up_new(
    scans: tuple[Analysis, Analysis], years: float, category: str
) -> None:
    first, later = scans
    found = compare([first, at_age(later, years)])
    (new,) = (track for track in found.tracks if track.kind == "new")
    assert new.may_be_growth == (category == "stable")
    (response,) = found.responses
    assert response.category == category
    assert any("left lesser trochanter" in one for one in response.reasons) == (category == "stable")
    assert found.analyses[1].burden.lesion_count == 2  # the scan keeps its own numbers
