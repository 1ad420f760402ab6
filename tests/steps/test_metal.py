"""Metal is found where it is, is neither bone nor lesion, and what lies in its streaks is doubted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import MetalSettings
from pipeline.domain.analysis import Analysis
from pipeline.domain.geometry import Geometry
from pipeline.domain.lesion import Candidate
from pipeline.steps.metal import find_metal
from pipeline.steps.streaks import question_density, question_streaks, streak_zone
from pipeline.workflow import analyse, compare
from tests.builders import (
    Values,
    a_scan,
    ball,
    body_hu,
    boxed,
    centred_grid,
    coordinates_mm,
    ct,
    cylinder,
    paint,
    pelvis_of_two_shafts,
    whole,
)

SETTINGS = MetalSettings()
GRID = centred_grid((24, 88, 112))
TOP_HU = 3071.0
"""Where scales of 12 bits end."""


def rod(geometry: Geometry, x_mm: float, y_mm: float, radius_mm: float, half_mm: float = 7.0) -> Values:
    _, _, z = coordinates_mm(geometry)
    return np.maximum(cylinder(geometry, x_mm, y_mm, radius_mm), np.abs(z) - half_mm)


def with_pin(hu: Values, *, radius_mm: float = 4.0, metal_hu: float = 8000.0) -> Values:
    return paint(hu, rod(GRID, 0.0, -20.0, radius_mm), metal_hu)


def flag_of(found: Analysis) -> tuple[str, str] | None:
    return next(((one.severity, one.message) for one in found.flags if one.code == "METAL"), None)


def pieces(found: Analysis) -> list[tuple[str, float]]:
    return [(one.kind, one.volume_mm3) for one in found.excluded if one.kind in ("metal", "streak")]


@pytest.mark.parametrize("top_hu", [20_000.0, TOP_HU])
def test_a_rod_of_metal_is_excluded_where_it_lies(top_hu: float) -> None:
    hu, _ = pelvis_of_two_shafts({})
    found = analyse(a_scan(np.minimum(with_pin(hu), top_hu), GRID))
    (metal,) = (one for one in found.excluded if one.kind == "metal")
    assert metal.centroid_lps_mm == pytest.approx((0.0, -20.0, 0.0), abs=0.1)
    # half of 8000 HU lies on the surface, half of 3071 HU by a blur of 0.6 mm 0.54 mm outside it;
    # the rod ends on slices of 2 mm, which makes it 16 mm long; a circle of 4 pixels is off by 5 %
    radius_mm = 4.0 if top_hu > 8000 else 4.54
    assert metal.volume_mm3 == pytest.approx(np.pi * radius_mm**2 * 16, rel=0.06)
    assert metal.peak_hu == pytest.approx(min(8000, top_hu), abs=30)
    assert "denser" in metal.reason
    assert found.lesions == ()


def test_metal_raises_a_flag_that_says_how_much_and_where() -> None:
    hu, _ = pelvis_of_two_shafts({})
    screw, clip = (flag_of(analyse(a_scan(with_pin(hu, radius_mm=r), GRID))) for r in (6.0, 1.5))
    assert screw is not None
    assert clip is not None
    assert (screw[0], clip[0]) == ("serious", "warning")
    assert "z = -7 to 7 mm" in screw[1]


def test_without_metal_there_is_no_flag_and_nothing_is_touched() -> None:
    hu, _ = pelvis_of_two_shafts({(0.0, 20.0, -4.0): 5.0})
    assert find_metal(ct(hu, GRID), SETTINGS, factor=1.0) is None
    found = analyse(a_scan(hu, GRID))
    assert flag_of(found) is None
    assert pieces(found) == []


@pytest.mark.parametrize(("hu_120", "kvp"), [(1500.0, 120.0), (1900.0, 80.0), (1500.0, None)])
def test_dense_calcium_is_a_lesion(hu_120: float, kvp: float | None) -> None:
    factor = 177 / 130 if kvp == 80.0 else 1.0
    hu = paint(body_hu(GRID), ball(GRID, (0.0, -20.0, 0.0), 6.0), hu_120 * factor)
    found = analyse(a_scan(hu, GRID, kvp=kvp))
    assert [one.status for one in found.lesions] == ["definite"]
    assert pieces(found) == []


def test_metal_cut_off_at_the_top_of_the_scale_is_metal_at_low_voltage_too() -> None:
    hu = np.minimum(with_pin(body_hu(GRID)), TOP_HU)
    assert [kind for kind, _ in pieces(analyse(a_scan(hu, GRID, kvp=80.0)))] == ["metal"]


def test_a_lesion_nearly_as_dense_as_metal_is_doubted() -> None:
    hu = paint(body_hu(GRID), ball(GRID, (0.0, -20.0, 0.0), 4.0), 2400.0)
    (lesion,) = analyse(a_scan(hu, GRID)).lesions
    assert lesion.status == "indeterminate"
    assert "may be metal" in (lesion.why_indeterminate or "")


def test_a_nail_within_a_shaft_leaves_the_shaft_bone() -> None:
    plain, _ = pelvis_of_two_shafts({})
    nailed = analyse(a_scan(paint(plain, rod(GRID, -24.0, 0.0, 3.5, 30.0), 8000.0), GRID))
    whole_bone = analyse(a_scan(plain, GRID)).skeleton.values > 0
    (nail,) = (one.mask for one in nailed.excluded if one.kind == "metal")
    metal = np.zeros(GRID.shape, dtype=bool)
    metal[nail.box] = nail.voxels
    bone = nailed.skeleton.values > 0
    assert not (bone & metal).any()
    assert np.count_nonzero(bone & whole_bone) >= 0.98 * np.count_nonzero(whole_bone & ~metal)
    assert np.count_nonzero(bone & ~whole_bone) <= 0.02 * np.count_nonzero(whole_bone)
    assert nailed.lesions == ()


def test_a_lesion_beside_metal_stays_and_is_doubted_and_one_far_off_is_sure() -> None:
    hu, _ = pelvis_of_two_shafts({(10.0, -29.0, 0.0): 4.0, (0.0, 30.0, 0.0): 4.0})
    found = analyse(a_scan(with_pin(hu), GRID))
    status = {round(one.size.centroid_lps_mm[1]): one for one in found.lesions}
    assert set(status) == {-29, 30}
    assert (status[-29].status, status[30].status) == ("indeterminate", "definite")
    assert status[-29].why_indeterminate == "within the streaks of metal"


def test_a_lesion_in_slices_without_metal_is_sure() -> None:
    hu, _ = pelvis_of_two_shafts({(0.0, -20.0, 18.0): 3.0})
    (lesion,) = analyse(a_scan(with_pin(hu), GRID)).lesions
    assert lesion.status == "definite"


def with_ray(*, dark: bool, turned: bool = False) -> tuple[Values, Candidate]:
    """A bright ray of 2 mm that leaves the pin to the back, or crosses its way, a dark one beside it."""
    x, y, z = coordinates_mm(GRID)
    along, across = (x, y + 8) if turned else (y + 8, x)
    inside = (np.abs(along) <= 5) & (np.abs(z) <= 3)
    bright = np.broadcast_to(inside & (np.abs(across) <= 1), GRID.shape)
    shade = np.broadcast_to(inside & (np.abs(across - 3) <= 2), GRID.shape)
    hu = np.where(bright, 400.0, np.where(shade & dark, -400.0, with_pin(body_hu(GRID))))
    return hu, Candidate(boxed(bright, GRID), 200.0, 1, 400.0)


@pytest.mark.parametrize(
    ("dark", "turned", "kind"), [(True, False, "streak"), (False, False, "lesion"), (True, True, "lesion")]
)
def test_only_a_ray_that_points_to_metal_with_a_dark_one_beside_it_is_a_streak(
    dark: bool, turned: bool, kind: str
) -> None:
    hu, ray = with_ray(dark=dark, turned=turned)
    metal = find_metal(ct(hu, GRID), SETTINGS, factor=1.0)
    (found,) = question_streaks([ray], ct(hu, GRID), whole(GRID), metal, SETTINGS)
    assert found.kind == kind
    assert found.reason
    assert kind == "streak" or found.status == "indeterminate"


def test_no_ray_is_a_definite_lesion() -> None:
    for dark in (True, False):
        hu, _ = with_ray(dark=dark)
        found = analyse(a_scan(hu, GRID))
        assert all(one.status == "indeterminate" for one in found.lesions)
        assert len(found.lesions) + sum(kind == "streak" for kind, _ in pieces(found)) >= 1


def test_streaks_reach_twice_the_side_of_the_metal_and_between_large_pieces() -> None:
    hu = paint(body_hu(GRID), rod(GRID, -30.0, 0.0, 8.0), 8000.0)
    one = find_metal(ct(hu, GRID), SETTINGS, factor=1.0)
    two = find_metal(ct(paint(hu, rod(GRID, 30.0, 0.0, 8.0), 8000.0), GRID), SETTINGS, factor=1.0)
    assert one is not None
    assert two is not None
    far = MetalSettings(streak_reach=1.0)
    middle = (GRID.shape[0] // 2, 44, 56)  # 22 mm from either rod, whose root of area is 14 mm
    assert not streak_zone(one, GRID.spacing_mm, far)[middle]
    assert streak_zone(one, GRID.spacing_mm, SETTINGS)[middle]
    assert streak_zone(two, GRID.spacing_mm, far)[middle]
    assert not (streak_zone(two, GRID.spacing_mm, SETTINGS) & two.voxels).any()


def test_what_looks_like_bowel_in_streaks_is_a_doubted_lesion() -> None:
    hu, ray = with_ray(dark=False)
    metal = find_metal(ct(hu, GRID), SETTINGS, factor=1.0)
    bowel = replace(ray, kind="bowel_contrast", reason="beside gas")
    (found,) = question_streaks([bowel], ct(hu, GRID), whole(GRID), metal, SETTINGS)
    assert (found.kind, found.status) == ("lesion", "indeterminate")
    assert found.reason == "within the streaks of metal, otherwise bowel_contrast: beside gas"


def test_what_metal_hides_later_is_not_resolved() -> None:
    balls = {(12.0, -27.0, 0.0): 4.0, (0.0, 30.0, 0.0): 4.0}
    before = analyse(a_scan(pelvis_of_two_shafts(balls)[0], GRID))
    after = analyse(a_scan(with_pin(pelvis_of_two_shafts({}, seed=1)[0]), GRID))
    tracks = compare([before, after]).tracks
    kinds = {round(track.position_lps_mm[0][1]): track for track in tracks if track.position_lps_mm[0]}
    assert kinds[30].kind == "resolved"
    assert kinds[-27].kind == "not_evaluable"
    assert kinds[-27].steps[0].reason == "metal or its streaks hide the place on the other scan"


def test_what_was_doubted_before_keeps_its_reason() -> None:
    _, ray = with_ray(dark=False)
    doubted = Candidate(ray.mask, 200.0, 1, 2500.0, status="indeterminate", reason="cut by the edge")
    (found,) = question_density([doubted], SETTINGS, factor=1.0)
    assert found.reason == "cut by the edge; denser than calcium usually is, may be metal"


def test_mirrored_metal_has_mirrored_results() -> None:
    hu, _ = pelvis_of_two_shafts({(-14.0, -6.0, 0.0): 4.0})
    hu = paint(hu, rod(GRID, -8.0, -20.0, 4.0), 8000.0)
    one, two = (analyse(a_scan(values, GRID)) for values in (hu, hu[:, :, ::-1]))
    assert (one.skeleton.values == two.skeleton.values[:, :, ::-1]).all()
    assert (one.excluded_labels().values == two.excluded_labels().values[:, :, ::-1]).all()
    assert [lesion.status for lesion in one.lesions] == [lesion.status for lesion in two.lesions]
