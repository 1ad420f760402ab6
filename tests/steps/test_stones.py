"""Stones of the pelvic cavity, and what looks like them and is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import StoneSettings
from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import Candidate
from pipeline.steps.naming.atlas import load_atlas
from pipeline.steps.naming.fit import AtlasFit
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.stones import form_of, tell_stones
from tests.builders import FAT_HU, MUSCLE_HU, Values, ball, paint
from tests.steps.scenes import (
    GRID,
    candidate,
    in_muscle,
    pelvis_hu,
    ring_atlas,
    rod,
    surroundings,
    thigh_hu,
)


def told(
    hu: Values,
    shape: Values,
    *,
    age_years: float | None = None,
    sex: str | None = None,
    pelvis: Pelvis | None = None,
) -> Candidate:
    painted = paint(hu, shape, 700.0)
    around, _ = surroundings(painted, age_years=age_years, sex=sex)
    around = replace(around, pelvis=pelvis)
    (result,) = tell_stones((candidate(shape, painted),), around, StoneSettings())
    return result


def test_a_round_spot_in_the_fat_of_the_pelvic_cavity_is_a_phlebolith() -> None:
    found = told(pelvis_hu(), ball(GRID, (25.0, 10.0, 0.0), 2.3))
    assert found.kind == "phlebolith"
    assert "mm from bone" in found.reason


def test_the_same_spot_in_the_muscle_of_the_pelvic_wall_stays_a_lesion() -> None:
    found = told(pelvis_hu(), ball(GRID, (49.0, 0.0, 0.0), 2.3))
    assert (found.kind, found.status) == ("lesion", "definite")


def test_the_same_spot_in_fat_beside_the_pelvic_wall_is_questioned() -> None:
    found = told(pelvis_hu(), ball(GRID, (39.0, 18.0, 0.0), 1.7), age_years=13.0)
    assert found.kind in ("lesion", "phlebolith")


@pytest.mark.parametrize("centre", [(40.0, 10.0, 0.0), (-40.0, 10.0, 0.0), (0.0, 66.0, 0.0)])
def test_nodules_of_thigh_and_fat_under_the_skin_stay_lesions_on_both_sides(centre: Float3) -> None:
    found = told(thigh_hu(), ball(GRID, centre, 2.3))
    assert (found.kind, found.status) == ("lesion", "definite")


def between_the_bones(
    inside_hu: float, *, muscle_hu: float | None, other_hu: float | None = None
) -> Candidate:
    """A round spot near the midline, 3 mm off bone; perhaps beside another, far off bone."""
    shape = ball(GRID, (6.0, 6.0, 0.0), 2.3)
    hu = paint(pelvis_hu(inside_hu=inside_hu), ball(GRID, (6.0, -0.8, 0.0), 3.0), 1000.0)
    hu, other = paint(hu, shape, 700.0), ball(GRID, (25.0, 22.0, 0.0), 2.3)
    hu = paint(hu, other, other_hu) if other_hu is not None else hu
    around = replace(surroundings(hu, sex="F")[0], pelvis=ring_atlas(), muscle_hu=muscle_hu)
    spots = tuple(candidate(one, hu) for one in (shape, other)[: 1 if other_hu is None else 2])
    return tell_stones(spots, around, StoneSettings())[0]


@pytest.mark.parametrize(
    ("inside_hu", "muscle_hu", "kind"),
    [(40.0, 60.0, "phlebolith"), (55.0, 60.0, "lesion"), (40.0, None, "lesion")],
)
def test_near_the_midline_beside_bone_tissue_less_dense_than_muscle_tells_a_phlebolith(
    inside_hu: float, muscle_hu: float | None, kind: str
) -> None:
    found = between_the_bones(inside_hu, muscle_hu=muscle_hu)
    assert found.kind == kind
    assert kind == "phlebolith" or found.status == "indeterminate"


@pytest.mark.parametrize(("muscle_hu", "status"), [(60.0, "indeterminate"), (None, "definite")])
def test_before_the_symphysis_a_streak_in_no_muscle_is_questioned(
    muscle_hu: float | None, status: str
) -> None:
    fit = ring_atlas().fit
    points = fit.points.copy()
    points[:-1, 1] += 90.0  # all bones lie behind,
    points[-1, 2] = 300.0  # and below the hip joints
    before = Pelvis(AtlasFit(fit.atlas, points, fit.normals, 1.0))
    shape = rod((0.0, 0.0, -2.5), (0.0, 0.0, 2.5), 1.6)
    hu = paint(thigh_hu(), ball(GRID, (0.0, 0.0, 0.0), 15.0), 40.0)
    hu = paint(hu, rod((0.0, 0.0, -5.0), (0.0, 0.0, 5.0), 1.6), 700.0)
    around = replace(surroundings(hu)[0], pelvis=before, muscle_hu=muscle_hu)
    (found,) = tell_stones((candidate(shape, hu),), around, StoneSettings())
    assert (found.kind, found.status) == ("lesion", status)


@pytest.mark.parametrize(("other_hu", "kind"), [(700.0, "phlebolith"), (400.0, "lesion")])
def test_a_questioned_spot_is_a_phlebolith_beside_another_as_dense(other_hu: float, kind: str) -> None:
    found = between_the_bones(55.0, muscle_hu=60.0, other_hu=other_hu)
    assert found.kind == kind
    assert ("another phlebolith" in found.reason) == (kind == "phlebolith")


def test_in_soft_tissue_of_a_man_near_the_midline_it_may_be_of_the_prostate() -> None:
    shape = ball(GRID, (5.0, 10.0, 0.0), 2.3)
    man = told(pelvis_hu(inside_hu=MUSCLE_HU), shape, sex="M")
    assert (man.kind, man.status) == ("lesion", "indeterminate")
    assert "prostate" in man.reason
    assert told(pelvis_hu(inside_hu=MUSCLE_HU), shape, sex="F").kind == "phlebolith"
    assert told(pelvis_hu(inside_hu=FAT_HU), shape, sex="M").kind == "phlebolith"


def test_a_long_streak_of_the_pelvic_cavity_is_no_stone() -> None:
    found = told(pelvis_hu(), rod((20.0, 0.0, -9.0), (20.0, 0.0, 9.0), 1.2))
    assert (found.kind, found.status) == ("lesion", "indeterminate")


def test_a_lump_of_the_pelvic_cavity_is_no_stone() -> None:
    found = told(pelvis_hu(), ball(GRID, (20.0, 0.0, 0.0), 6.0))
    assert (found.kind, found.status) == ("lesion", "definite")


def test_a_ball_is_as_long_as_wide_and_a_rod_is_not() -> None:
    around, _ = surroundings(pelvis_hu())
    for shape, long in (
        (ball(GRID, (20.0, 0.0, 0.0), 2.5), False),
        (rod((20.0, 0, -4), (20.0, 0, 4), 1.2), True),
    ):
        hu = paint(pelvis_hu(), shape, 700.0)
        around, _ = surroundings(hu)
        assert (form_of(candidate(shape, hu).mask, around).excess_mm > 0.6) == long


def test_with_fat_all_around_beside_the_pelvic_wall_it_is_a_phlebolith_and_in_muscle_a_lesion() -> None:
    pocket = ball(GRID, (44.0, 0.0, 0.0), 10.0)
    found = told(paint(pelvis_hu(), pocket, FAT_HU), ball(GRID, (44.0, 0.0, 0.0), 2.3))
    assert found.kind == "phlebolith"
    assert "fat all around" in found.reason


def test_beside_bone_near_the_midline_a_round_spot_is_questioned() -> None:
    hu = paint(pelvis_hu(inside_hu=MUSCLE_HU), ball(GRID, (0.0, 10.0, 0.0), 6.0), 1000.0)
    found = told(hu, ball(GRID, (0.0, 20.5, 0.0), 2.0))
    assert (found.kind, found.status) == ("lesion", "indeterminate")


@pytest.mark.parametrize(
    ("inside_hu", "middle_mm", "kind"),
    [(FAT_HU, 0.0, "phlebolith"), (MUSCLE_HU, 0.0, "lesion"), (FAT_HU, 30.0, "lesion")],
)
def test_in_fat_behind_the_symphysis_a_round_spot_is_a_phlebolith_close_to_bone_too(
    inside_hu: float, middle_mm: float, kind: str
) -> None:
    pubis = ball(GRID, (middle_mm, -30.0, 0.0), 6.0)
    found = told(
        paint(pelvis_hu(inside_hu=inside_hu), pubis, 1000.0),
        ball(GRID, (middle_mm, -21.0, 0.0), 2.0),  # 3 mm from bone
        pelvis=ring_atlas(),
    )
    assert found.kind == kind


@pytest.mark.parametrize(
    ("beyond_mm", "across_mm", "is_in_front"), [(-8, 0, True), (8, 0, False), (-8, 90, False)]
)
def test_before_the_pubic_bones_is_neither_behind_nor_far_beside_them(
    beyond_mm: float, across_mm: float, is_in_front: bool
) -> None:
    atlas = load_atlas()
    pelvis = Pelvis(AtlasFit(atlas, atlas.points, atlas.normals, 1.0))
    points = pelvis.fit.points[pelvis.fit.atlas.of("hip_bone_right", "hip_bone_left")]
    first = points[points[:, 1].argmin()]
    symphysis = points[(np.abs(points[:, 0]) < 12) & (points[:, 2] < first[2])]
    front = symphysis[symphysis[:, 1].argmin()]
    place = np.array([0.0, front[1] + beyond_mm, front[2]]) + np.array(
        [across_mm, 0.0, -100.0 * (across_mm > 0)]
    )
    assert pelvis.is_in_front(place) == is_in_front


CENTRE: Float3 = (25.0, 10.0, 0.0)


@pytest.mark.parametrize(
    ("tissue_hu", "kind", "status"),
    [(MUSCLE_HU, "lesion", "definite"), (FAT_HU, "lesion", "indeterminate")],
)
def test_far_from_bone_a_muscle_of_the_wall_holds_no_phlebolith(
    tissue_hu: float, kind: str, status: str
) -> None:
    hu, spot = pelvis_hu(inside_hu=tissue_hu), ball(GRID, CENTRE, 2.3)
    assert told(hu, spot, pelvis=ring_atlas()).kind == "phlebolith"
    found = told(hu, spot, pelvis=in_muscle(ring_atlas()))
    assert (found.kind, found.status) == (kind, status)


def test_fat_all_around_beside_the_wall_does_not_exclude_where_a_muscle_lies() -> None:
    pocket = ball(GRID, (44.0, 0.0, 0.0), 10.0)
    hu, spot = paint(pelvis_hu(), pocket, FAT_HU), ball(GRID, (44.0, 0.0, 0.0), 2.3)
    assert told(hu, spot, pelvis=ring_atlas()).kind == "phlebolith"
    found = told(hu, spot, pelvis=in_muscle(ring_atlas()))
    assert (found.kind, found.status) == ("lesion", "indeterminate")


def test_a_short_streak_deep_in_a_muscle_is_no_vessel() -> None:
    streak = rod((25.0, 10.0, -2.5), (25.0, 10.0, 2.5), 0.8)
    assert told(pelvis_hu(), streak, pelvis=ring_atlas()).kind == "vascular"
    found = told(pelvis_hu(), streak, pelvis=in_muscle(ring_atlas()))
    assert (found.kind, found.status) == ("lesion", "indeterminate")


@pytest.mark.parametrize(
    ("place", "below_mm", "status"),
    [
        ((0.0, 66.0, 0.0), 0.0, "indeterminate"),
        ((0.0, 66.0, 0.0), -400.0, "definite"),
        ((47.0, 47.0, 0.0), 0.0, "definite"),
    ],
)
def test_a_nodule_under_the_skin_is_questioned_near_the_pubic_bones_alone(
    place: Float3, below_mm: float, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pelvis, "encloses", lambda *_: False)
    monkeypatch.setattr(Pelvis, "faces_both_sides", lambda *_: True)
    atlas = load_atlas()
    points = atlas.points + np.array([0.0, 0.0, below_mm])
    pelvis = Pelvis(AtlasFit(atlas, points, atlas.normals, 1.0))
    found = told(thigh_hu(), ball(GRID, place, 2.3), pelvis=pelvis)
    assert (found.kind, found.status) == ("lesion", status)
