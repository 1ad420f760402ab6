"""Who is the patient and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import BodySettings
from pipeline.domain.geometry import Geometry
from pipeline.domain.image import Mask
from pipeline.steps.body import segment_body
from tests.builders import AIR_HU, Values, ball, body_hu, centred_grid, ct, cylinder, paint

SHAPE = (16, 110, 120)
GRID = centred_grid(SHAPE)
RADIUS_MM = 51.0  #: of `body_hu` on this grid


def body_of(hu: Values, geometry: Geometry = GRID) -> Mask:
    return segment_body(ct(hu, geometry), BodySettings())


def test_the_body_is_everything_within_the_skin() -> None:
    body = body_of(body_hu(GRID))
    inside = cylinder(GRID, 0, 0, RADIUS_MM)
    assert body.voxels[inside < -1].all()  # the skin is blurred by 0.6 mm
    # found on a grid of 2 mm and one such voxel wider: two steps, diagonally
    assert not body.voxels[inside > 2 * 2 * np.sqrt(2)].any()


def test_gas_inside_belongs_to_the_body() -> None:
    hu = paint(body_hu(GRID), ball(GRID, (10, 5, 0), 10.0), AIR_HU)
    assert body_of(hu).voxels[ball(GRID, (10, 5, 0), 12.0) < 0].all()


@pytest.mark.parametrize("gap_mm", [1.0, 10.0])
def test_a_table_below_the_body_is_not_the_patient(gap_mm: float) -> None:
    hu = body_hu(centred_grid((16, 96, 120)))
    hu = np.pad(hu, ((0, 0), (0, 14), (0, 0)), constant_values=AIR_HU)
    grid = Geometry.from_spacing(SHAPE, spacing_mm=(2, 1, 1), origin_lps_mm=(-59.5, -47.5, -15))
    y = -47.5 + np.arange(SHAPE[1])[None, :, None] + np.zeros(SHAPE)
    plate = np.maximum(44 + gap_mm - y, y - (50 + gap_mm))  # the body ends at y = 44
    body = body_of(paint(hu, plate, 100.0), grid)
    far = np.abs(-59.5 + np.arange(SHAPE[2]))[None, None, :] > 30
    assert not body.voxels[(plate < 0) & far].any()
    assert body.voxels[cylinder(grid, 0, 0, 41.0) < 0].all()


def test_a_plaque_under_thin_skin_stays_in_the_body() -> None:
    hu = paint(body_hu(GRID), ball(GRID, (0, -RADIUS_MM + 1, 0), 3.0), 600.0)
    assert body_of(hu).voxels[ball(GRID, (0, -RADIUS_MM + 1, 0), 2.0) < 0].all()


def test_air_alone_is_nobody() -> None:
    assert not body_of(np.full(SHAPE, AIR_HU)).voxels.any()


def test_two_legs_are_both_the_patient() -> None:
    hu = np.full(SHAPE, AIR_HU)
    for x in (-30.0, 30.0):
        hu = paint(hu, cylinder(GRID, x, 0, 25.0), 50.0)
    body = body_of(hu)
    for x in (-30.0, 30.0):
        assert body.voxels[cylinder(GRID, x, 0, 22.0) < 0].all()


def test_a_body_that_fills_the_picture_is_all_body() -> None:
    assert body_of(np.full(SHAPE, 50.0)).voxels.all()
