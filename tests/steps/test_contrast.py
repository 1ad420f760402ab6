"""Contrast medium in bowel and bladder, and lumps that are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import ContrastSettings, SkeletonSettings
from pipeline.domain.image import LabelMap, Mask
from pipeline.domain.lesion import Candidate
from pipeline.steps.bone import pool_scan
from pipeline.steps.bowel import tell_bowel
from pipeline.steps.contrast import tell_contrast
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.pieces import question_pieces
from pipeline.steps.place import Surroundings
from pipeline.steps.release import release_contrast
from pipeline.steps.skeleton import Skeleton
from tests.builders import MUSCLE_HU, Values, ball, coordinates_mm, ellipsoid, paint
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

LOOP = (20.0, 0.0, 0.0)


def told(hu: Values, *shapes: Values) -> list[Candidate]:
    around, _ = surroundings(hu)
    settings = ContrastSettings()
    found = tell_bowel(
        tell_contrast([candidate(one, hu) for one in shapes], around, settings), around, settings
    )
    return list(question_pieces(found, around, settings))


def told_in(pelvis: Pelvis, hu: Values, shape: Values) -> Candidate:
    around, _ = surroundings(hu)
    around = replace(around, pelvis=pelvis)
    return tell_bowel((candidate(shape, hu),), around, ContrastSettings())[0]


def test_an_even_ball_far_from_bone_is_bowel_but_in_a_muscle_of_the_wall_it_stays() -> None:
    shape = ball(GRID, (0.0, 0.0, 0.0), 5.0)
    hu = paint(pelvis_hu(inside_hu=MUSCLE_HU), shape, 320.0)
    assert told_in(ring_atlas(), hu, shape).kind == "bowel_contrast"
    found = told_in(in_muscle(ring_atlas()), hu, shape)
    assert (found.kind, found.status) == ("lesion", "indeterminate")


def front_of(y_mm: float) -> Values:
    """Signed distance to all that lies before a level, negative there."""
    _, y, _ = coordinates_mm(GRID)
    return np.asarray(np.broadcast_to(y - y_mm, GRID.shape))


def test_an_even_loop_that_touches_gas_is_bowel() -> None:
    shape = ball(GRID, LOOP, 9.0)
    hu = paint(paint(pelvis_hu(), shape, 300.0), np.maximum(shape + 0.5, front_of(-3.0)), -900.0)
    (found,) = told(hu, shape)
    assert found.kind == "bowel_contrast"
    assert "gas" in found.reason


def test_a_thin_shell_of_contrast_around_gas_is_bowel() -> None:
    shape = ball(GRID, LOOP, 9.0)
    hu = paint(paint(pelvis_hu(), shape, 300.0), shape + 4, -900.0)
    assert told(hu, shape)[0].kind == "bowel_contrast"


@pytest.mark.parametrize(("inside_hu", "kind"), [(-450.0, "bowel_contrast"), (-90.0, "lesion")])
def test_what_closes_in_gas_however_small_is_bowel_and_fat_is_no_gas(inside_hu: float, kind: str) -> None:
    """A bubble too small to reach the density of gas."""
    shape = ball(GRID, (48.0, 0.0, 0.0), 6.0)
    hu = paint(paint(pelvis_hu(), shape, 300.0), shape + 3.5, inside_hu)
    assert told(hu, shape)[0].kind == kind


def test_gas_beside_a_dense_stone_does_not_make_it_bowel() -> None:
    stone = ball(GRID, LOOP, 2.3)
    hu = paint(paint(pelvis_hu(), ball(GRID, (28.0, 0.0, 0.0), 5.0), -900.0), stone, 800.0)
    assert told(hu, stone)[0].kind == "lesion"


def test_an_even_lump_of_the_cavity_without_gas_may_be_contrast() -> None:
    shape = ball(GRID, LOOP, 8.0)
    (found,) = told(paint(pelvis_hu(), shape, 300.0), shape)
    assert (found.kind, found.status) == ("lesion", "indeterminate")
    assert "contrast" in found.reason


def test_pieces_beside_a_loop_and_no_denser_are_the_same_bowel_and_a_denser_one_is_not() -> None:
    loop = ball(GRID, LOOP, 9.0)
    hu = paint(paint(pelvis_hu(), loop, 320.0), np.maximum(loop + 0.5, front_of(-3.0)), -900.0)
    piece, stone = ball(GRID, (20.0, 16.0, 0.0), 3.5), ball(GRID, (4.0, 0.0, 0.0), 3.5)
    hu = paint(paint(hu, piece, 310.0), stone, 800.0)
    found = told(hu, loop, piece, stone)
    assert [one.kind for one in found] == ["bowel_contrast", "bowel_contrast", "lesion"]


@pytest.mark.parametrize("turned", [1.0, -1.0], ids=["on the back", "on the belly"])
def test_a_pool_with_a_flat_level_under_water_is_in_the_bladder(turned: float) -> None:
    bladder = np.where(ellipsoid(GRID, (0.0, 0.0, 0.0), (24.0, 20.0, 20.0)), -3.0, 3.0)
    pool = np.maximum(bladder, -turned * front_of(0.0))
    hu = paint(paint(pelvis_hu(), bladder, 10.0), pool, 420.0)
    (found,) = told(hu, pool)
    assert found.kind == "bladder_contrast"
    assert "level" in found.reason or "flat" in found.reason


def test_a_dense_lump_against_a_full_bladder_is_parted_and_stays_a_lesion() -> None:
    bladder = np.where(ellipsoid(GRID, (0.0, 0.0, 0.0), (24.0, 20.0, 20.0)), -3.0, 3.0)
    pool = np.maximum(bladder, -front_of(0.0))
    lump = ball(GRID, (30.0, 6.0, 0.0), 8.0)
    hu = paint(paint(paint(pelvis_hu(), bladder, 10.0), pool, 400.0), lump, 800.0)
    parts = told(hu, np.minimum(pool, lump))
    assert [one.kind for one in parts] == ["bladder_contrast", "lesion"]
    assert parts[1].mask.volume_mm3 == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.25)
    assert parts[1].peak_hu > 700


@pytest.mark.parametrize(
    "shape",
    [
        ball(GRID, (48.0, 0.0, 0.0), 6.0),
        rod((46.0, 10.0, -14.0), (46.0, 16.0, 14.0), 3.0),
    ],
    ids=["a lump in the muscle of the pelvic wall", "a rod along it"],
)
def test_what_lies_against_the_pelvic_wall_stays_a_lesion(shape: Values) -> None:
    for value_hu, status in ((320.0, "lesion"), (700.0, "definite")):
        (found,) = told(paint(pelvis_hu(), shape, value_hu), shape)
        assert status in (found.kind, found.status)
        assert found.kind == "lesion"


@pytest.mark.parametrize("x_mm", [35.0, -35.0])
def test_an_even_lump_of_the_thigh_stays_a_lesion_on_both_sides(x_mm: float) -> None:
    shape = ball(GRID, (x_mm, 15.0, 0.0), 8.0)
    (found,) = told(paint(thigh_hu(), shape, 320.0), shape)
    assert (found.kind, found.status) == ("lesion", "definite")


def test_a_sheet_under_the_skin_stays_a_lesion() -> None:
    plate = np.maximum(np.abs(ball(GRID, (0.0, 0.0, 0.0), 66.0)) - 3.0, ball(GRID, (0.0, 66.0, 0.0), 14.0))
    (found,) = told(paint(thigh_hu(), plate, 320.0), plate)
    assert (found.kind, found.status) == ("lesion", "definite")


def test_a_dense_lump_and_what_is_excluded_already_are_not_questioned() -> None:
    shape = ball(GRID, LOOP, 8.0)
    hu = paint(pelvis_hu(), shape, 900.0)
    assert told(hu, shape)[0].status == "definite"


def release(hu: Values, taken: Values) -> tuple[Skeleton, Skeleton]:
    """A skeleton that holds a drawn shape too, before and after contrast is given back."""
    around, skeleton = surroundings(hu)
    solid = skeleton.solid | ((taken < 0) & (hu > 180))
    labels = LabelMap(solid.astype(np.uint8), GRID, {1: "other_bone"})
    both = Skeleton(labels, skeleton.lumps, solid)
    return both, released_from(both, around.without(solid))


def released_from(skeleton: Skeleton, around: Surroundings) -> Skeleton:
    body = Mask(around.body, around.smooth.geometry)
    pooled = pool_scan(around.smooth, body, SkeletonSettings())
    return release_contrast(skeleton, around, pooled, ContrastSettings())


def test_bowel_taken_for_bone_is_given_back_and_bone_is_kept() -> None:
    shape = ball(GRID, LOOP, 10.0)
    hu = paint(paint(pelvis_hu(), shape, 300.0), shape + 4, -900.0)
    before, after = release(hu, shape)
    lost = before.solid & ~after.solid
    assert lost[(shape < -0.8) & (hu > 200)].mean() > 0.9
    assert not lost[hu > 900].any()
    assert not after.joined[lost].any()


def test_spongiosa_behind_a_cortex_is_not_given_back() -> None:
    shape = ball(GRID, LOOP, 10.0)
    hu = paint(paint(pelvis_hu(), shape, 1200.0), shape + 2.5, 260.0)
    before, after = release(hu, shape)
    assert (before.solid == after.solid).all()
