"""Small pieces on a scan with contrast in bowel: how much evidence excludes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import ContrastSettings
from pipeline.domain.geometry import Float3
from pipeline.domain.lesion import Candidate
from pipeline.steps.fat import share_of_ways_through_fat
from pipeline.steps.pelvis import Pelvis
from pipeline.steps.pieces import question_pieces, question_sheets
from pipeline.steps.place import Surroundings
from tests.builders import FAT_HU, MUSCLE_HU, Values, ball, paint
from tests.steps.scenes import (
    GRID,
    RING_MM,
    candidate,
    in_muscle,
    pelvis_hu,
    ring_atlas,
    rod,
    surroundings,
    thigh_hu,
)

LOOP: Float3 = (0.0, 24.0, 0.0)
LOOP_HU = 340.0


def piece(
    centre: Float3,
    value_hu: float,
    hu: Values,
    *,
    loop: bool = True,
    radius_mm: float = 2.6,
    pelvis: Pelvis | None = None,
) -> Candidate:
    """What becomes of a small ball on a scan with a loop of bowel."""
    shape, other = ball(GRID, centre, radius_mm), ball(GRID, LOOP, 8.0)
    hu = paint(paint(hu, other, LOOP_HU), shape, value_hu)
    around, _ = surroundings(hu)
    around = replace(around, pelvis=pelvis)
    known = candidate(other, hu)
    bowel = Candidate(known.mask, 180.0, 1, known.peak_hu, kind="bowel_contrast", reason="known")
    found = question_pieces(
        (bowel, candidate(shape, hu)) if loop else (candidate(shape, hu),), around, SETTINGS
    )
    return found[-1]


SETTINGS = ContrastSettings()
NEAR: Float3 = (0.0, 4.0, 0.0)
FAR: Float3 = (0.0, -20.0, 0.0)


def test_next_to_a_loop_and_beside_fat_a_piece_is_bowel_and_the_evidence_is_named() -> None:
    found = piece(NEAR, 330.0, pelvis_hu(inside_hu=FAT_HU))
    assert found.kind == "bowel_contrast"
    assert "from bowel with contrast" in found.reason
    assert "fat" in found.reason


def test_in_a_muscle_of_the_wall_a_piece_as_dense_as_the_loop_beside_it_is_questioned() -> None:
    hu = pelvis_hu(inside_hu=MUSCLE_HU)
    assert piece(NEAR, 330.0, hu, pelvis=ring_atlas()).kind == "bowel_contrast"
    found = piece(NEAR, 330.0, hu, pelvis=in_muscle(ring_atlas()))
    assert (found.kind, found.status) == ("lesion", "indeterminate")


def in_organ(hu: Values, shape: Values, tissue_hu: float, pelvis: Pelvis) -> Candidate:
    """What becomes of a piece as dense as the loop beside it, in tissue of some density."""
    hu = paint(paint(hu, ball(GRID, LOOP, 8.0), LOOP_HU), shape, 330.0)
    around = replace(surroundings(hu)[0], pelvis=pelvis, muscle_hu=MUSCLE_HU)
    bowel = replace(candidate(ball(GRID, LOOP, 8.0), hu), kind="bowel_contrast", reason=f"{tissue_hu} HU")
    return question_pieces((bowel, candidate(shape, hu)), around, SETTINGS)[-1]


@pytest.mark.parametrize(("tissue_hu", "kind"), [(40.0, "bowel_contrast"), (56.0, "lesion")])
def test_where_the_atlas_has_a_muscle_tissue_less_dense_than_muscle_tells_bowel(
    tissue_hu: float, kind: str
) -> None:
    shape, pelvis = ball(GRID, NEAR, 2.6), in_muscle(ring_atlas())
    found = in_organ(pelvis_hu(inside_hu=tissue_hu), shape, tissue_hu, pelvis)
    assert found.kind == kind
    assert ("less dense than muscle (40 of 60 HU)" in found.reason) == (kind == "bowel_contrast")
    assert kind == "bowel_contrast" or found.status == "indeterminate"


def test_tissue_less_dense_than_muscle_is_no_evidence_for_a_piece_denser_than_the_loop() -> None:
    shape = ball(GRID, NEAR, 2.6)
    hu = paint(paint(pelvis_hu(inside_hu=40.0), ball(GRID, LOOP, 8.0), LOOP_HU), shape, 600.0)
    around = replace(surroundings(hu)[0], pelvis=ring_atlas(), muscle_hu=MUSCLE_HU)
    bowel = replace(candidate(ball(GRID, LOOP, 8.0), hu), kind="bowel_contrast", reason="known")
    found = question_pieces((bowel, candidate(shape, hu)), around, SETTINGS)[-1]
    assert (found.kind, found.status) == ("lesion", "definite")


@pytest.mark.parametrize(
    ("value_hu", "at_mm", "status"),
    [(340.0, 24.0, "indeterminate"), (700.0, 24.0, "definite"), (340.0, -20.0, "definite")],
)
def test_a_sheet_like_the_bowel_beside_it_is_questioned_a_denser_or_distant_one_is_not(
    value_hu: float, at_mm: float, status: str
) -> None:
    sheet, loop = rod((-12.0, at_mm + 14.0, 0.0), (12.0, at_mm + 14.0, 0.0), 2.0), ball(GRID, LOOP, 8.0)
    hu = paint(paint(pelvis_hu(), loop, LOOP_HU), sheet, value_hu)
    pelvis = ring_atlas()
    pelvis = replace(pelvis, fit=replace(pelvis.fit, points=pelvis.fit.points.copy()))
    around = replace(surroundings(hu)[0], pelvis=pelvis)
    bowel = replace(candidate(loop, hu), kind="bowel_contrast", reason="known")
    (found,) = question_sheets((candidate(sheet, hu),), (bowel,), around, SETTINGS)
    assert (found.kind, found.status) == ("lesion", status)
    assert question_sheets((candidate(sheet, hu),), (), around, SETTINGS)[0].status == "definite"


def test_one_evidence_alone_only_questions() -> None:
    near_bone = paint(pelvis_hu(inside_hu=MUSCLE_HU), ball(GRID, (0.0, -8.0, 0.0), 3.0), 1000.0)
    found = piece(NEAR, 280.0, near_bone)
    assert (found.kind, found.status) == ("lesion", "indeterminate")
    assert "may be bowel" in found.reason


@pytest.mark.parametrize("value_hu", [450.0, 800.0])
def test_a_denser_piece_stays_a_definite_lesion(value_hu: float) -> None:
    found = piece(NEAR, value_hu, pelvis_hu())
    assert (found.kind, found.status) == ("lesion", "definite")


def test_without_bowel_contrast_on_the_scan_nothing_is_questioned() -> None:
    found = piece(NEAR, 330.0, pelvis_hu(), loop=False)
    assert (found.kind, found.status) == ("lesion", "definite")


def test_against_the_pelvic_wall_and_in_the_thigh_nothing_is_bowel() -> None:
    for centre, hu in (((52.0, 0.0, 0.0), pelvis_hu()), ((35.0, -15.0, 0.0), thigh_hu())):
        found = piece(centre, 300.0, np.asarray(hu))
        assert (found.kind, found.status) == ("lesion", "definite")


def test_beside_bone_a_piece_like_contrast_is_questioned_and_never_excluded() -> None:
    hu = paint(pelvis_hu(inside_hu=FAT_HU), ball(GRID, (0.0, -2.0, 0.0), 3.0), 1000.0)
    found = piece((0.0, 5.0, 0.0), 320.0, hu, radius_mm=3.5)
    assert (found.kind, found.status) == ("lesion", "indeterminate")


def beside_wall(shape: Values, *, wall_hu: float) -> tuple[Candidate, Surroundings]:
    """A faint thing 10 mm inside the wall of the pelvis, with fat before it and what is given behind it."""
    hu = paint(pelvis_hu(inside_hu=FAT_HU), ball(GRID, (RING_MM - 4.0, 0.0, 0.0), 12.0), wall_hu)
    hu = paint(paint(hu, ball(GRID, (-20.0, 24.0, 0.0), 8.0), LOOP_HU), shape, 250.0)
    around, _ = surroundings(hu)
    around = replace(around, pelvis=ring_atlas())
    known = candidate(ball(GRID, (-20.0, 24.0, 0.0), 8.0), hu)
    bowel = replace(known, kind="bowel_contrast", reason="known")
    return question_pieces((bowel, candidate(shape, hu)), around, SETTINGS)[-1], around


WALL: Float3 = (RING_MM - 14.0, 0.0, 0.0)


@pytest.mark.parametrize(("wall_hu", "share"), [(FAT_HU, 1.0), (MUSCLE_HU, 0.0)])
def test_ways_to_the_next_bone_cross_fat_or_muscle(wall_hu: float, share: float) -> None:
    found, around = beside_wall(ball(GRID, WALL, 2.6), wall_hu=wall_hu)
    assert share_of_ways_through_fat(found.mask, around) == pytest.approx(
        share, abs=0.1
    )  # the rim of the ball


def test_a_piece_parted_by_fat_from_the_bones_is_bowel_and_on_their_muscle_it_is_questioned() -> None:
    found, _ = beside_wall(ball(GRID, WALL, 2.6), wall_hu=FAT_HU)
    assert found.kind == "bowel_contrast"
    assert "parted by fat from the bones" in found.reason
    found, _ = beside_wall(ball(GRID, WALL, 2.6), wall_hu=MUSCLE_HU)
    assert (found.kind, found.status) == ("lesion", "indeterminate")


def test_a_line_in_fat_beside_the_bones_is_only_questioned() -> None:
    x, y, _ = WALL
    found, _ = beside_wall(rod((x, y, -9.0), (x, y, 9.0), 1.4), wall_hu=FAT_HU)
    assert (found.kind, found.status) == ("lesion", "indeterminate")
