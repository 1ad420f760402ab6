"""Contrast medium in the blood, told by the vessels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.domain.image import CTVolume
from pipeline.steps.blood import BloodPool, find_blood_pool, may_reach_thighs
from pipeline.steps.skeleton import Skeleton
from pipeline.steps.smooth import smooth_volume
from pipeline.workflow import analyse
from tests.builders import (
    Values,
    a_scan,
    add_noise,
    ball,
    body_hu,
    centred_grid,
    ct,
    cylinder,
    no_bone,
    paint,
    pelvis_of_two_shafts,
    whole,
)

GRID = centred_grid((30, 96, 128), (2.0, 1.0, 1.0))


def vessels(
    hu: Values, blood_hu: float, *, radius_mm: float = 4.0, sides: tuple[int, ...] = (-1, 1)
) -> Values:
    for side in sides:
        hu = paint(hu, cylinder(GRID, side * 14.0, -20.0, radius_mm), blood_hu)
    return hu


def pool(hu: Values) -> BloodPool | None:
    nothing = np.zeros(GRID.shape, dtype=bool)
    volume: CTVolume = smooth_volume(ct(hu, GRID), sigma_mm=0.4)
    return find_blood_pool(volume, whole(GRID), Skeleton(no_bone(GRID), nothing, nothing))


@pytest.mark.parametrize("blood_hu", [130.0, 200.0, 400.0])
@pytest.mark.parametrize("radius_mm", [4.5, 6.0])
def test_the_brightness_of_the_blood_is_measured(blood_hu: float, radius_mm: float) -> None:
    found = pool(add_noise(vessels(body_hu(GRID), blood_hu, radius_mm=radius_mm), 8.0))
    assert found is not None
    assert found.median_hu == pytest.approx(blood_hu, rel=0.03)  # blur reaches half a radius in
    assert 0 < found.median_hu - found.low_hu < 8 + 0.08 * blood_hu  # noise, and some blur
    assert found.both_sides


def test_vessels_of_one_side_are_known_as_such() -> None:
    found = pool(vessels(body_hu(GRID), 200.0, sides=(1,)))
    assert found is not None
    assert not found.both_sides


def test_blood_no_brighter_than_muscle_is_no_pool() -> None:
    assert pool(add_noise(vessels(body_hu(GRID), 60.0), 8.0)) is None


def test_lumps_bowel_and_bone_are_no_vessels() -> None:
    lump = paint(body_hu(GRID), ball(GRID, (14.0, -20.0, 0.0), 12.0), 300.0)
    bowel = paint(body_hu(GRID), cylinder(GRID, 0.0, -10.0, 16.0), 250.0)
    shaft = paint(
        paint(body_hu(GRID), cylinder(GRID, 14.0, 0.0, 10.0), 700.0), cylinder(GRID, 14.0, 0.0, 6.0), 150.0
    )
    assert [pool(hu) for hu in (lump, bowel, shaft)] == [None, None, None]


LEGS = centred_grid((50, 96, 128), (2.0, 1.0, 1.0))
BLOOD = BloodPool(400.0, 380.0, both_sides=True)


def reaches(hu: Values, *, roof_mm: float = 49.0) -> bool:
    nothing = np.zeros(LEGS.shape, dtype=bool)
    bones = Skeleton(no_bone(LEGS), nothing, nothing)
    return may_reach_thighs(ct(hu, LEGS), whole(LEGS), bones, BLOOD, roof_mm)


def arteries(radius_mm: float, *, sides: tuple[int, ...] = (-1, 1)) -> Values:
    hu = body_hu(LEGS)
    for side in sides:
        hu = paint(hu, cylinder(LEGS, side * 30.0, -20.0, radius_mm), 400.0)
    return hu


@pytest.mark.parametrize("radius_mm", [2.0, 4.0, 6.0])
def test_arteries_of_both_thighs_are_seen_also_those_of_a_child(radius_mm: float) -> None:
    assert reaches(arteries(radius_mm))


def test_tubes_that_do_not_go_on_in_both_thighs_are_no_vessels() -> None:
    assert not reaches(body_hu(LEGS))
    assert not reaches(arteries(4.0, sides=(1,)))
    assert not reaches(arteries(14.0))  # masses


def test_a_scan_that_ends_at_the_hips_does_not_tell() -> None:
    assert reaches(body_hu(LEGS), roof_mm=0.0)


def test_vessels_with_contrast_are_no_lesions_and_dense_calcium_still_is() -> None:
    plain, grid = pelvis_of_two_shafts({(0.0, 26.0, 0.0): 5.0}, shape=(30, 96, 128))
    scan = a_scan(vessels(plain, 200.0), grid)
    found = analyse(replace(scan, acquisition=replace(scan.acquisition, contrast_agent=True)))
    assert found.threshold.edge_hu > 205
    assert "blood at" in found.threshold.reason
    (lesion,) = [one for one in found.lesions if not one.touches_edge]
    assert lesion.size.centroid_lps_mm == pytest.approx((0.0, 26.0, 0.0), abs=0.3)


def test_contrast_that_is_seen_and_not_declared_is_flagged() -> None:
    plain, grid = pelvis_of_two_shafts({}, shape=(30, 96, 128))
    flags = {flag.code for flag in analyse(a_scan(vessels(plain, 160.0), grid)).flags}
    assert "CONTRAST" in flags
    assert "CONTRAST" not in {flag.code for flag in analyse(a_scan(plain, grid)).flags}
