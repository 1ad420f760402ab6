"""Which soft tissue a piece lies in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.steps.facts import Facts
from pipeline.steps.tissue import muscle_level_hu, tissue_around_hu
from tests.builders import FAT_HU, MUSCLE_HU, add_noise, ball, coordinates_mm, paint
from tests.steps.scenes import GRID, candidate, pelvis_hu, ring_atlas, surroundings, thigh_hu

PIECE = ball(GRID, (0.0, 10.0, 0.0), 3.0)
BOWEL_HU = 40.0


@pytest.mark.parametrize("inside_hu", [BOWEL_HU, MUSCLE_HU])
def test_the_tissue_around_a_piece_is_measured_under_noise(inside_hu: float) -> None:
    hu = add_noise(paint(pelvis_hu(inside_hu=inside_hu), PIECE, 340.0), 12.0)
    around, _ = surroundings(hu)
    found = tissue_around_hu(candidate(PIECE, hu).mask, around)
    assert found == pytest.approx(inside_hu, abs=2.0)  # 1200 voxels of 12 HU: 0.4 HU, and rounding


def test_fat_beside_muscle_does_not_lower_it() -> None:
    beside = np.broadcast_to(coordinates_mm(GRID)[0] + 6.0, GRID.shape)
    hu = paint(paint(pelvis_hu(inside_hu=MUSCLE_HU), beside, FAT_HU), PIECE, 340.0)
    found = tissue_around_hu(candidate(PIECE, hu).mask, surroundings(hu)[0])
    assert found == pytest.approx(MUSCLE_HU, abs=1.0)


def test_in_fat_alone_there_is_no_such_tissue() -> None:
    hu = paint(pelvis_hu(inside_hu=FAT_HU), PIECE, 340.0)
    assert tissue_around_hu(candidate(PIECE, hu).mask, surroundings(hu)[0]) is None


def test_muscle_is_measured_below_the_hip_joints_and_only_where_a_pelvis_was_found() -> None:
    around, _ = surroundings(add_noise(thigh_hu(), 12.0))
    assert muscle_level_hu(around) is None
    pelvis = ring_atlas()
    high = replace(pelvis, fit=replace(pelvis.fit, points=pelvis.fit.points + np.array([0, 0, 400])))
    assert muscle_level_hu(replace(around, pelvis=high)) == pytest.approx(MUSCLE_HU, abs=2.0)
    assert muscle_level_hu(replace(around, pelvis=pelvis)) is None  # its femur lies 300 mm below the scan


def test_without_a_level_of_muscle_nothing_lies_in_an_organ() -> None:
    hu = paint(pelvis_hu(inside_hu=BOWEL_HU), PIECE, 340.0)
    around, _ = surroundings(hu)
    mask = candidate(PIECE, hu).mask
    assert Facts(mask, around).below_muscle_hu == -np.inf
    found = Facts(mask, replace(around, muscle_hu=MUSCLE_HU)).below_muscle_hu
    assert found == pytest.approx(MUSCLE_HU - BOWEL_HU, abs=1.0)
